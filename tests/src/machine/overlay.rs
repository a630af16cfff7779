//! A root that can be written to, on top of one that many share.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::run;

/// An overlay. Dropping it takes it away.
#[derive(Debug)]
pub(super) struct Overlay(PathBuf);

impl Overlay {
    /// On top of `root`; what is written goes into `folder`.
    pub(super) fn on(root: &Path, folder: &Path) -> Result<Self> {
        let [upper, work, merged] = ["upper", "work", "root"].map(|name| folder.join(name));
        for path in [&upper, &work, &merged] {
            fs::create_dir_all(path)?;
        }
        let options = format!("lowerdir={},upperdir={},workdir={}", root.display(), upper.display(), work.display());
        run(Command::new("mount").args(["-t", "overlay", "overlay", "-o", &options]).arg(&merged))?;
        Ok(Self(merged))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        // Lazily: whatever may still hold it must not keep the test from ending.
        if let Err(error) = run(Command::new("umount").arg("--lazy").arg(&self.0)) {
            eprintln!("{error:#}");
        }
    }
}
