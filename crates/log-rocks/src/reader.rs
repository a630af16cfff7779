//! Reading, from any thread and without waiting for the one that writes.

mod branches;
mod collect;
mod ends;

use crate::archive::Archive;
use crate::key;
use bytes::Bytes;
use hostler_events::{Frontier, Hash, StoredEvent};
use hostler_log::{Branches, Checkpoint, LogError, StateKey, limits};
use hostler_model::Feed;
use rocksdb::{ColumnFamily, DB, DBRawIterator, ReadOptions};
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock};

pub(crate) const EVENTS: &str = "events";
pub(crate) const CHECKPOINTS: &str = "checkpoints";
pub(crate) const STATE: &str = "state";

/// How far a scan reads ahead, in bytes.
const READAHEAD_BYTES: usize = 2 * 1024 * 1024;

/// Reads a log that is open; what it sees is durable. Cheap to clone, for any thread. The log stays open, and locked,
/// as long as one of them lives.
#[derive(Clone)]
pub struct RocksReader(Arc<Shared>);

struct Shared {
    db: DB,
    heads: RwLock<Frontier>,
    /// The events of other branches than the one that came first. Raised after the heads.
    branches: RwLock<Branches>,
    archive: Archive,
    snapshot_in_use: AtomicBool,
    /// Declared last, so that the database is closed before others may open it.
    _lock: Option<File>,
}

impl RocksReader {
    /// Takes over an open database and finds its heads.
    pub(crate) fn new(db: DB, archive: Archive, lock: Option<File>) -> Result<Self, LogError> {
        let reader = Self(Arc::new(Shared {
            db,
            heads: RwLock::default(),
            branches: RwLock::default(),
            archive,
            snapshot_in_use: AtomicBool::new(false),
            _lock: lock,
        }));
        let heads = reader.find_heads()?;
        reader.raise_heads(heads.0);
        reader.add_branches(reader.find_branches()?);
        Ok(reader)
    }

    /// The head of every feed.
    #[must_use]
    pub fn heads(&self) -> Frontier {
        self.with_heads(Frontier::clone)
    }

