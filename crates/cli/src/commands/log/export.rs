//! `hostler log export`: the whole log in one file.

use super::source::{Source, history};
use crate::args::GlobalArgs;
use crate::context::{Context, now_ms, print, print_json};
use crate::failure::Failure;
use crate::progress;
use anyhow::{Context as _, Result};
use hostler_log::export::ExportWriter;
use hostler_model::Wall;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Writes the log of the broker that answers, or of a data directory, into a new file.
pub(super) async fn export(global: &GlobalArgs, path: &Path, from: Option<&Path>) -> Result<(), Failure> {
    if path.exists() {
        return Err(Failure::Usage(format!("{} is there already; name a new file", path.display())));
    }
    let part = PathBuf::from(format!("{}.part", path.display()));
    // An unfinished one of a former try is of no use.
    let _ = fs::remove_file(&part);
    let cant_write = || format!("can't write {}", part.display());
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part).with_context(cant_write)?;
    let mut file = BufWriter::new(file);
    let done = match from {
        Some(from) => write(&mut file, from).map_err(Failure::from),
        None => fetch(global, &mut file).await,
    };
    let done = done.and_then(|()| Ok(finish(file, &part, path).with_context(cant_write)?));
    if done.is_err() {
        let _ = fs::remove_file(&part);
    }
    done?;
    let source = Source::open(path)?;
    if let Some(fault) = source.faults().first() {
        return Err(anyhow::anyhow!("{}: {fault}; try again", path.display()).into());
    }
    let (events, bytes) = (source.len(), fs::metadata(path).map_or(0, |m| m.len()));
    if global.json {
        let digest = source.digest().map(|d| d.to_string());
        return print_json(&serde_json::json!({ "file": path, "events": events, "bytes": bytes, "digest": digest }));
    }
    print(&format!("{}: {events} events, {bytes} bytes\n", path.display()))
}

async fn fetch(global: &GlobalArgs, file: &mut BufWriter<File>) -> Result<(), Failure> {
    let context = Context::new(global)?;
    let fetched = context.client.download(&["log", "export"], file);
    progress::waiting("exporting the log", fetched).await.map(|_| ())
}

fn write(file: &mut BufWriter<File>, from: &Path) -> Result<()> {
    let source = Source::open(from)?;
    let examined = source.take(|_| {})?.finish();
    let (mut writer, start) = ExportWriter::begin();
    file.write_all(&start)?;
    for event in examined.events() {
        file.write_all(&writer.event(event))?;
    }
    let made = source.made(Wall(now_ms()));
    let views = history(examined.into_events(), made).at(Wall(u64::MAX));
    file.write_all(&writer.finish(made, views.digest())?)?;
    Ok(())
}

fn finish(file: BufWriter<File>, part: &Path, path: &Path) -> std::io::Result<()> {
    file.into_inner().map_err(|e| e.into_error())?.sync_all()?;
    // Not over a file that has appeared meanwhile.
    fs::hard_link(part, path)?;
    fs::remove_file(part)
}
