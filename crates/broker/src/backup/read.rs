//! Checking a backup, and unpacking it.

use super::{BUFFER_BYTES, BackupError, CONFIG, FILES, FOLDER, HASH_BYTES, MAGIC, MANIFEST, Manifest, TEXT_BYTES};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

/// What came out of a backup, beside the broker's folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unpacked {
    /// What it is of.
    pub manifest: Manifest,
    /// The machine's configuration.
    pub config: Option<String>,
}

/// Checks that a file is a backup, all of it, as it was written.
///
/// # Errors
/// Where it is not.
pub fn verify(path: &Path) -> Result<(), BackupError> {
    let (mut file, body_bytes) = open(path)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(MAGIC);
    hasher.update_reader(Read::by_ref(&mut file).take(body_bytes)).map_err(BackupError::file(path))?;
    let mut hash = [0; HASH_BYTES];
    file.read_exact(&mut hash).map_err(BackupError::file(path))?;
    if hasher.finalize() != hash {
        return Err(damaged(path, "its hash is not that of its bytes: a part is missing, or changed"));
    }
    Ok(())
}

/// What a backup is of, without looking at the rest.
///
/// # Errors
/// Where it does not say so at its beginning.
pub fn manifest(path: &Path) -> Result<Manifest, BackupError> {
    let text = find_text(path, MANIFEST)?.ok_or_else(|| damaged(path, "it does not say what it is of"))?;
    serde_json::from_str(&text).map_err(|error| damaged(path, &error.to_string()))
}

/// The machine's configuration in a backup.
///
/// # Errors
/// Where it can't be read.
pub fn config(path: &Path) -> Result<Option<String>, BackupError> {
    find_text(path, CONFIG)
}

/// One of the texts, which stand before the broker's folder.
fn find_text(path: &Path, name: &str) -> Result<Option<String>, BackupError> {
    let (file, body_bytes) = open(path)?;
    let bad = |error: io::Error| damaged(path, &error.to_string());
    let mut archive = tar::Archive::new(zstd::Decoder::new(file.take(body_bytes)).map_err(bad)?);
    for entry in archive.entries().map_err(bad)? {
        let mut entry = entry.map_err(bad)?;
        let found = entry.path().map_err(bad)?.into_owned();
        if found == Path::new(name) {
            return text(&mut entry).map(Some).map_err(bad);
        }
        if found.starts_with(FOLDER) {
            break;
        }
    }
    Ok(None)
}

/// Unpacks a backup that was checked. `into` becomes the broker's folder; it must not exist.
///
/// # Errors
/// Where the backup has what it must not have, or there is no room. What is in `into` then is of no use.
pub fn unpack(path: &Path, into: &Path) -> Result<Unpacked, BackupError> {
    let (file, body_bytes) = open(path)?;
    let bad = |error: io::Error| damaged(path, &error.to_string());
    let unpacker = zstd::Decoder::new(BufReader::with_capacity(BUFFER_BYTES, file.take(body_bytes))).map_err(bad)?;
    let mut archive = tar::Archive::new(unpacker);
    let (mut manifest, mut config) = (None, None);
    make_folder(into).map_err(BackupError::file(into))?;
    for (count, entry) in archive.entries().map_err(bad)?.enumerate() {
        let mut entry = entry.map_err(bad)?;
        if count > FILES || entry.header().entry_type() != tar::EntryType::Regular {
            return Err(damaged(path, "it has something that is no plain file, or too much"));
        }
        let name = entry.path().map_err(bad)?.into_owned();
        if name == Path::new(MANIFEST) {
            let text = text(&mut entry).map_err(bad)?;
            let read: Manifest = serde_json::from_str(&text).map_err(|e| bad(e.into()))?;
            manifest = Some(read);
        } else if name == Path::new(CONFIG) {
            config = Some(text(&mut entry).map_err(bad)?);
        } else {
            let to = place(&name, into).ok_or_else(|| {
                damaged(path, &format!("it has a file {}, which no broker's folder has", name.display()))
            })?;
            keep(&mut entry, &to).map_err(BackupError::file(&to))?;
        }
    }
    sync_folders(into).map_err(BackupError::file(into))?;
    let manifest = manifest.ok_or_else(|| damaged(path, "it does not say what it is of"))?;
    Ok(Unpacked { manifest, config })
}

/// A backup behind its first bytes, and how many there are up to its hash.
fn open(path: &Path) -> Result<(File, u64), BackupError> {
    let mut file = File::open(path).map_err(BackupError::file(path))?;
    let size = file.seek(SeekFrom::End(0)).map_err(BackupError::file(path))?;
    file.rewind().map_err(BackupError::file(path))?;
    let mut magic = [0; MAGIC.len()];
    if file.read_exact(&mut magic).is_err() || magic != *MAGIC {
        return Err(BackupError::NotABackup(path.into()));
    }
    let body = size.checked_sub((MAGIC.len() + HASH_BYTES) as u64);
    Ok((file, body.ok_or_else(|| damaged(path, "it is too short"))?))
}

/// Where a file of the broker's folder goes; `None` where it would go anywhere else.
fn place(name: &Path, into: &Path) -> Option<PathBuf> {
    let below = name.strip_prefix(FOLDER).ok()?;
    let plain = below.components().all(|c| matches!(c, Component::Normal(_)));
    (plain && below.components().count() > 0).then(|| into.join(below))
}

fn keep(from: &mut impl Read, to: &Path) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        make_folder(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(from, &mut file)?;
    file.sync_all()
}

fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    File::open(folder)?.sync_all()
}

fn text(from: &mut impl Read) -> io::Result<String> {
    let mut text = String::new();
    from.take(TEXT_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

fn damaged(path: &Path, why: &str) -> BackupError {
    BackupError::Damaged { path: path.into(), why: why.into() }
}
