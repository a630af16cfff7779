//! Moves old events from the database into archive files, on a thread of its own: appending goes on meanwhile.
//!
//! The order of the steps is what keeps every event in exactly one place that is read: the file is durable first; then
//! readers know it; only then the database forgets the events, in one synced write. A process that ends in between
//! leaves events in both places, of which readers look at the file only, and the next start deletes the others.

use crate::archive::{Archive, ArchiveOptions, Head, Packer, seal};
use crate::reader::{EVENTS, RocksReader};
use crate::{key, place};
use hostler_events::Hash;
use hostler_log::LogError;
use hostler_model::Feed;
use rocksdb::{WriteBatch, WriteOptions};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use tracing::{debug, error, info};

/// After so many files the database is asked to give back the room of what was deleted; it does so by itself too, but
/// only where much is appended.
const COMPACT_AFTER: u64 = 16;

/// Moves old events.
pub(crate) struct Mover {
    reader: RocksReader,
    folder: PathBuf,
    options: ArchiveOptions,
}

impl Mover {
    pub(crate) fn new(reader: RocksReader, folder: PathBuf, options: ArchiveOptions) -> Self {
        Self { reader, folder, options }
    }

    /// True where this feed has events to move.
    pub(crate) fn is_due(&self, feed: &Feed, last: u64) -> bool {
        self.options.is_due(last, self.archive().end(feed))
    }

    /// Deletes from the database what is in files already: a process ended before it could.
    pub(crate) fn forget_leftovers(&self) -> Result<(), LogError> {
        for feed in self.archive().feeds() {
            let end = self.archive().end(&feed);
            if self.reader.first_in_database(feed)?.is_some_and(|first| first <= end) {
                info!(%feed, end, "deleting from the database what is in the archive");
                self.forget(feed, 1, end)?;
            }
        }
        Ok(())
    }

    /// Moves all that is due, until `stop` says so. Says how many files it wrote.
    pub(crate) fn move_due(&self, stop: &dyn Fn() -> bool) -> Result<u64, LogError> {
        let _one_at_a_time = self.archive().lock_for_writing();
        let mut files = 0;
        for (feed, (last, _)) in self.reader.heads().0 {
            while self.is_due(&feed, last) && !stop() {
                self.move_one(feed)?;
                files += 1;
            }
        }
        if files >= COMPACT_AFTER {
            let all = (None::<&[u8]>, None::<&[u8]>);
            self.reader.db().compact_range_cf(self.reader.family(EVENTS)?, all.0, all.1);
        }
        Ok(files)
    }

    /// Moves the oldest events of a feed into one more file.
    fn move_one(&self, feed: Feed) -> Result<(), LogError> {
        let files = self.archive().files(&feed);
        let (first, previous) = files.last().map_or((1, Hash::ZERO), |f| (f.head.last() + 1, f.head.last_hash));
        let mut packer = Packer::new();
        let mut last_hash = Hash::ZERO;
        self.reader.walk_database(feed, first, &mut |event| {
            last_hash = event.hash();
            packer.push(event.bytes()) && u64::from(packer.count()) < self.options.segment_events.max(1)
        })?;
        let head = Head { feed, first, count: packer.count(), previous, last_hash };
        let bytes = seal(&head, &packer).map_err(|error| LogError::Io(error.to_string()))?;
        // A program that does not know archive files would take their events for lost.
        place::mark_archive(&self.folder).map_err(|error| LogError::Io(error.to_string()))?;
        self.archive().add(head, &bytes)?;
        self.forget(feed, first, head.last())?;
        debug!(%feed, first, last = head.last(), bytes = bytes.len(), "old events moved into the archive");
        Ok(())
    }

    fn forget(&self, feed: Feed, first: u64, last: u64) -> Result<(), LogError> {
        let mut batch = WriteBatch::default();
        batch.delete_range_cf(self.reader.family(EVENTS)?, key::write(feed, first), key::write(feed, last + 1));
        let mut sync = WriteOptions::default();
        sync.set_sync(true);
        self.reader.db().write_opt(batch, &sync).map_err(|error| LogError::Io(error.into_string()))
    }

    fn archive(&self) -> &Archive {
        self.reader.archive()
    }
}

/// The thread.
pub(crate) struct Archiver {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    due: bool,
    stop: bool,
}

impl Archiver {
    /// Starts the thread.
    pub(crate) fn spawn(mover: Mover) -> io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let of_thread = shared.clone();
        let run = move || {
            while of_thread.wait() {
                match mover.move_due(&|| of_thread.lock().stop) {
                    Ok(0) => {}
                    Ok(files) => info!(files, "old events moved into the archive"),
                    Err(error) => {
                        // Everything is in one place or the other; the log itself notices where the disk fails.
                        error!(%error, "old events stay in the database until the next start");
                        return;
                    }
                }
            }
        };
        let thread = thread::Builder::new().name("log-archiver".into()).spawn(run)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Says that something may be due.
    pub(crate) fn wake(&self) {
        self.shared.lock().due = true;
        self.shared.changed.notify_one();
    }
}

impl Drop for Archiver {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            error!("the archive's thread ended with a panic");
        }
    }
}

impl Shared {
    /// Waits for work. False where there will be none.
    fn wait(&self) -> bool {
        let idle = |state: &mut State| !state.due && !state.stop;
        let mut state = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        state.due = false;
        !state.stop
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
