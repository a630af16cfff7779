//! The other branches of forked feeds: events whose place, or the place before them, has another event in the log.

use hostler_events::{EventRef, Hash, StoredEvent};
use hostler_model::Feed;
use std::collections::BTreeMap;

/// The events that do not continue the branch of their feed that the log got first. They are few, since a broker leaves
/// a feed once it knows of the fork; so all of them are kept in memory.
#[derive(Clone, Debug, Default)]
pub struct Branches {
    feeds: BTreeMap<Feed, BTreeMap<(u64, Hash), StoredEvent>>,
    count: u64,
    bytes: usize,
}

impl Branches {
    /// True where this event is one of them.
    #[must_use]
    pub fn contains(&self, event: &EventRef) -> bool {
        self.feeds.get(&event.feed).is_some_and(|events| events.contains_key(&(event.seq, event.hash)))
    }

    /// Takes one in.
    pub fn insert(&mut self, event: StoredEvent) {
        let (EventRef { feed, seq, hash }, size) = (event.reference(), event.bytes().len());
        if self.feeds.entry(feed).or_default().insert((seq, hash), event).is_none() {
            self.count += 1;
            self.bytes += size;
        }
    }

    /// All, in the order of feed and place, and then of their hashes.
    pub fn iter(&self) -> impl Iterator<Item = &StoredEvent> {
        self.feeds.values().flat_map(BTreeMap::values)
    }

    /// Those in this place of a feed.
    pub fn at(&self, feed: Feed, seq: u64) -> impl Iterator<Item = &StoredEvent> {
        let events = self.feeds.get(&feed).into_iter();
        events.flat_map(move |e| e.range((seq, Hash::ZERO)..=(seq, Hash([0xFF; 32])))).map(|(_, event)| event)
    }

    /// Those of a feed from a place on, in the order of [`Branches::iter`].
    pub fn from(&self, feed: Feed, seq: u64) -> impl Iterator<Item = &StoredEvent> {
        let events = self.feeds.get(&feed).into_iter();
        events.flat_map(move |e| e.range((seq, Hash::ZERO)..)).map(|(_, event)| event)
    }

    /// The last place of a feed that one of them has; 0 where none has.
    #[must_use]
    pub fn end(&self, feed: Feed) -> u64 {
        self.feeds.get(&feed).and_then(|events| events.last_key_value()).map_or(0, |((seq, _), _)| *seq)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many bytes they have.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
