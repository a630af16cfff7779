//! The key files of a member: the key, and while it is being replaced the next one. Each step leaves files from which a
//! member comes back, wherever it is cut off.
//!
//! `key.rotate`: somebody has asked for a new key. `key.new`: the next key; it may be the one that counts already.
//! `key`: the key that counted when this was written. [`KeyRing::complete`] makes the next one the key, all at once.

use crate::key::MemberKey;
use crate::key_file::{KeyFile, KeyFileError};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// The key files in a member's folder.
#[derive(Clone, Debug)]
pub struct KeyRing(PathBuf);

impl KeyRing {
    /// Those in this folder.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// The key that counts, or counted until a moment ago.
    #[must_use]
    pub fn current(&self) -> KeyFile {
        KeyFile::at(self.0.join("key"))
    }

    /// The key that is to take its place.
    #[must_use]
    pub fn next(&self) -> KeyFile {
        KeyFile::at(self.0.join("key.new"))
    }

    /// Asks the member's service for a new key.
    ///
    /// # Errors
    /// Where the folder can't be written.
    pub fn ask(&self) -> io::Result<()> {
        File::create(self.request())?.sync_all()?;
        self.sync()
    }

    /// True while a key is being replaced, or somebody has asked for that.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.request().exists() || self.next().path().exists()
    }

    /// The next key, where one is wanted: it is on the disk before anybody hears of it.
    ///
    /// # Errors
    /// Where it can't be made, written or read.
    pub fn prepare(&self) -> Result<Option<MemberKey>, KeyFileError> {
        let next = self.next();
        if next.path().exists() {
            return next.load().map(Some);
        }
        if !self.request().exists() {
            return Ok(None);
        }
        let io = |source| KeyFileError::Io { what: "write", path: next.path().to_owned(), source };
        let key = MemberKey::generate().map_err(|e| io(io::Error::other(e)))?;
        next.create(&key)?;
        fs::remove_file(self.request()).and_then(|()| self.sync()).map_err(io)?;
        Ok(Some(key))
    }

    /// The next key is the key from now on.
    ///
    /// # Errors
    /// Where the folder can't be written; both files are then as they were.
    pub fn complete(&self) -> Result<(), KeyFileError> {
        let (from, to) = (self.next(), self.current());
        let renamed = fs::rename(from.path(), to.path()).and_then(|()| self.sync());
        renamed.map_err(|source| KeyFileError::Io { what: "write", path: to.path().to_owned(), source })
    }

    fn request(&self) -> PathBuf {
        self.0.join("key.rotate")
    }

    fn sync(&self) -> io::Result<()> {
        File::open(self.folder())?.sync_all()
    }

    /// Where the files are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let ring = KeyRing::at(folder.path());
        let first = MemberKey::from_seed(&[1; 32]);
        ring.current().create(&first).unwrap();
        assert!(ring.prepare().unwrap().is_none() && !ring.is_under_way());
        ring.ask().unwrap();
        assert!(ring.is_under_way());
        let next = ring.prepare().unwrap().unwrap();
        assert_ne!(next.public(), first.public());
        // Asked again, or by another process after a crash, it is the same.
        ring.ask().unwrap();
        for _ in 0..2 {
            assert_eq!(ring.prepare().unwrap().unwrap().public(), next.public());
            assert_eq!(ring.current().load().unwrap().public(), first.public());
        }
        ring.complete().unwrap();
        assert_eq!(ring.current().load().unwrap().public(), next.public());
        assert!(!ring.next().path().exists());
        // The second request was for another one.
        assert_ne!(ring.prepare().unwrap().unwrap().public(), next.public());
    }
}
