//! What is in a broker's log, read from its disk while it does not run: which events, and whether their feeds are whole.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use hostler_events::{Hash, StoredEvent};
use hostler_log_rocks::RocksLog;
use hostler_model::Feed;

/// The feeds of one log. Equal where the same events are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feeds(BTreeMap<Feed, Vec<Hash>>);

impl Feeds {
    /// Reads a broker's log, and checks that no feed has a gap and that its chain of hashes holds.
    pub fn read(data: &Path) -> Result<Self> {
        let log = RocksLog::open_read_only(data.join("log"))?;
        let (mut feeds, mut wrong) = (Self::default(), Ok(()));
        log.reader().scan(&mut |event| {
            wrong = feeds.take(&event);
            if wrong.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        wrong.with_context(|| format!("the log in {}", data.display()))?;
        Ok(feeds)
    }

    fn take(&mut self, event: &StoredEvent) -> Result<()> {
        let header = event.header();
        let feed = self.0.entry(header.feed).or_default();
        let wanted = feed.len() as u64 + 1;
        ensure!(header.seq == wanted, "{:?} has event {} where {wanted} should be", header.feed, header.seq);
        let before = feed.last().copied().unwrap_or(Hash::ZERO);
        ensure!(header.previous == before, "event {wanted} of {:?} does not follow the one before", header.feed);
        feed.push(event.hash());
        Ok(())
    }

    /// The names that REST gives these events: `<broker>.<incarnation>-<its random part>.<seq>.<hash>`.
    pub fn names(&self) -> BTreeSet<String> {
        let name = |feed: &Feed, (seq, hash): (usize, &Hash)| {
            let own = feed.incarnation;
            format!("{}.{}-{:x}.{seq}.{hash}", feed.broker, own.ordinal, own.random)
        };
        self.0.iter().flat_map(|(feed, hashes)| (1..).zip(hashes).map(move |event| name(feed, event))).collect()
    }

    /// How many events there are.
    pub fn events(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// How many feeds there are: one for each incarnation of a broker that has written something.
    pub fn feeds(&self) -> usize {
        self.0.len()
    }
}
