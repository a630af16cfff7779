//! An event in memory: its header, and its payload where this program can read it.

use hostler_events::{Event, EventRef, Header, OnUnknown, OrderKey, StoredEvent};

/// An event in memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loaded {
    /// Its name.
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
        OrderKey::of(&self.header)
    }

    /// True where this program must not decide anything any more: it can't read an event that it would have to know.
    #[must_use]
    pub fn halts(&self) -> bool {
        self.event.is_none() && self.header.on_unknown == OnUnknown::Halt
    }
}
