//! The file that holds a member's key: one line, readable by its owner only, written all or not at all.

use crate::key::MemberKey;
use data_encoding::BASE32_NOPAD;
use rand::TryRng;
use rand::rngs::SysRng;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const FIRST_WORD: &str = "hostler-key-1";
/// A key file in bytes; more is not read.
const KEY_FILE_BYTES: u64 = 1_024;
/// What others than the owner may do with the file: nothing.
const OTHERS: u32 = 0o077;

/// Why a key could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// No file.
    #[error("there is no key at {0}: has this machine joined a farm? (hostler init, hostler join)")]
    Missing(PathBuf),
    /// It is there and must not be lost.
    #[error("{0} holds a key already, and a lost key can't be made again: move it away first if you mean it")]
    Exists(PathBuf),
    /// A directory, a pipe, a device.
    #[error("{0} is not a plain file")]
    NotAFile(PathBuf),
    /// Others may read or write it.
    #[error(
        "the key in {path} is open to others (mode {mode:04o}): treat it as stolen, or if you are sure that nobody \
             read it, chmod 600 {path}"
    )]
    TooOpen {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not what [`KeyFile::create`] wrote.
    #[error("{path} is not a key file of hostler: {why}; restore it from a backup or join again")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The system refused.
    #[error("can't {what} the key file {path}: {source}")]
    Io {
        /// "read" or "write".
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// Where a member's key lies.
#[derive(Clone, Debug)]
pub struct KeyFile(PathBuf);

impl KeyFile {
    /// The file at `path`, which need not exist yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads the key.
    ///
    /// # Errors
    /// Where there is none, others may read or write it, or it is damaged.
    pub fn load(&self) -> Result<MemberKey, KeyFileError> {
        let io = |source: io::Error| KeyFileError::Io { what: "read", path: self.0.clone(), source };
        // Looked at before it is opened, because opening a pipe would wait for its other end.
        match fs::metadata(&self.0) {
            Ok(meta) if !meta.is_file() => return Err(KeyFileError::NotAFile(self.0.clone())),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(KeyFileError::Missing(self.0.clone())),
            Err(e) => return Err(io(e)),
        }
        let file = File::open(&self.0).map_err(io)?;
        // Permissions are those of what was opened, not of what the path meant a moment ago.
        let meta = file.metadata().map_err(io)?;
        if meta.mode() & OTHERS != 0 {
            return Err(KeyFileError::TooOpen { path: self.0.clone(), mode: meta.mode() & 0o7777 });
        }
        let mut bytes = Vec::new();
        file.take(KEY_FILE_BYTES).read_to_end(&mut bytes).map_err(io)?;
        parse(&bytes).map_err(|why| KeyFileError::Malformed { path: self.0.clone(), why })
    }

    /// Writes a new key, durably.
    ///
    /// # Errors
    /// Where the file exists, or can't be written.
    pub fn create(&self, key: &MemberKey) -> Result<(), KeyFileError> {
        // A link fails where the name is taken; a rename would silently replace what is there.
        self.write(key, |from, to| fs::hard_link(from, to).and_then(|()| fs::remove_file(from)))
    }

    /// Puts a key in the place of the one that is there (a key that was rotated), durably and all at once.
    ///
    /// # Errors
    /// Where the file can't be written; the old key is then still there.
    pub fn replace(&self, key: &MemberKey) -> Result<(), KeyFileError> {
        self.write(key, |from, to| fs::rename(from, to))
    }

    fn write(&self, key: &MemberKey, publish: impl FnOnce(&Path, &Path) -> io::Result<()>) -> Result<(), KeyFileError> {
        let mut salt = [0; 5];
        let folder = self.0.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let written = SysRng.try_fill_bytes(&mut salt).map_err(io::Error::other).and_then(|()| {
            let name = format!(".new-key-{}", BASE32_NOPAD.encode(&salt).to_ascii_lowercase());
            let draft = folder.join(name);
            let done = write_draft(&draft, key).and_then(|()| publish(&draft, &self.0));
            if done.is_err() {
                // The first error is the one worth telling; a draft that stays behind is closed to others as well.
                let _ = fs::remove_file(&draft);
            }
            done?;
            File::open(folder)?.sync_all()
        });
        written.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => KeyFileError::Exists(self.0.clone()),
            _ => KeyFileError::Io { what: "write", path: self.0.clone(), source },
        })
    }
}

