//! An event in memory: its header, and its payload where this program can read it.

use hostler_events::{Event, EventRef, Forks, Header, OnUnknown, OrderKey, StoredEvent};
use std::sync::Arc;

/// An event in memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loaded {
    /// Its name; in views, by the name of its branch where its feed has forked.
    pub reference: EventRef,
    /// What stands before it.
    pub header: Header,
    /// What happened; `None` where this program can't read it.
    pub event: Option<Event>,
}

impl Loaded {
    /// Reads a stored event. A payload that can't be read leaves `event` empty: a newer broker wrote it, or nonsense.
    #[must_use]
    pub fn new(stored: &StoredEvent) -> Self {
        Self { reference: stored.reference(), header: stored.header().clone(), event: stored.event().ok() }
    }

    /// As [`Loaded::new`], by a program that does not know events of these types.
    #[must_use]
    pub fn read(stored: &StoredEvent, unread: &[u16]) -> Self {
        let mut loaded = Self::new(stored);
        if unread.contains(&loaded.header.kind) {
            loaded.event = None;
        }
        loaded
    }

    /// As [`Loaded::new`], where the stored event is not needed any more.
    #[must_use]
    pub fn take(stored: StoredEvent) -> Self {
        let (reference, event) = (stored.reference(), stored.event().ok());
        Self { reference, header: stored.into_header(), event }
    }

    /// Its place in its site's order.
    #[must_use]
    pub fn key(&self) -> OrderKey {
        // By the branch: the events of two branches may have one time and one place.
        OrderKey { incarnation: self.reference.feed.incarnation, ..OrderKey::of(&self.header) }
    }

    /// The same event by the names of the branches, also of all that it names itself. The header's own feed stays.
    #[must_use]
    pub(crate) fn named(self: &Arc<Self>, forks: &Forks) -> Arc<Self> {
        if forks.is_empty() {
            return self.clone();
        }
        let reference = forks.named(&self.reference);
        let frontier = self.header.frontier.as_ref().filter(|f| forks.touch(f)).map(|f| forks.frontier(f));
        let based = self.header.bases.iter().flatten().any(|base| forks.named(base) != *base);
        let event = self.event.as_ref().and_then(|event| forks.renamed(event));
        if reference == self.reference && frontier.is_none() && !based && event.is_none() {
            return self.clone();
        }
        let mut named = Self { reference, ..Self::clone(self) };
        named.header.frontier = frontier.or(named.header.frontier);
        named.header.bases.iter_mut().flatten().for_each(|base| *base = forks.named(base));
        named.event = event.or(named.event);
        Arc::new(named)
    }

    /// True where this program must not decide anything any more: it can't read an event that it would have to know.
    #[must_use]
    pub fn halts(&self) -> bool {
        self.event.is_none() && self.header.on_unknown == OnUnknown::Halt
    }
}
