//! Why a log could not be opened.

use hostler_log::LogError;
use std::path::PathBuf;

/// Why a log could not be opened. Nothing in its folder was changed then, but for the lock file.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder can't be used.
    #[error("can't use {path} for the log: {error}; check that it can be written to and has room")]
    Folder {
        /// The folder or the file in it.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// Somebody else has it.
    #[error("the log in {path} is held by another process{holder}: stop that one first, or use another data folder")]
    Locked {
        /// The folder.
        path: PathBuf,
        /// " (number 123)", if it is known.
        holder: String,
    },
    /// Written by a later release.
    #[error("the log in {path} has format {found}, and this program knows {known}: install the release that wrote it")]
    NewerFormat {
        /// The folder.
        path: PathBuf,
        /// What the stamp says.
        found: u32,
        /// What this program knows.
        known: u32,
    },
    /// Another kind of folder.
    #[error("{path} is no log: it has other files and no format stamp; name the right folder, or an empty one")]
    NotALog {
        /// The folder.
        path: PathBuf,
    },
    /// The stamp can't be read.
    #[error("the format stamp {path} is damaged: check the disk, and restore this file from a backup of the log")]
    Stamp {
        /// The file.
        path: PathBuf,
    },
    /// RocksDB refuses.
    #[error(
        "the log in {path} can't be opened: {why}; check the disk, or move the folder away and fetch the events \
             from another broker"
    )]
    Database {
        /// The folder.
        path: PathBuf,
        /// What RocksDB says.
        why: String,
    },
    /// What was stored is damaged.
    #[error(transparent)]
    Damaged(#[from] LogError),
}