fn write_draft(path: &Path, key: &MemberKey) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let seed = BASE32_NOPAD.encode(key.secret()).to_ascii_lowercase();
    file.write_all(format!("{FIRST_WORD} {} {seed}\n", key.fingerprint()).as_bytes())?;
    file.sync_all()
}

fn parse(bytes: &[u8]) -> Result<MemberKey, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text")?;
    let mut words = text.split_ascii_whitespace();
    if words.next() != Some(FIRST_WORD) {
        return Err("it does not begin with \"hostler-key-1\"");
    }
    let (Some(fingerprint), Some(seed), None) = (words.next(), words.next(), words.next()) else {
        return Err("it must have three words");
    };
    let seed =
        BASE32_NOPAD.decode(seed.to_ascii_uppercase().as_bytes()).map_err(|_| "the key is mistyped or cut off")?;
    let seed: [u8; 32] = seed.try_into().map_err(|_| "the key is mistyped or cut off")?;
    let key = MemberKey::from_seed(&seed);
    // The fingerprint stands there for people, and finds a damaged key before it is used as somebody else.
    if key.fingerprint().to_string() != fingerprint {
        return Err("the key does not have the fingerprint that stands before it");
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn key() -> MemberKey {
        MemberKey::from_seed(&[9; 32])
    }

    #[test]
    fn a_key_is_found_again_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::at(folder.path().join("key"));
        assert!(matches!(file.load(), Err(KeyFileError::Missing(_))));
        file.create(&key()).unwrap();
        assert_eq!(file.load().unwrap().public(), key().public());
        assert_eq!(fs::metadata(file.path()).unwrap().mode() & 0o7777, 0o600);

        let other = MemberKey::from_seed(&[8; 32]);
        assert!(matches!(file.create(&other), Err(KeyFileError::Exists(_))), "a key is never overwritten by accident");
        assert_eq!(file.load().unwrap().public(), key().public());
        file.replace(&other).unwrap();
        assert_eq!(file.load().unwrap().public(), other.public());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no drafts stay behind");
    }

    #[test]
    fn bad_key_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let file = KeyFile::at(&path);
        file.create(&key()).unwrap();
        let good = fs::read_to_string(&path).unwrap();
        let bent = good.replacen(&good[good.len() - 9..good.len() - 8], "_", 1);
        let foreign =
            good.replace(&key().fingerprint().to_string(), &MemberKey::from_seed(&[8; 32]).fingerprint().to_string());
        for (text, mode, expected) in [
            (good.as_str(), 0o640, "is open to others (mode 0640)"),
            (good.as_str(), 0o606, "is open to others (mode 0606)"),
            ("", 0o600, "does not begin with"),
            ("\u{0}\u{1}", 0o600, "does not begin with"),
            ("hostler-key-1 abc", 0o600, "three words"),
            (&good[..good.len() - 4], 0o600, "mistyped or cut off"),
            (&bent, 0o600, "is not a key file"),
            (&foreign, 0o600, "does not have the fingerprint"),
        ] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let told = file.load().unwrap_err().to_string();
            assert!(told.contains(expected) && told.contains(path.to_str().unwrap()), "{told}");
            assert!(!told.contains(&good[good.len() - 20..good.len() - 1]), "the key itself is never shown: {told}");
        }
        assert!(matches!(KeyFile::at(folder.path()).load(), Err(KeyFileError::NotAFile(_))));
        let nowhere = KeyFile::at(folder.path().join("no/such/folder/key"));
        assert!(matches!(nowhere.create(&key()), Err(KeyFileError::Io { what: "write", .. })));
    }
}
