//! What a running broker's backup is made of.

use super::{BUFFER_BYTES, BackupError, Manifest, RESTORED, write};
use bytes::Bytes;
use hostler_log_rocks::RocksReader;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;
use tracing::{info, warn};

/// Pieces that wait for a slow reader.
const PIECES: usize = 4;
/// The log's folder in the broker's.
const LOG: &str = "log";

/// A running broker's folder, its log and its configuration.
#[derive(Clone)]
pub struct BackupSource {
    /// Reads the log.
    pub reader: RocksReader,
    /// The broker's folder.
    pub data_dir: PathBuf,
    /// The machine's configuration, where it is known.
    pub config_file: Option<PathBuf>,
}

impl BackupSource {
    /// A backup in pieces, made while they are taken. The last one is an error where it failed.
    pub(crate) fn stream(&self, manifest: Manifest) -> mpsc::Receiver<io::Result<Bytes>> {
        let (pieces, receiver) = mpsc::channel(PIECES);
        let source = self.clone();
        tokio::task::spawn_blocking(move || {
            let to = BufWriter::with_capacity(BUFFER_BYTES, Pieces(pieces.clone()));
            match source.write(to, &manifest) {
                Ok(()) => info!(events = manifest.events, "backup handed over"),
                Err(error) => {
                    warn!(%error, "no backup was made");
                    // Whoever reads it may be the reason.
                    let _ = pieces.blocking_send(Err(io::Error::other(error.to_string())));
                }
            }
        });
        receiver
    }

    fn write(&self, to: impl Write, manifest: &Manifest) -> Result<(), BackupError> {
        let snapshot = self.reader.snapshot()?;
        let mut files = Vec::new();
        collect(snapshot.folder(), Path::new(LOG), &mut files)?;
        for entry in fs::read_dir(&self.data_dir).map_err(BackupError::file(&self.data_dir))? {
            let path = entry.map_err(BackupError::file(&self.data_dir))?.path();
            let Some(name) = path.file_name() else { continue };
            // The key, what it was told when it joined; the log's own folder is in the snapshot.
            if path.is_file() && name != RESTORED {
                files.push((name.into(), path));
            }
        }
        files.sort();
        let config = self.config_file.as_deref().map(|path| fs::read(path).map_err(BackupError::file(path)));
        write(to, manifest, config.transpose()?.as_deref(), &files)
    }
}

/// All files below a folder, each with its name below `name`.
fn collect(folder: &Path, name: &Path, files: &mut Vec<(PathBuf, PathBuf)>) -> Result<(), BackupError> {
    for entry in fs::read_dir(folder).map_err(BackupError::file(folder))? {
        let path = entry.map_err(BackupError::file(folder))?.path();
        let Some(last) = path.file_name() else { continue };
        let name = name.join(last);
        if path.is_dir() {
            collect(&path, &name, files)?;
        } else if last != "LOCK" {
            files.push((name, path));
        }
    }
    Ok(())
}

/// Hands bytes over in pieces, waiting for whoever takes them.
struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "whoever takes it has gone away");
        self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes))).map_err(gone)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
