//! A log as it is at one moment, beside the log itself, for a backup: nothing is copied but what may still change.

use crate::archive::Archive;
use crate::reader::RocksReader;
use rocksdb::checkpoint::Checkpoint;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

const FOLDER: &str = "snapshot";

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// One at a time: they share a folder.
    #[error("another snapshot of this log is in use: wait until that backup is done")]
    InUse,
    /// The disk or RocksDB refuses.
    #[error("no snapshot can be made in {path}: {why}; check that there is room")]
    Failed {
        /// The snapshot's folder.
        path: PathBuf,
        /// What the system or RocksDB says.
        why: String,
    },
}

/// A folder that is a log of its own, and is removed in the end.
pub struct Snapshot {
    reader: RocksReader,
    folder: PathBuf,
}

impl Snapshot {
    /// Where it is. Its files don't change.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        // What is left is removed at the next start.
        let _ = fs::remove_dir_all(&self.folder);
        in_use(&self.reader).store(false, Ordering::Release);
    }
}

impl RocksReader {
    /// Makes a snapshot, while others read and write.
    ///
    /// # Errors
    /// Where another one is in use, or there is no room.
    pub fn snapshot(&self) -> Result<Snapshot, SnapshotError> {
        if in_use(self).swap(true, Ordering::AcqRel) {
            return Err(SnapshotError::InUse);
        }
        let log = self.archive().log_folder();
        let snapshot = Snapshot { reader: self.clone(), folder: log.join(FOLDER) };
        let failed = |why: String| SnapshotError::Failed { path: snapshot.folder.clone(), why };
        remove(log).map_err(|error| failed(error.to_string()))?;
        fs::create_dir(&snapshot.folder).map_err(|error| failed(error.to_string()))?;
        // While events move between the two, they would be in both, or in neither.
        let _still = self.archive().lock_for_writing();
        let checkpoint = Checkpoint::new(self.db()).map_err(|error| failed(error.into_string()))?;
        let database = snapshot.folder.join("rocks");
        checkpoint.create_checkpoint(database).map_err(|error| failed(error.into_string()))?;
        link(self.archive(), &snapshot.folder).map_err(|error| failed(error.to_string()))?;
        Ok(snapshot)
    }
}

/// Archive files and the format's stamp are never changed, only replaced: a link keeps what is there now.
fn link(archive: &Archive, to: &Path) -> io::Result<()> {
    let folder = to.join("archive");
    fs::create_dir(&folder)?;
    for feed in archive.feeds() {
        for file in archive.files(&feed).iter() {
            let Some(name) = file.path.file_name() else { continue };
            fs::hard_link(&file.path, folder.join(name))?;
        }
    }
    fs::hard_link(archive.log_folder().join("format"), to.join("format"))
}

/// Removes what a process left that ended meanwhile.
pub(crate) fn remove(log_folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(log_folder.join(FOLDER)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn in_use(reader: &RocksReader) -> &AtomicBool {
    reader.snapshot_in_use()
}
