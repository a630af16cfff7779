//! A backup of one broker in one file: everything that its data directory needs to start again, its key included.
//!
//! ```text
//! "hostler backup 1\n"  |  zstd of a tar archive: manifest.json, then the files  |  BLAKE3 of all before it, 32 bytes
//! ```
//! The files are those of the broker's folder, under `broker/`, and the machine's configuration, `hostler.toml`.

mod read;
mod source;
mod write;

pub use read::{Unpacked, config, manifest, unpack, verify};
pub use source::BackupSource;
pub use write::write;

use hostler_model::{BrokerId, Name};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;

/// The first bytes of every backup.
pub const MAGIC: &[u8; 17] = b"hostler backup 1\n";
/// The last bytes: a hash of all before them.
pub const HASH_BYTES: usize = 32;
/// The file in a broker's folder that says that the folder was restored, until a new incarnation is opened.
pub const RESTORED: &str = "restored";

const MANIFEST: &str = "manifest.json";
const CONFIG: &str = "hostler.toml";
/// Where the broker's folder is in a backup.
const FOLDER: &str = "broker";
/// The manifest or the configuration, in bytes.
const TEXT_BYTES: u64 = 64 * 1024;
/// Files in one backup.
const FILES: usize = 1_000_000;
/// Buffers between zstd, the disk and the network, in bytes.
const BUFFER_BYTES: usize = 64 * 1024;

/// What a backup is of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The program that wrote it.
    pub program: String,
    /// The farm's name.
    pub farm: Option<Name>,
    /// The broker whose key it holds.
    pub broker: BrokerId,
    /// The broker's name.
    pub name: Option<Name>,
    /// When, in ms since 1970.
    pub taken_ms: u64,
    /// Its log has at least so many events.
    pub events: u64,
}

/// Why a backup can't be made or used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The log gives no snapshot.
    #[error(transparent)]
    Snapshot(#[from] hostler_log_rocks::SnapshotError),
    /// A file can't be read or written.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Whoever reads it has gone away, or is out of room.
    #[error("the backup could not be handed over: {0}")]
    Stream(io::Error),
    /// Another kind of file.
    #[error("{0} is no backup of a broker: it does not begin as one does")]
    NotABackup(PathBuf),
    /// Not all of it, or not as it was.
    #[error("{path} is damaged: {why}; nothing of it was used, take another backup")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl BackupError {
    fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::File { path, error }
    }
}
