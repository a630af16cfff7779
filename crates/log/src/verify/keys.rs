//! Which key an event must be signed with: the log says it itself.

use super::verifier::IdOf;
use hostler_events::payload::{BrokerJoined, BrokerKeyReplaced, SiteFounded};
use hostler_events::{Event, EventRef, Frontier, OrderKey, StoredEvent, kind_named};
use hostler_model::{BrokerId, Feed, PublicKey};
use std::collections::{BTreeMap, BTreeSet};

/// The keys of all brokers that the founder, or who was taken in since, vouches for.
#[derive(Default)]
pub(super) struct Keys {
    joined: BTreeMap<BrokerId, Vec<PublicKey>>,
    /// From which incarnation on, by its ordinal.
    replaced: BTreeMap<BrokerId, BTreeMap<u32, PublicKey>>,
    /// The farm's first broker.
    pub(super) founder: Option<BrokerId>,
    /// Events that name a key that can't be that broker's.
    pub(super) wrong: Vec<EventRef>,
}

/// An event that says what a key is.
struct Vouched {
    event: EventRef,
    broker: BrokerId,
    key: PublicKey,
    order: OrderKey,
    /// Set where it replaces a former key.
    seen: Option<Frontier>,
}

impl Keys {
    /// From all events: beginning with the founder, whoever is vouched for by a trusted broker is trusted.
    pub(super) fn of(events: &[StoredEvent], id_of: IdOf) -> Self {
        let mut vouched: Vec<Vouched> = events.iter().filter_map(vouched).collect();
        vouched.sort_by_key(|v| v.order);
        let own = |id: &BrokerId| {
            vouched.iter().any(|v| v.broker == *id && v.event.feed.broker == *id && id_of(&v.key) == *id)
        };
        let mut keys = Self { founder: founder(events, own), ..Self::default() };
        let mut trusted: BTreeSet<BrokerId> = keys.founder.into_iter().collect();
        loop {
            let before = trusted.len();
            let more: Vec<_> =
                vouched.iter().filter(|v| trusted.contains(&v.event.feed.broker)).map(|v| v.broker).collect();
            trusted.extend(more);
            if trusted.len() == before {
                break;
            }
        }
        for v in vouched.into_iter().filter(|v| trusted.contains(&v.event.feed.broker)) {
            match v.seen {
                Some(seen) => {
                    let known = seen.0.keys().filter(|f| f.broker == v.broker).map(|f| f.incarnation.ordinal);
                    let from = known.max().map_or(0, |ordinal| ordinal.saturating_add(1));
                    keys.replaced.entry(v.broker).or_default().insert(from, v.key);
                }
                // Whoever joins again may do so with the key that replaced its first one.
                None if id_of(&v.key) == v.broker || keys.has_replaced(&v) => {
                    keys.joined.entry(v.broker).or_default().push(v.key);
                }
                None => keys.wrong.push(v.event),
            }
        }
        keys
    }

    fn has_replaced(&self, joined: &Vouched) -> bool {
        self.replaced.get(&joined.broker).into_iter().flatten().any(|(_, key)| *key == joined.key)
    }

    /// The keys that may have signed a feed. Usually one: the key that replaced the former ones before this
    /// incarnation, or else those with which the broker joined.
    pub(super) fn of_feed(&self, feed: &Feed) -> Vec<PublicKey> {
        let replaced = self.replaced.get(&feed.broker);
        match replaced.and_then(|keys| keys.range(..=feed.incarnation.ordinal).next_back()) {
            Some((_, key)) => vec![*key],
            None => self.joined.get(&feed.broker).cloned().unwrap_or_default(),
        }
    }
}

/// The author of the event that began the farm: the first one whose key is its own.
fn founder(events: &[StoredEvent], has_own_key: impl Fn(&BrokerId) -> bool) -> Option<BrokerId> {
    let authors = |name| {
        let kind = kind_named(name).map(|k| k.id);
        let mut of_kind: Vec<_> = events.iter().map(StoredEvent::header).filter(|h| Some(h.kind) == kind).collect();
        of_kind.sort_by_key(|h| OrderKey::of(h));
        of_kind.into_iter().map(|h| h.feed.broker)
    };
    // Where that event is damaged, the first master tells as well.
    let candidates: Vec<BrokerId> = authors("farm.created").chain(authors("promoted")).collect();
    candidates.iter().find(|id| has_own_key(id)).or(candidates.first()).copied()
}

fn vouched(event: &StoredEvent) -> Option<Vouched> {
    let header = event.header();
    let kinds = ["broker.joined", "broker.key_replaced", "site.founded"].map(kind_named);
    if !kinds.iter().flatten().any(|k| k.id == header.kind) {
        return None;
    }
    let (broker, key, seen) = match event.event().ok()? {
        Event::BrokerJoined(BrokerJoined { broker, key, .. }) => (broker, key, None),
        // Another site's first broker: the events with which it begins that site are its own.
        Event::SiteFounded(SiteFounded { broker, key, .. }) => (broker, key, None),
        Event::BrokerKeyReplaced(BrokerKeyReplaced { broker, key }) => {
            (broker, key, Some(header.frontier.clone().unwrap_or_default()))
        }
        _ => return None,
    };
    Some(Vouched { event: event.reference(), broker, key, order: OrderKey::of(header), seen })
}
