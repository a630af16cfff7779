//! What the agent keeps on disk: the list of brokers, and a file for each session that began with a seat. Every file is
//! replaced all at once; one that can't be understood is set aside under another name, and the agent goes on.
//!
//! All of it blocks; `disk` calls it where that is provided for.

use hostler_model::limits::SESSIONS_PER_HOST;
use hostler_model::{HostId, SessionId};
use hostler_seating::admission::KeptSession;
use hostler_wire::messages::roster::BrokerList;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A file of the agent's, in bytes; more is not read.
const FILE_BYTES: u64 = 256 * 1024;
/// The form of the files. One of a higher number was written by a later version.
const FORMAT: u32 = 1;
/// Files in the folder of sessions that are looked at.
const FILES: usize = 4 * SESSIONS_PER_HOST;
const SUFFIX: &str = "json";
const DRAFT: &str = "new";

/// Why the agent can't use its disk.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another agent has it.
    #[error("{0} is used by another agent that is running; give each agent a data directory of its own")]
    InUse(PathBuf),
    /// The system refused.
    #[error("can't {what} {path}: {source}; check the disk's space and the folder's owner")]
    Io {
        /// "read", "write", …
        what: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// The agent's folder. Others can't use it while this exists.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    host: HostId,
    _lock: File,
}

/// A list of brokers is for one member: a host that joined another farm must not follow the old one's epochs.
#[derive(Serialize, Deserialize)]
struct KnownBrokers<L> {
    host: HostId,
    list: L,
}

#[derive(Serialize)]
struct Written<'a, T> {
    format: u32,
    content: &'a T,
}

#[derive(Deserialize)]
struct Stored<T> {
    content: T,
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

impl Store {
    pub(crate) fn open(folder: &Path, host: HostId) -> Result<Self, StoreError> {
        let sessions = folder.join("sessions");
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&sessions);
        made.map_err(|source| StoreError::Io { what: "make the folder", path: sessions, source })?;
        let path = folder.join("agent.lock");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let lock = lock.map_err(|source| StoreError::Io { what: "write", path: path.clone(), source })?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder: folder.to_path_buf(), host, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse(folder.to_path_buf())),
            Err(TryLockError::Error(source)) => Err(StoreError::Io { what: "lock", path, source }),
        }
    }

    /// The list of brokers that this host was told last, if there is one that can be read.
    pub(crate) fn brokers(&self) -> Result<Option<BrokerList>, StoreError> {
        let known = self.read::<KnownBrokers<BrokerList>>(&self.brokers_path())?;
        Ok(known.filter(|known| known.host == self.host).map(|known| known.list))
    }

    pub(crate) fn keep_brokers(&self, list: &BrokerList) -> Result<(), StoreError> {
        self.write(&self.brokers_path(), &KnownBrokers { host: self.host, list })
    }

    /// All sessions that were kept.
    pub(crate) fn sessions(&self) -> Result<Vec<KeptSession>, StoreError> {
        let folder = self.folder.join("sessions");
        let failed = |source| StoreError::Io { what: "read", path: folder.clone(), source };
        let mut kept = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed)?.take(FILES) {
            let path = entry.map_err(failed)?.path();
            match path.extension().and_then(|e| e.to_str()) {
                Some(SUFFIX) => kept.extend(self.read::<KeptSession>(&path)?),
                // Left behind by a process that was killed while it wrote.
                Some(DRAFT) => fs::remove_file(&path).map_err(failed)?,
                _ => {}
            }
        }
        Ok(kept)
    }

    pub(crate) fn keep_session(&self, session: &KeptSession) -> Result<(), StoreError> {
        self.write(&self.session_path(session.session), session)
    }

    pub(crate) fn forget_session(&self, session: SessionId) -> Result<(), StoreError> {
        let path = self.session_path(session);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::Io { what: "remove", path, source })
            }
            _ => Ok(()),
        }
    }

    fn brokers_path(&self) -> PathBuf {
        self.folder.join("brokers").with_extension(SUFFIX)
    }

    fn session_path(&self, session: SessionId) -> PathBuf {
        self.folder.join("sessions").join(session.to_string()).with_extension(SUFFIX)
    }

    fn read<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>, StoreError> {
        let mut bytes = Vec::new();
        match File::open(path).and_then(|file| file.take(FILE_BYTES + 1).read_to_end(&mut bytes)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::Io { what: "read", path: path.to_path_buf(), source }),
            Ok(_) => {}
        }
        match parse(&bytes) {
            Ok(content) => Ok(Some(content)),
            Err(why) => {
                let aside = aside(path);
                fs::rename(path, &aside).map_err(|source| StoreError::Io {
                    what: "set aside",
                    path: path.to_path_buf(),
                    source,
                })?;
                tracing::error!(
                    file = %path.display(), aside = %aside.display(), %why,
                    "a file of the agent can't be understood; it was set aside, and the agent goes on without it"
                );
                Ok(None)
            }
        }
    }

    fn write<T: Serialize>(&self, path: &Path, content: &T) -> Result<(), StoreError> {
        let draft = path.with_extension(DRAFT);
        let written = serde_json::to_vec(&Written { format: FORMAT, content }).map_err(io::Error::other);
        let written = written.and_then(|bytes| {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&draft, path)?;
            // The new name must be on disk as well.
            File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
        });
        written.map_err(|source| StoreError::Io { what: "write", path: path.to_path_buf(), source })
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    if bytes.len() as u64 > FILE_BYTES {
        return Err(format!("it has more than {FILE_BYTES} bytes"));
    }
    let FormatOnly { format } = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    if format != FORMAT {
        return Err(format!("it has format {format}, and this version reads format {FORMAT}"));
    }
    serde_json::from_slice(bytes).map(|Stored { content }| content).map_err(|e| e.to_string())
}

/// A name that nothing reads, with the time, so that an earlier one is not lost.
fn aside(path: &Path) -> PathBuf {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    path.with_extension(format!("bad-{at}"))
}

#[cfg(test)]
mod tests;
