//! Writing a backup, to anything that takes bytes.

use super::{BUFFER_BYTES, BackupError, CONFIG, FOLDER, MAGIC, MANIFEST, Manifest};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// zstd's usual: most of it is hashes, signatures and what is compressed already.
const LEVEL: i32 = 3;
/// Whoever unpacks a backup by hand must not show the key to others.
const MODE: u32 = 0o600;

/// Writes a backup of these files, each with its path below the broker's folder, and of the configuration.
///
/// # Errors
/// Where a file can't be read, or `to` takes no more.
pub fn write(
    to: impl Write,
    manifest: &Manifest,
    config: Option<&[u8]>,
    files: &[(PathBuf, PathBuf)],
) -> Result<(), BackupError> {
    let mut hashing = Hashing { to: BufWriter::with_capacity(BUFFER_BYTES, to), hasher: blake3::Hasher::new() };
    hashing.write_all(MAGIC).map_err(BackupError::Stream)?;
    let packer = zstd::Encoder::new(&mut hashing, LEVEL).map_err(BackupError::Stream)?;
    let mut archive = tar::Builder::new(packer);
    let text = serde_json::to_vec_pretty(manifest).map_err(|e| BackupError::Stream(e.into()))?;
    add_text(&mut archive, MANIFEST, &text).map_err(BackupError::Stream)?;
    if let Some(config) = config {
        add_text(&mut archive, CONFIG, config).map_err(BackupError::Stream)?;
    }
    for (name, path) in files {
        add_file(&mut archive, &Path::new(FOLDER).join(name), path)?;
    }
    let packer = archive.into_inner().map_err(BackupError::Stream)?;
    packer.finish().map_err(BackupError::Stream)?;
    let hash = hashing.hasher.finalize();
    let finish = |mut to: BufWriter<_>| {
        to.write_all(hash.as_bytes())?;
        to.flush()
    };
    finish(hashing.to).map_err(BackupError::Stream)
}

fn add_text(archive: &mut tar::Builder<impl Write>, name: &str, text: &[u8]) -> io::Result<()> {
    let mut header = header(text.len() as u64);
    archive.append_data(&mut header, name, text)
}

fn add_file(archive: &mut tar::Builder<impl Write>, name: &Path, path: &Path) -> Result<(), BackupError> {
    let file = File::open(path).map_err(BackupError::file(path))?;
    let size = file.metadata().map_err(BackupError::file(path))?.len();
    archive.append_data(&mut header(size), name, file).map_err(BackupError::Stream)
}

fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(MODE);
    header.set_entry_type(tar::EntryType::Regular);
    header
}

/// Passes bytes on and hashes them.
struct Hashing<W: Write> {
    to: BufWriter<W>,
    hasher: blake3::Hasher,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
