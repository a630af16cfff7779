//! Old events in compressed files, one or more for a feed, each with the events from one place to another. What is in
//! one of them is not in the database any more, or about to be deleted there.
//!
//! Here is what is found where, and reading; files are written, and the database relieved of them, in `archiver`.

mod segment;

pub(crate) use segment::{Head, Packer, Segment, SegmentFile, seal};

use hostler_log::LogError;
use hostler_model::Feed;
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Unpacked segments that are kept in memory: whoever catches up reads each several times, in chunks, and several
/// feeds at once.
const CACHED: usize = 4;
const SUFFIX: &str = "seg";
const NEW_SUFFIX: &str = "seg.new";

/// How old events become archive files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArchiveOptions {
    /// Events in one file; fewer where they are large.
    pub segment_events: u64,
    /// So many of each feed's newest events stay in the database, where appending and tailing are fast. At least one.
    pub keep_events: u64,
}

impl Default for ArchiveOptions {
    fn default() -> Self {
        Self { segment_events: 10_000, keep_events: 20_000 }
    }
}

impl ArchiveOptions {
    /// True where a feed with so many events, of which the first `archived` are in files, has enough for another file.
    pub(crate) fn is_due(&self, last: u64, archived: u64) -> bool {
        let old = last.saturating_sub(self.keep_events.max(1));
        old.saturating_sub(archived) >= self.segment_events.max(1)
    }
}

/// The archive files of a log.
pub(crate) struct Archive {
    folder: PathBuf,
    feeds: RwLock<BTreeMap<Feed, Arc<Vec<SegmentFile>>>>,
    cache: Mutex<VecDeque<Arc<Segment>>>,
    /// Held by whoever writes files.
    writing: Mutex<()>,
}

impl Archive {
    /// Finds the files of a log; there may be none.
    pub(crate) fn open(log_folder: &Path, writable: bool) -> Result<Self, LogError> {
        let folder = log_folder.join("archive");
        let mut found: BTreeMap<Feed, Vec<SegmentFile>> = BTreeMap::new();
        for path in list(&folder)? {
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            if writable && name.ends_with(NEW_SUFFIX) {
                // A process ended while it wrote this one: its events are in the database still.
                fs::remove_file(&path).map_err(|error| unreadable(&path, &error))?;
            } else if path.extension().is_some_and(|e| e == SUFFIX) {
                let file = SegmentFile::open(&path)?;
                found.entry(file.head.feed).or_default().push(file);
            }
        }
        for files in found.values_mut() {
            files.sort_by_key(|f| f.head.first);
            check_chain(&folder, files)?;
        }
        let feeds = found.into_iter().map(|(feed, files)| (feed, Arc::new(files))).collect();
        Ok(Self { folder, feeds: RwLock::new(feeds), cache: Mutex::default(), writing: Mutex::default() })
    }

    /// Where the log is.
    pub(crate) fn log_folder(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.folder)
    }

    /// A feed's files, in order.
    pub(crate) fn files(&self, feed: &Feed) -> Arc<Vec<SegmentFile>> {
        self.feeds.read().unwrap_or_else(PoisonError::into_inner).get(feed).cloned().unwrap_or_default()
    }

    /// The feeds that have files.
    pub(crate) fn feeds(&self) -> Vec<Feed> {
        self.feeds.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// Up to which place a feed's events are in files; 0 where none are.
    pub(crate) fn end(&self, feed: &Feed) -> u64 {
        let feeds = self.feeds.read().unwrap_or_else(PoisonError::into_inner);
        feeds.get(feed).and_then(|files| files.last()).map_or(0, |f| f.head.last())
    }

    /// The events of one file, checked against its hash.
    pub(crate) fn load(&self, file: &SegmentFile) -> Result<Arc<Segment>, LogError> {
        let is_it = |s: &Arc<Segment>| (s.head.feed, s.head.first) == (file.head.feed, file.head.first);
        if let Some(known) = self.cache().iter().find(|s| is_it(s)) {
            return Ok(known.clone());
        }
        // Not under the lock: another reader must not wait for this file.
        let segment = Arc::new(file.load()?);
        let mut cache = self.cache();
        cache.push_back(segment.clone());
        while cache.len() > CACHED {
            cache.pop_front();
        }
        Ok(segment)
    }

    /// The segment in which this place is, where it is in a file.
    pub(crate) fn segment_at(&self, feed: &Feed, seq: u64) -> Result<Option<Arc<Segment>>, LogError> {
        let files = self.files(feed);
        let at = files.partition_point(|f| f.head.last() < seq);
        files.get(at).map(|file| self.load(file)).transpose()
    }

    /// One at a time may write files.
    pub(crate) fn lock_for_writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a file, durably, and from then on reads from it. The caller holds the lock for writing.
    pub(crate) fn add(&self, head: Head, bytes: &[u8]) -> Result<(), LogError> {
        let file = SegmentFile::write(&self.folder, head, bytes, SUFFIX, NEW_SUFFIX)?;
        let mut feeds = self.feeds.write().unwrap_or_else(PoisonError::into_inner);
        // Readers may hold the list as it was.
        Arc::make_mut(feeds.entry(file.head.feed).or_default()).push(file);
        Ok(())
    }

    fn cache(&self) -> MutexGuard<'_, VecDeque<Arc<Segment>>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, LogError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| unreadable(folder, &error))?,
    };
    entries.map(|entry| entry.map(|e| e.path()).map_err(|error| unreadable(folder, &error))).collect()
}

/// A feed's files begin with its first event and follow one another.
fn check_chain(folder: &Path, files: &[SegmentFile]) -> Result<(), LogError> {
    let mut next = (1, hostler_events::Hash::ZERO);
    for SegmentFile { path, head } in files {
        if head.first > next.0 {
            let lost = segment::path(folder, &head.feed, next.0, SUFFIX);
            return Err(damaged(&lost, head.feed, "it is missing"));
        }
        if (head.first, head.previous) != next {
            return Err(damaged(path, head.feed, "it does not follow the file before it, and one of them is damaged"));
        }
        next = (head.last() + 1, head.last_hash);
    }
    Ok(())
}

fn damaged(path: &Path, feed: Feed, why: impl Into<String>) -> LogError {
    LogError::Archive { file: path.display().to_string(), feed, why: why.into() }
}

fn unreadable(path: &Path, error: &std::io::Error) -> LogError {
    LogError::Unreadable { what: path.display().to_string(), why: error.to_string() }
}
