//! Backup and restore.

use clap::Args;
use std::path::PathBuf;

/// A backup.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(crate) struct BackupArgs {
    /// The file to write; it holds the broker's key, so nobody else may read it
    pub(crate) file: PathBuf,
}

/// Back from a backup.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(crate) struct RestoreArgs {
    /// The file that `hostler backup` wrote
    pub(crate) file: PathBuf,
    /// Where a broker is here already, move its folder aside
    #[arg(long)]
    pub(crate) force: bool,
}
