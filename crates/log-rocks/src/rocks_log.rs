//! The log itself: opening it, and writing with a sync.

use crate::archive::{Archive, ArchiveOptions};
use crate::archiver::{Archiver, Mover};
use crate::reader::{CHECKPOINTS, EVENTS, STATE};
use crate::{OpenError, RocksReader, key, place, snapshot};
use bytes::Bytes;
use hostler_events::{Frontier, Hash, StoredEvent};
use hostler_log::{Checkpoint, EventLog, Group, LogError, StateKey, Write, limits};
use hostler_model::Feed;
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DB, DBCompressionType, DBRecoveryMode, Options, WriteBatch,
    WriteOptions,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use tracing::info;

const FAMILIES: [&str; 3] = [EVENTS, CHECKPOINTS, STATE];
/// Bytes that wait in memory, per table, to be written in order of keys; they are in the write-ahead log already.
const MEMTABLE_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of blocks that are kept in memory: brokers read the ends of feeds, or everything once.
const CACHE_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of a block before compression: a replay reads them all, so larger than for single reads.
const BLOCK_BYTES: usize = 16 * 1024;
const OPEN_FILES: i32 = 256;
/// Of RocksDB's own diary.
const DIARY_FILES: usize = 4;
const DIARY_BYTES: usize = 4 * 1024 * 1024;

struct Archiving {
    mover: Mover,
    thread: Archiver,
}

/// The event log on a disk.
pub struct RocksLog {
    reader: RocksReader,
    /// `None` where the log is open for reading only. Dropped, and waited for, before the log is closed.
    archiving: Option<Archiving>,
    /// `None` where the log is open for reading only.
    sync: Option<WriteOptions>,
    stopped: bool,
}

impl RocksLog {
    /// Opens the log in a folder, which is made if there is none.
    ///
    /// # Errors
    /// Where another process holds it, a later release wrote it, or it is damaged.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_archiving(folder, ArchiveOptions::default())
    }

    /// As [`RocksLog::open`], with other bounds between the database and the archive.
    ///
    /// # Errors
    /// As for [`RocksLog::open`].
    pub fn open_archiving(folder: impl AsRef<Path>, archive: ArchiveOptions) -> Result<Self, OpenError> {
        Self::open_with(folder.as_ref(), &options(), archive)
    }

    /// Opens the log in a folder to read what is there now. For a copy, or where no other process writes it.
    ///
    /// # Errors
    /// Where there is no log, a later release wrote it, or it is damaged.
    pub fn open_read_only(folder: impl AsRef<Path>) -> Result<Self, OpenError> {
        let folder = folder.as_ref();
        place::check_stamped(folder)?;
        let db = DB::open_cf_descriptors_read_only(&options(), place::database(folder), families(), false);
        let db = db.map_err(|error| OpenError::Database { path: folder.into(), why: error.into_string() })?;
        let archive = Archive::open(folder, false)?;
        Ok(Self { reader: RocksReader::new(db, archive, None)?, archiving: None, sync: None, stopped: false })
    }

    fn open_with(folder: &Path, options: &Options, archive: ArchiveOptions) -> Result<Self, OpenError> {
        let lock = place::lock(folder)?;
        place::check_or_stamp(folder)?;
        snapshot::remove(folder).map_err(|error| OpenError::Folder { path: folder.into(), error })?;
        let db = DB::open_cf_descriptors(options, place::database(folder), families());
        let db = db.map_err(|error| OpenError::Database { path: folder.into(), why: error.into_string() })?;
        let reader = RocksReader::new(db, Archive::open(folder, true)?, Some(lock))?;
        info!(folder = %folder.display(), feeds = reader.heads().0.len(), events = reader.count(), "log opened");
        let mut sync = WriteOptions::default();
        sync.set_sync(true);
        let mover = || Mover::new(reader.clone(), folder.into(), archive);
        mover().forget_leftovers()?;
        let thread = Archiver::spawn(mover()).map_err(|error| OpenError::Folder { path: folder.into(), error })?;
        thread.wake();
        let archiving = Some(Archiving { mover: mover(), thread });
        Ok(Self { reader, archiving, sync: Some(sync), stopped: false })
    }

    /// Moves old events into the archive now, instead of on the thread that does it otherwise. Says how many files were
    /// written.
    ///
    /// # Errors
    /// Where the disk fails or what it holds is damaged.
    pub fn archive_now(&mut self) -> Result<u64, LogError> {
        let archiving = self.archiving.as_ref().ok_or(LogError::ReadOnly)?;
        archiving.mover.move_due(&|| false)
    }

    /// Reads this log from other threads, also while it is written.
    #[must_use]
    pub fn reader(&self) -> RocksReader {
        self.reader.clone()
    }

    /// Judges all writes; what passed goes into `batch`.
    fn judge(&self, writes: &[Write], batch: &mut WriteBatch) -> Result<Judged, LogError> {
        let (events, checkpoints, state) =
            (self.reader.family(EVENTS)?, self.reader.family(CHECKPOINTS)?, self.reader.family(STATE)?);
        let mut ids = BTreeSet::new();
        if writes.iter().any(|write| matches!(write, Write::Checkpoint(_))) {
            ids.extend(self.reader.checkpoint_ids()?);
        }
        let known = self.reader.branches();
        let mut branches = Vec::new();
        self.reader.with_heads(|heads| {
            let mut group = Group::new(heads, &known, ids.last().copied());
            let verdicts = writes
                .iter()
                .map(|write| match write {
                    Write::Events(new) => {
                        let new = group.take_events(new, |feed, seq| self.reader.hash_at(feed, seq))?;
                        for event in new.next {
                            let header = event.header();
                            batch.put_cf(events, key::write(header.feed, header.seq), event.bytes());
                        }
                        for event in new.branches {
                            batch.put_cf(state, key::write_branch(&event.reference()), event.bytes());
                            branches.push(event.clone());
                        }
                        Ok(())
                    }
                    Write::Checkpoint(checkpoint) => {
                        group.take_checkpoint(checkpoint)?;
                        batch.put_cf(checkpoints, checkpoint.id.to_be_bytes(), &checkpoint.bytes);
                        ids.insert(checkpoint.id);
                        while ids.len() > limits::CHECKPOINTS {
                            let Some(oldest) = ids.pop_first() else { break };
                            batch.delete_cf(checkpoints, oldest.to_be_bytes());
                        }
                        Ok(())
                    }
                    Write::State(key, bytes) => {
                        group.take_state(*key, bytes)?;
                        batch.put_cf(state, key.name(), bytes);
                        Ok(())
                    }
                })
                .collect();
            Ok(Judged { verdicts, heads: group.into_heads(), branches })
        })
    }
}

