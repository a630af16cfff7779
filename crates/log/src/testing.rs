//! Signed chains of events for tests: small, and the same in every run.

use bytes::Bytes;
use hostler_events::payload::UserAdded;
use hostler_events::{Actor, AuthorKey, Event, EventRef, Hash, Header, StoredEvent};
use hostler_model::{BrokerId, Epoch, Feed, Hlc, Incarnation, PublicKey, SiteId, Thing, UserId, UserName, Wall};
use std::sync::Arc;

/// The site of all chains.
pub const SITE: SiteId = SiteId([0xEE; 16]);
/// When the first event of a chain happened: 2023-11-14, 22:13:20 UTC.
pub const BEGIN: Wall = Wall(1_700_000_000_000);

/// Authors one feed. A clone of it authors a fork.
#[derive(Clone)]
pub struct Chain {
    key: Arc<AuthorKey>,
    feed: Feed,
    seq: u64,
    previous: Hash,
    wall: Wall,
}

impl Chain {
    /// The first incarnation of the test's broker with this number.
    #[must_use]
    pub fn new(broker: u8) -> Self {
        Self::incarnation(broker, 1)
    }

    /// A given incarnation of the test's broker with this number. All incarnations of it have one key.
    #[must_use]
    pub fn incarnation(broker: u8, ordinal: u32) -> Self {
        let incarnation = Incarnation { ordinal, random: u64::from(ordinal) << 8 | u64::from(broker) };
        Self {
            key: Arc::new(AuthorKey::from_secret(&[broker; 32])),
            feed: Feed { broker: BrokerId([broker; 16]), incarnation },
            seq: 0,
            previous: Hash::ZERO,
            wall: BEGIN,
        }
    }

    /// Whose sequence it is.
    #[must_use]
    pub fn feed(&self) -> Feed {
        self.feed
    }

    /// With which key its events can be verified.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.key.public()
    }

    /// The last event's place; 0 before the first.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The last event; before the first, place 0 and no hash.
    #[must_use]
    pub fn head(&self) -> EventRef {
        EventRef { feed: self.feed, seq: self.seq, hash: self.previous }
    }

    /// The header that the next event will have, which a test may change before it seals it.
    #[must_use]
    pub fn next_header(&self, event: &Event) -> Header {
        let kind = event.kind();
        Header {
            format: Header::FORMAT,
            feed: self.feed,
            seq: self.seq + 1,
            previous: self.previous,
            hlc: Hlc { wall: self.wall.plus(1), counter: 0 },
            site: SITE,
            epoch: Epoch::NONE,
            actor: Actor::System,
            class: kind.class,
            kind: kind.id,
            version: kind.version,
            on_unknown: kind.on_unknown,
            touches: event.touches(),
            frontier: None,
            bases: vec![None; event.field_count()],
        }
    }

    /// Authors an event with a header of the test's own; the chain goes on after it.
    ///
    /// # Panics
    /// Where the event is too large.
    pub fn seal_as(&mut self, header: Header, event: &Event) -> StoredEvent {
        let sealed = match StoredEvent::seal(header, event, &self.key) {
            Ok(sealed) => sealed,
            Err(error) => panic!("{error}"),
        };
        (self.seq, self.previous, self.wall) = (sealed.header().seq, sealed.hash(), sealed.header().hlc.wall);
        sealed
    }

    /// Authors an event.
    ///
    /// # Panics
    /// Where the event is too large.
    pub fn seal(&mut self, event: &Event) -> StoredEvent {
        self.seal_as(self.next_header(event), event)
    }

    /// Authors some small event: a user was added.
    pub fn small(&mut self) -> StoredEvent {
        self.seal(&user_added(self.feed, self.seq + 1))
    }

    /// Authors a large event, of a little more than `bytes` bytes, which no compression makes smaller.
    ///
    /// # Panics
    /// Where that is more than an event may have.
    pub fn large(&mut self, bytes: usize) -> StoredEvent {
        let event = user_added(self.feed, self.seq + 1);
        let mut header = self.next_header(&event);
        let mut noise = self.feed.incarnation.random ^ self.seq;
        header.touches.extend((0..bytes / 17).map(|_| {
            let (high, low) = (next_noise(&mut noise), next_noise(&mut noise));
            Thing::User(UserId(((u128::from(high) << 64) | u128::from(low)).to_be_bytes()))
        }));
        self.seal_as(header, &event)
    }

    /// Authors so many small events.
    pub fn events(&mut self, count: usize) -> Vec<StoredEvent> {
        (0..count).map(|_| self.small()).collect()
    }
}

/// SplitMix64 (Steele et al., "Fast Splittable Pseudorandom Number Generators", 2014).
fn next_noise(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn user_added(feed: Feed, seq: u64) -> Event {
    let text = format!("user{seq}.{}", feed.broker.0[0]);
    let name: UserName = match text.parse() {
        Ok(name) => name,
        Err(error) => panic!("{error}"),
    };
    let mut user = [feed.broker.0[0]; 16];
    user[8..].copy_from_slice(&seq.to_be_bytes());
    Event::UserAdded(UserAdded { user: UserId(user), name })
}

/// The stored bytes of some events: what two logs that hold the same have in common.
#[must_use]
pub fn bytes_of(events: &[StoredEvent]) -> Vec<Bytes> {
    events.iter().map(|event| event.bytes().clone()).collect()
}
