use crate::folder;
use bytes::Bytes;
use hostler_events::{Frontier, StoredEvent};
use hostler_log::conformance::{Harness, check};
use hostler_log::{Checkpoint, EventLog, LogError, StateKey, Write};
use hostler_log_rocks::{ArchiveOptions, RocksLog};
use hostler_model::Feed;
use std::ops::ControlFlow;
use tempfile::TempDir;

struct OnDisk {
    /// `None` only while it is opened again.
    log: Option<Eager>,
    folder: TempDir,
    archive: ArchiveOptions,
}

/// Moves what is old into the archive after every commit, rather than some time later.
struct Eager(RocksLog);

impl OnDisk {
    fn new(archive: ArchiveOptions) -> Self {
        let folder = folder();
        Self { log: Some(Eager(RocksLog::open_archiving(folder.path(), archive).unwrap())), folder, archive }
    }
}

impl Harness for OnDisk {
    fn log(&mut self) -> &mut dyn EventLog {
        self.log.as_mut().unwrap()
    }

    fn reopen(&mut self) {
        self.log = None;
        self.log = Some(Eager(RocksLog::open_archiving(self.folder.path(), self.archive).unwrap()));
    }
}

impl EventLog for Eager {
    fn commit(&mut self, writes: &[Write]) -> Result<Vec<Result<(), LogError>>, LogError> {
        let verdicts = self.0.commit(writes);
        self.0.archive_now()?;
        verdicts
    }

    fn heads(&self) -> Frontier {
        self.0.heads()
    }

    fn read(&self, feed: Feed, from_seq: u64, max_bytes: usize) -> Result<Vec<StoredEvent>, LogError> {
        self.0.read(feed, from_seq, max_bytes)
    }

    fn scan(&self, each: &mut dyn FnMut(StoredEvent) -> ControlFlow<()>) -> Result<(), LogError> {
        self.0.scan(each)
    }

    fn checkpoint_ids(&self) -> Result<Vec<u64>, LogError> {
        self.0.checkpoint_ids()
    }

    fn checkpoint(&self, id: u64) -> Result<Option<Checkpoint>, LogError> {
        self.0.checkpoint(id)
    }

    fn get_state(&self, key: StateKey) -> Result<Option<Bytes>, LogError> {
        self.0.get_state(key)
    }

    fn branch_count(&self) -> u64 {
        self.0.branch_count()
    }
}

#[test]
fn conforms() {
    check(|| OnDisk::new(ArchiveOptions::default()));
}

#[test]
fn conforms_with_tiny_archive_files() {
    for (segment_events, keep_events) in [(2, 3), (100, 1)] {
        check(|| OnDisk::new(ArchiveOptions { segment_events, keep_events }));
    }
}