struct Judged {
    verdicts: Vec<Result<(), LogError>>,
    heads: BTreeMap<Feed, (u64, Hash)>,
    branches: Vec<StoredEvent>,
}

impl EventLog for RocksLog {
    fn commit(&mut self, writes: &[Write]) -> Result<Vec<Result<(), LogError>>, LogError> {
        let Some(sync) = &self.sync else { return Ok(vec![Err(LogError::ReadOnly); writes.len()]) };
        if self.stopped {
            return Err(LogError::Stopped);
        }
        let mut batch = WriteBatch::default();
        let judged = self.judge(writes, &mut batch)?;
        if !batch.is_empty()
            && let Err(error) = self.reader.db().write_opt(batch, sync)
        {
            self.stopped = true;
            return Err(disk_error(error));
        }
        let mut old = None;
        if let Some(archiving) = &self.archiving {
            let mut heads = judged.heads.iter();
            old = heads.any(|(feed, (last, _))| archiving.mover.is_due(feed, *last)).then_some(&archiving.thread);
        }
        self.reader.raise_heads(judged.heads);
        self.reader.add_branches(judged.branches);
        old.inspect(|thread| thread.wake());
        Ok(judged.verdicts)
    }

    fn heads(&self) -> Frontier {
        self.reader.heads()
    }

    fn read(&self, feed: Feed, from_seq: u64, max_bytes: usize) -> Result<Vec<StoredEvent>, LogError> {
        self.reader.read(feed, from_seq, max_bytes)
    }

    fn scan(&self, each: &mut dyn FnMut(StoredEvent) -> ControlFlow<()>) -> Result<(), LogError> {
        self.reader.scan(each)
    }

    fn checkpoint_ids(&self) -> Result<Vec<u64>, LogError> {
        self.reader.checkpoint_ids()
    }

    fn checkpoint(&self, id: u64) -> Result<Option<Checkpoint>, LogError> {
        self.reader.checkpoint(id)
    }

    fn get_state(&self, key: StateKey) -> Result<Option<Bytes>, LogError> {
        self.reader.get_state(key)
    }

    fn count(&self) -> u64 {
        self.reader.count()
    }

    fn branch_count(&self) -> u64 {
        self.reader.branches().count()
    }
}

fn disk_error(error: rocksdb::Error) -> LogError {
    let text = error.into_string();
    if text.contains("No space left on device") { LogError::Full(text) } else { LogError::Io(text) }
}

fn options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    // A record that was cut off at the end was never acknowledged, and is dropped; damage anywhere else is an error.
    options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    options.set_max_open_files(OPEN_FILES);
    options.set_keep_log_file_num(DIARY_FILES);
    options.set_max_log_file_size(DIARY_BYTES);
    options
}

fn families() -> impl Iterator<Item = ColumnFamilyDescriptor> {
    let cache = Cache::new_lru_cache(CACHE_BYTES);
    FAMILIES.into_iter().map(move |name| {
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(&cache);
        blocks.set_block_size(BLOCK_BYTES);
        let mut options = Options::default();
        options.set_block_based_table_factory(&blocks);
        options.set_compression_type(DBCompressionType::Lz4);
        options.set_write_buffer_size(MEMTABLE_BYTES);
        ColumnFamilyDescriptor::new(name, options)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_log::testing::Chain;
    use rocksdb::statistics::Ticker;

    #[test]
    fn every_commit_is_synced_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options();
        options.enable_statistics();
        let mut log = RocksLog::open_with(folder.path(), &options, ArchiveOptions::default()).unwrap();
        let mut chain = Chain::new(1);
        let before = options.get_ticker_count(Ticker::WalFileSynced);
        let syncs = || options.get_ticker_count(Ticker::WalFileSynced) - before;
        let events = chain.events(5);
        log.append(&events[..3]).unwrap();
        assert_eq!(syncs(), 1);
        log.commit(&[Write::Events(events[3..4].to_vec()), Write::Events(events[4..].to_vec())]).unwrap();
        assert_eq!(syncs(), 2, "a group has one sync");
        log.put_state(StateKey::Votes, Bytes::from_static(b"x")).unwrap();
        assert_eq!(syncs(), 3);
        log.put_checkpoint(Checkpoint { id: 1, bytes: Bytes::from_static(b"x") }).unwrap();
        assert_eq!(syncs(), 4);
        log.append(&events).unwrap();
        assert_eq!(syncs(), 4, "nothing new, nothing to sync");
    }
}
