//! The lab's folder on disk.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// Set to 1 to keep the folders of all labs.
const KEEP: &str = "HOSTLER_KEEP_LAB";

/// A temporary folder that goes away with its last user.
#[derive(Debug)]
pub(crate) struct LabFolder {
    path: PathBuf,
    /// Removes the folder when it is dropped; `None` if it stays.
    _remover: Option<TempDir>,
}

impl LabFolder {
    pub(crate) fn new() -> Result<Self> {
        let folder =
            tempfile::Builder::new().prefix("hostler-lab-").tempdir().context("can't make the lab's folder")?;
        // Users' sessions pass through it to their homes.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let path = folder.path().to_owned();
        if env::var(KEEP).is_ok_and(|value| value == "1") {
            let kept = folder.keep();
            println!("the lab's folder is kept: {}", kept.display());
            return Ok(Self { path, _remover: None });
        }
        Ok(Self { path, _remover: Some(folder) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A folder in it, made if it is not there.
    pub(crate) fn make(&self, name: impl AsRef<Path>) -> Result<PathBuf> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).with_context(|| format!("can't make {}", path.display()))?;
        Ok(path)
    }
}
