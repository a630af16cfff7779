//! The folder of a log: the lock that keeps other processes out, the stamp that tells the format, and the database.
//!
//! The stamp is a file of its own, so that a program that is too old leaves before RocksDB changes anything.

use crate::OpenError;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// The format of a log that has all its events in the database.
const DATABASE_ONLY: u32 = 1;
/// The format of a log that has some of its events in archive files: the latest that is known.
const WITH_ARCHIVE: u32 = 2;
const STAMP: &str = "format";
const NEW_STAMP: &str = "format.new";
const STAMP_PREFIX: &str = "hostler log ";
/// A stamp is a short line; more than this is none.
const STAMP_BYTES: u64 = 64;
const LOCK: &str = "lock";

/// Where RocksDB keeps its files.
pub(crate) fn database(folder: &Path) -> PathBuf {
    folder.join("rocks")
}

/// Makes the folder, if there is none, and holds it as long as the file lives.
pub(crate) fn lock(folder: &Path) -> Result<File, OpenError> {
    create_folder(folder)?;
    let path = folder.join(LOCK);
    let failed = |error| OpenError::Folder { path: path.clone(), error };
    let mut file =
        OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse::<u32>().ok());
            let holder = holder.map_or_else(String::new, |process| format!(" (number {process})"));
            return Err(OpenError::Locked { path: folder.into(), holder });
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    // Only a help for whoever is refused; a full disk must not keep a broker from starting for it.
    let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    Ok(file)
}

/// Checks the stamp; an empty folder gets one.
pub(crate) fn check_or_stamp(folder: &Path) -> Result<(), OpenError> {
    if check(folder)?.is_some() {
        return Ok(());
    }
    stamp(folder, DATABASE_ONLY).map_err(|error| OpenError::Folder { path: folder.join(STAMP), error })
}

/// Checks the stamp.
pub(crate) fn check_stamped(folder: &Path) -> Result<(), OpenError> {
    if check(folder)?.is_some() { Ok(()) } else { Err(OpenError::NotALog { path: folder.into() }) }
}

/// Marks the log as one with archive files, before the first one takes the place of what is in the database.
pub(crate) fn mark_archive(folder: &Path) -> Result<(), OpenError> {
    if check(folder)? == Some(WITH_ARCHIVE) {
        return Ok(());
    }
    stamp(folder, WITH_ARCHIVE).map_err(|error| OpenError::Folder { path: folder.join(STAMP), error })
}

/// The log's format; `None` where there is no stamp because the folder is empty.
fn check(folder: &Path) -> Result<Option<u32>, OpenError> {
    let path = folder.join(STAMP);
    let failed = |error| OpenError::Folder { path: path.clone(), error };
    let damaged = || OpenError::Stamp { path: path.clone() };
    match fs::metadata(&path) {
        Ok(file) if file.len() > STAMP_BYTES => return Err(damaged()),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            for entry in fs::read_dir(folder).map_err(failed)? {
                let name = entry.map_err(failed)?.file_name();
                if name != LOCK && name != NEW_STAMP {
                    return Err(OpenError::NotALog { path: folder.into() });
                }
            }
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    }
    let text = fs::read_to_string(&path).map_err(failed)?;
    let found: u32 = text.trim_end().strip_prefix(STAMP_PREFIX).and_then(|n| n.parse().ok()).ok_or_else(damaged)?;
    if found > WITH_ARCHIVE {
        return Err(OpenError::NewerFormat { path: folder.into(), found, known: WITH_ARCHIVE });
    }
    Ok(Some(found))
}

/// Writes the stamp so that it is there as a whole or not at all.
fn stamp(folder: &Path, format: u32) -> io::Result<()> {
    let new = folder.join(NEW_STAMP);
    let mut file = File::create(&new)?;
    writeln!(file, "{STAMP_PREFIX}{format}")?;
    file.sync_all()?;
    fs::rename(&new, folder.join(STAMP))?;
    File::open(folder)?.sync_all()
}

/// A folder is durable when the one above it is synced.
fn create_folder(folder: &Path) -> Result<(), OpenError> {
    let create = || {
        if folder.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(folder)?;
        match folder.parent() {
            Some(above) if !above.as_os_str().is_empty() => File::open(above)?.sync_all(),
            _ => Ok(()),
        }
    };
    create().map_err(|error| OpenError::Folder { path: folder.into(), error })
}
