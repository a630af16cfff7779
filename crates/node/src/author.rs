//! Writes headers: who, when, under which epoch, having seen what.

use hostler_events::{Actor, AuthorKey, Class, Event, EventRef, Frontier, Hash, Header, StoredError, StoredEvent};
use hostler_model::{BrokerId, Epoch, Feed, HlcClock, Incarnation, PublicKey, SiteId, Wall};

/// The author of one broker's events.
#[derive(Clone)]
pub struct Author {
    key: AuthorKey,
    feed: Feed,
    site: SiteId,
    seq: u64,
    head: Hash,
    clock: HlcClock,
}

impl Author {
    /// An author that goes on behind `(seq, head)` of its feed.
    #[must_use]
    pub fn new(key: AuthorKey, feed: Feed, site: SiteId, seq: u64, head: Hash, clock: HlcClock) -> Self {
        Self { key, feed, site, seq, head, clock }
    }

    /// Whose events.
    #[must_use]
    pub fn broker(&self) -> BrokerId {
        self.feed.broker
    }

    /// The public half of its key.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.key.public()
    }

    /// Its feed.
    #[must_use]
    pub fn feed(&self) -> Feed {
        self.feed
    }

    /// The clock, to show it what others wrote.
    pub fn clock_mut(&mut self) -> &mut HlcClock {
        &mut self.clock
    }

    /// Opens a new incarnation: its first event is the next.
    pub fn renew(&mut self, incarnation: Incarnation) {
        self.feed.incarnation = incarnation;
        self.seq = 0;
        self.head = Hash::ZERO;
    }

    /// Writes and signs the feed's next event. A promotion starts the epoch with the number `epoch.n`, at this event's
    /// time; every other event is stamped with `epoch`. `class` is for events that have the class of another.
    ///
    /// # Errors
    /// Where the event is too large; nothing has changed then.
    #[allow(clippy::too_many_arguments)] // what a header has: a struct for one caller would only rename it
    pub fn write(
        &mut self,
        wall: Wall,
        actor: Actor,
        event: &Event,
        epoch: Epoch,
        seen: &Frontier,
        bases: Vec<Option<EventRef>>,
        class: Option<Class>,
    ) -> Result<StoredEvent, StoredError> {
        let kind = event.kind();
        let hlc = self.clock.clone().tick(wall);
        let epoch = match event {
            Event::Promoted(_) => Epoch { n: epoch.n, hlc, broker: self.feed.broker },
            _ => epoch,
        };
        let header = Header {
            format: Header::FORMAT,
            feed: self.feed,
            seq: self.seq + 1,
            previous: self.head,
            hlc,
            site: self.site,
            epoch,
            actor,
            class: class.unwrap_or(kind.class),
            kind: kind.id,
            version: kind.version,
            on_unknown: kind.on_unknown,
            touches: event.touches(),
            frontier: event.has_frontier().then(|| seen.clone()),
            bases,
        };
        let stored = StoredEvent::seal(header, event, &self.key)?;
        self.clock.observe(hlc);
        self.seq += 1;
        self.head = stored.hash();
        Ok(stored)
    }
}