    /// How many events there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.with_heads(|heads| heads.0.values().map(|(seq, _)| seq).sum::<u64>()) + self.branches().count()
    }

    /// A feed's events from a place on, in order: at least one, if there is one, and as many more as fit into
    /// `max_bytes` and [`limits::READ_BYTES`]. Of a feed that has forked, all events in a place are behind one another.
    ///
    /// # Errors
    /// Where the disk fails or what it holds is damaged.
    pub fn read(&self, feed: Feed, from_seq: u64, max_bytes: usize) -> Result<Vec<StoredEvent>, LogError> {
        // Before the heads: whatever an event of another branch follows is there then.
        let others: Vec<StoredEvent> = self.branches().from(feed, from_seq).cloned().collect();
        let mut others = others.into_iter().peekable();
        let Some((last, _)) = self.with_heads(|heads| heads.0.get(&feed).copied()) else { return Ok(Vec::new()) };
        let mut seq = from_seq.max(1);
        let mut room = max_bytes.min(limits::READ_BYTES);
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(key::write(feed, u64::MAX));
        // It sees the database as it is now. Looked at before the archive: what is deleted there from now on is seen
        // here still, and what was deleted before is known to the archive.
        let mut iterator = self.0.db.raw_iterator_cf_opt(self.family(EVENTS)?, options);
        let archived = self.0.archive.end(&feed);
        let mut segment = if seq <= archived { self.0.archive.segment_at(&feed, seq)? } else { None };
        iterator.seek(key::write(feed, seq.max(archived + 1)));
        let mut events: Vec<StoredEvent> = Vec::new();
        let mut before: Option<StoredEvent> = None;
        let mut is_full = false;
        // No further than the head that was seen above: nothing behind it is promised to anybody yet.
        while seq <= last && !is_full {
            if let Some(other) = others.next_if(|other| other.header().seq < seq) {
                is_full = !push(&mut events, &mut room, other);
                continue;
            }
            let value = match &segment {
                Some(s) if seq <= s.head.last() => s.get(seq).ok_or_else(|| missing(feed, seq))?,
                Some(_) if seq <= archived => {
                    segment = self.0.archive.segment_at(&feed, seq)?;
                    continue;
                }
                _ => {
                    segment = None;
                    Bytes::copy_from_slice(expect(&iterator, feed, seq)?)
                }
            };
            let event = parse(value, feed, seq)?;
            if let Some(before) = before.replace(event.clone()) {
                check_link(&before, &event)?;
            }
            is_full = !push(&mut events, &mut room, event);
            seq += 1;
            if segment.is_none() {
                iterator.next();
            }
        }
        for other in others {
            is_full = is_full || !push(&mut events, &mut room, other);
        }
        Ok(events)
    }

    /// Hands over all events in the order of feed and place, until it is told to stop; after them, in that order as
    /// well, those of other branches than the one that came first. It sees the log as it was at the beginning.
    ///
    /// # Errors
    /// Where the disk fails or what it holds is damaged.
    pub fn scan(&self, each: &mut dyn FnMut(StoredEvent) -> ControlFlow<()>) -> Result<(), LogError> {
        let others = self.branches().clone();
        let heads = self.heads();
        let mut before = Hash::ZERO;
        let mut result = Ok(());
        let mut goes_on = true;
        self.walk_to(&heads, &mut |feed, seq, bytes| {
            let event = match bytes.and_then(|bytes| parse(bytes, feed, seq)) {
                Ok(event) => event,
                Err(error) => {
                    result = Err(error);
                    return ControlFlow::Break(());
                }
            };
            if event.header().previous != if seq == 1 { Hash::ZERO } else { before } {
                result = Err(broken_link(&event));
                return ControlFlow::Break(());
            }
            before = event.hash();
            if heads.0.get(&feed).is_some_and(|(last, hash)| *last == seq && *hash != before) {
                result = Err(corrupt(feed, seq, "its hash is another one than at the start"));
                return ControlFlow::Break(());
            }
            goes_on = each(event).is_continue();
            if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if result.is_ok() && goes_on {
            let _stopped_early = others.iter().cloned().try_for_each(each);
        }
        result
    }

    /// Hands over the bytes of all events in the order of [`RocksReader::scan`], until it is told to stop: for whoever checks
    /// a log and goes on after a damaged event. Nothing about the bytes is checked here but that they are those that
    /// were stored, as far as the disk's own checks go.
    ///
    /// # Errors
    /// Where nothing can be read at all.
    pub fn walk(
        &self,
        each: &mut dyn FnMut(Feed, u64, Result<Bytes, LogError>) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        let others = self.branches().clone();
        let mut goes_on = true;
        self.walk_to(&self.heads(), &mut |feed, seq, bytes| {
            goes_on = each(feed, seq, bytes).is_continue();
            if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        for event in others.iter().take_while(|_| goes_on) {
            let header = event.header();
            if each(header.feed, header.seq, Ok(event.bytes().clone())).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn walk_to(
        &self,
        heads: &Frontier,
        each: &mut dyn FnMut(Feed, u64, Result<Bytes, LogError>) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        let mut options = ReadOptions::default();
        options.set_readahead_size(READAHEAD_BYTES);
        options.fill_cache(false);
        // Before the archive is looked at: see `read`.
        let mut iterator = self.0.db.raw_iterator_cf_opt(self.family(EVENTS)?, options);
        // Feed by feed up to the heads, so that events that arrive meanwhile stay out.
        for (feed, (last, _)) in &heads.0 {
            let mut archived = 0;
            for file in self.0.archive.files(feed).iter() {
                let segment = file.load();
                archived = file.head.last();
                for seq in file.head.first..=archived.min(*last) {
                    let bytes = match &segment {
                        Ok(segment) => segment.get(seq).ok_or_else(|| missing(*feed, seq)),
                        Err(error) => Err(error.clone()),
                    };
                    if each(*feed, seq, bytes).is_break() {
                        return Ok(());
                    }
                }
            }
            iterator.seek(key::write(*feed, archived + 1));
            for seq in archived + 1..=*last {
                let bytes = expect(&iterator, *feed, seq).map(Bytes::copy_from_slice);
                let lost = bytes.is_err();
                if each(*feed, seq, bytes).is_break() {
                    return Ok(());
                }
                if lost {
                    iterator.seek(key::write(*feed, seq + 1));
                } else {
                    iterator.next();
                }
            }
        }
        Ok(())
    }

    /// Hands over a feed's events in the database, from a place on, while it is told to go on. Each must follow the one
    /// before.
    pub(crate) fn walk_database(
        &self,
        feed: Feed,
        from_seq: u64,
        each: &mut dyn FnMut(&StoredEvent) -> bool,
    ) -> Result<(), LogError> {
        let Some((last, _)) = self.with_heads(|heads| heads.0.get(&feed).copied()) else { return Ok(()) };
        let mut before = if from_seq > 1 { self.hash_at(feed, from_seq - 1)? } else { Hash::ZERO };
        let mut iterator = self.0.db.raw_iterator_cf(self.family(EVENTS)?);
        iterator.seek(key::write(feed, from_seq));
        for seq in from_seq..=last {
            let event = parse(Bytes::copy_from_slice(expect(&iterator, feed, seq)?), feed, seq)?;
            if event.header().previous != before {
                return Err(broken_link(&event));
            }
            before = event.hash();
            if !each(&event) {
                break;
            }
            iterator.next();
        }
        Ok(())
    }

    /// The numbers of the stored checkpoints, upwards.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn checkpoint_ids(&self) -> Result<Vec<u64>, LogError> {
        let what = || "the list of checkpoints".to_owned();
        let mut iterator = self.0.db.raw_iterator_cf(self.family(CHECKPOINTS)?);
        let mut ids = Vec::new();
        iterator.seek_to_first();
        while let Some(id) = iterator.key() {
            let id = id.try_into().map(u64::from_be_bytes);
            ids.push(id.map_err(|_| LogError::Unreadable { what: what(), why: "a key has a wrong length".into() })?);
            iterator.next();
        }
        iterator.status().map_err(|error| unreadable(what(), &error))?;
        Ok(ids)
    }

    /// The checkpoint with this number, if it is still stored.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn checkpoint(&self, id: u64) -> Result<Option<Checkpoint>, LogError> {
        let bytes = self.get(CHECKPOINTS, &id.to_be_bytes(), || format!("checkpoint {id}"))?;
        Ok(bytes.map(|bytes| Checkpoint { id, bytes }))
    }

    /// The latest checkpoint.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn latest_checkpoint(&self) -> Result<Option<Checkpoint>, LogError> {
        // Another may come, and the oldest go, in between: the latest of this list is still there then.
        match self.checkpoint_ids()?.last() {
            Some(id) => self.checkpoint(*id),
            None => Ok(None),
        }
    }

    /// A small durable value.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn get_state(&self, key: StateKey) -> Result<Option<Bytes>, LogError> {
        self.get(STATE, key.name().as_bytes(), || format!("the value {key}"))
    }

    /// The hash of an event that is stored.
    pub(crate) fn hash_at(&self, feed: Feed, seq: u64) -> Result<Hash, LogError> {
        let what = || format!("event {feed}/{seq}");
        // What is not in the database has been in the archive since before it was deleted.
        let bytes = match self.get(EVENTS, &key::write(feed, seq), what)? {
            Some(bytes) => Some(bytes),
            None => self.0.archive.segment_at(&feed, seq)?.and_then(|segment| segment.get(seq)),
        };
        Ok(parse(bytes.ok_or_else(|| missing(feed, seq))?, feed, seq)?.hash())
    }

    pub(crate) fn archive(&self) -> &Archive {
        &self.0.archive
    }

    pub(crate) fn snapshot_in_use(&self) -> &AtomicBool {
        &self.0.snapshot_in_use
    }

    pub(crate) fn db(&self) -> &DB {
        &self.0.db
    }

    pub(crate) fn family(&self, name: &'static str) -> Result<&ColumnFamily, LogError> {
        let why = || "the database does not have it".to_owned();
        self.0.db.cf_handle(name).ok_or_else(|| LogError::Unreadable { what: format!("the table {name}"), why: why() })
    }

    pub(crate) fn with_heads<T>(&self, f: impl FnOnce(&Frontier) -> T) -> T {
        f(&self.0.heads.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn raise_heads(&self, heads: BTreeMap<Feed, (u64, Hash)>) {
        self.0.heads.write().unwrap_or_else(PoisonError::into_inner).0.extend(heads);
    }

    fn get(&self, family: &'static str, key: &[u8], what: impl Fn() -> String) -> Result<Option<Bytes>, LogError> {
        let value = self.0.db.get_cf(self.family(family)?, key).map_err(|error| unreadable(what(), &error))?;
        Ok(value.map(Bytes::from))
    }
}

/// Adds an event where there is room, or where it is the first. False where it is too much.
fn push(events: &mut Vec<StoredEvent>, room: &mut usize, event: StoredEvent) -> bool {
    match room.checked_sub(event.bytes().len()) {
        Some(left) => *room = left,
        None if events.is_empty() => *room = 0,
        None => return false,
    }
    events.push(event);
    true
}

/// The value under the iterator, which must be that of this event.
fn expect<'a>(iterator: &'a DBRawIterator<'_>, feed: Feed, seq: u64) -> Result<&'a [u8], LogError> {
    match iterator.item() {
        Some((key, value)) if key == key::write(feed, seq) => Ok(value),
        Some(_) => Err(missing(feed, seq)),
        None => match iterator.status() {
            Ok(()) => Err(missing(feed, seq)),
            Err(error) => Err(corrupt(feed, seq, error.as_ref())),
        },
    }
}

fn parse(value: Bytes, feed: Feed, seq: u64) -> Result<StoredEvent, LogError> {
    let event = StoredEvent::parse(value).map_err(|error| LogError::Corrupt { feed, seq, why: error.to_string() })?;
    if event.header().feed != feed || event.header().seq != seq {
        let why = format!("it says that it is event {}", event.reference());
        return Err(LogError::Corrupt { feed, seq, why });
    }
    Ok(event)
}

fn check_link(before: &StoredEvent, event: &StoredEvent) -> Result<(), LogError> {
    if event.header().previous == before.hash() { Ok(()) } else { Err(broken_link(event)) }
}

/// The event names another one before it than what is stored there; which of the two is damaged, nobody knows.
fn broken_link(event: &StoredEvent) -> LogError {
    corrupt(event.header().feed, event.header().seq, "it, or the event before it, has another hash than it should")
}

fn missing(feed: Feed, seq: u64) -> LogError {
    corrupt(feed, seq, "it is missing")
}

fn corrupt(feed: Feed, seq: u64, why: &str) -> LogError {
    LogError::Corrupt { feed, seq, why: why.into() }
}

fn unreadable(what: String, error: &rocksdb::Error) -> LogError {
    LogError::Unreadable { what, why: error.as_ref().into() }
}
