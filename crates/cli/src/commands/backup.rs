//! `hostler backup`: one broker, in one file, while it runs.

use crate::args::BackupArgs;
use crate::context::{Context, print, print_json};
use crate::failure::Failure;
use crate::progress;
use anyhow::{Context as _, Result};
use hostler_broker::backup::{self, Manifest};
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Takes a backup of the broker that answers.
pub(crate) async fn backup(context: &Context, args: &BackupArgs) -> Result<(), Failure> {
    let path = &args.file;
    if path.exists() {
        return Err(Failure::Usage(format!("{} is there already; name a new file", path.display())));
    }
    let part = part_of(path);
    let mut file = create(&part).with_context(|| format!("can't write {}", part.display()))?;
    let taken = progress::waiting("taking a backup", context.client.download(&["backup"], &mut file)).await;
    let done = match taken {
        Ok((address, bytes)) => {
            finish(file, &part, path).map(|manifest| (address, bytes, manifest)).map_err(Failure::from)
        }
        Err(failure) => Err(failure),
    };
    if done.is_err() {
        // A part of a backup is of no use, and it holds a key.
        let _ = fs::remove_file(&part);
    }
    let (address, bytes, Manifest { farm, broker, name, taken_ms, events, program }) = done?;
    if context.json() {
        return print_json(&serde_json::json!({
            "file": path, "bytes": bytes, "from": address, "broker": broker, "name": name, "farm": farm,
            "events": events, "taken_ms": taken_ms, "program": program,
        }));
    }
    let name = name.map_or_else(|| broker.to_string(), |n| n.to_string());
    print(&format!(
        "{}: broker {name}, {events} events, {bytes} bytes\nIt holds the broker's key: whoever has the file can be that \
         broker.\n",
        path.display()
    ))
}

/// Checks what came, and gives it its name.
fn finish(file: BufWriter<File>, part: &Path, path: &Path) -> Result<Manifest> {
    let cant_write = || format!("can't write {}", part.display());
    let file = file.into_inner().map_err(|e| e.into_error()).with_context(cant_write)?;
    file.sync_all().with_context(cant_write)?;
    backup::verify(part)?;
    let manifest = backup::manifest(part)?;
    // Not over a file that has appeared meanwhile.
    fs::hard_link(part, path).with_context(|| format!("can't make {}", path.display()))?;
    fs::remove_file(part).with_context(cant_write)?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).with_context(cant_write)?;
    Ok(manifest)
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// A new file that only its owner can read.
fn create(part: &Path) -> std::io::Result<BufWriter<File>> {
    match fs::remove_file(part) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = BufWriter::new(OpenOptions::new().write(true).create_new(true).mode(0o600).open(part)?);
    file.flush()?;
    Ok(file)
}
