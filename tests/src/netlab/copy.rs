//! A copy of a member's data, as a snapshot of its machine has it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// What a member had on its disk at some moment.
#[derive(Clone, Debug)]
pub struct DataCopy {
    folder: PathBuf,
}

impl DataCopy {
    /// Copies a folder. Whoever writes there must stand still meanwhile.
    pub(super) fn take(data: &Path, to: PathBuf) -> Result<Self> {
        copy(data, &to)?;
        Ok(Self { folder: to })
    }

    /// Puts it in the place of what is there now.
    pub(super) fn restore(&self, data: &Path) -> Result<()> {
        wipe(data)?;
        copy(&self.folder, data)
    }
}

/// Empties a disk.
pub(super) fn wipe(data: &Path) -> Result<()> {
    match fs::remove_dir_all(data) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("can't empty {}", data.display()))
        }
        _ => Ok(()),
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = Command::new("cp").arg("-a").arg("--").args([from, to]).status()?;
    ensure!(copied.success(), "can't copy {} to {}", from.display(), to.display());
    Ok(())
}
