//! The RocksDB log on a real disk: the suite that every log passes, opening and refusing, damage, group commit, archive
//! files, a process that is killed, a disk that is full.

#![cfg(test)]

mod archive;
mod conformance;
mod damage;
mod full_disk;
mod killed;
mod opening;
mod writer;

use hostler_events::StoredEvent;
use hostler_log::{EventLog, LogError};
use hostler_log_rocks::RocksLog;
use std::ops::ControlFlow;
use std::path::Path;
use tempfile::TempDir;

/// A folder on a disk: `/tmp` may be memory.
fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn all(log: &dyn EventLog) -> Result<Vec<StoredEvent>, LogError> {
    let mut events = Vec::new();
    log.scan(&mut |event| {
        events.push(event);
        ControlFlow::Continue(())
    })?;
    Ok(events)
}

/// The same, read on several threads.
fn collected(log: &RocksLog) -> Result<Vec<StoredEvent>, LogError> {
    log.reader().collect(|event| event)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
