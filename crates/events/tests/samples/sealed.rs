//! Headers, and whole stored events.

use super::{broker, feed, of, reference};
use hostler_events::{Actor, AuthorKey, Class, Event, Frontier, Hash, Header, OnUnknown, StoredEvent};
use hostler_model::{
    AdminId, Epoch, Feed, GatewayId, GroupId, Hlc, HostId, Incarnation, ItemId, SiteId, Thing, TokenId, UserId, Wall,
};

const SITE: SiteId = SiteId([9; 16]);

/// The key of broker `n`.
pub(crate) fn key(n: u8) -> AuthorKey {
    AuthorKey::from_secret(&[n; 32])
}

/// Headers of today's format, each with a name.
pub(crate) fn headers() -> Vec<(&'static str, Header)> {
    let hlc = Hlc { wall: Wall(1_700_000_000_123), counter: 7 };
    let full = Header {
        format: Header::FORMAT,
        feed: feed(2),
        seq: 70_000,
        previous: Hash([0xaa; 32]),
        hlc,
        site: SITE,
        epoch: Epoch { n: 3, hlc: Hlc { wall: Wall(1_600_000_000_000), counter: u32::MAX }, broker: broker(1) },
        actor: Actor::Admin(AdminId([7; 16])),
        class: Class::Revocation,
        kind: 100,
        version: 1,
        on_unknown: OnUnknown::Halt,
        touches: every_thing(),
        frontier: Some(frontier()),
        bases: vec![Some(reference(1, 12)), None],
    };
    let least = Header {
        feed: Feed { broker: broker(0), incarnation: Incarnation { ordinal: 0, random: 0 } },
        seq: 0,
        previous: Hash::ZERO,
        hlc: Hlc::default(),
        site: SiteId([0; 16]),
        epoch: Epoch::NONE,
        actor: Actor::System,
        class: Class::Structural,
        kind: 0,
        version: 0,
        touches: Vec::new(),
        frontier: None,
        bases: Vec::new(),
        ..full.clone()
    };
    let greatest = Header {
        seq: u64::MAX,
        actor: Actor::Token(TokenId([6; 16])),
        class: Class::Everyday,
        kind: u16::MAX,
        version: u16::MAX,
        on_unknown: OnUnknown::Skip,
        frontier: Some(Frontier::default()),
        ..full.clone()
    };
    vec![("full", full), ("least", least), ("greatest", greatest)]
}

/// One whole event of each class, by broker 2's key, with the header that a broker would give it.
pub(crate) fn stored() -> Vec<(Class, Event, StoredEvent)> {
    // promoted, item.changed, admin.disabled
    [(Class::Structural, 1), (Class::Everyday, 61), (Class::Revocation, 100)]
        .into_iter()
        .map(|(class, kind)| {
            let event = of(kind, 1).remove(0).event;
            let stored = seal(&event);
            (class, event, stored)
        })
        .collect()
}

/// A whole event by broker 2's key.
pub(crate) fn seal(event: &Event) -> StoredEvent {
    let kind = event.kind();
    let header = Header {
        class: kind.class,
        kind: kind.id,
        version: kind.version,
        on_unknown: kind.on_unknown,
        touches: event.touches(),
        frontier: event.has_frontier().then(frontier),
        bases: (0..event.field_count()).map(|n| (n > 0).then(|| reference(1, n as u64))).collect(),
        ..headers().remove(0).1
    };
    StoredEvent::seal(header, event, &key(2)).unwrap()
}

fn frontier() -> Frontier {
    let mut frontier = Frontier::default();
    frontier.raise(feed(1), 12, Hash([1; 32]));
    frontier.raise(feed(2), 69_999, Hash([0xaa; 32]));
    frontier
}

fn every_thing() -> Vec<Thing> {
    vec![
        Thing::Site(SITE),
        Thing::Broker(broker(2)),
        Thing::Gateway(GatewayId([0x50; 16])),
        Thing::Host(HostId([0x40; 16])),
        Thing::Item(ItemId([0x60; 16])),
        Thing::User(UserId([0x70; 16])),
        Thing::Group(GroupId([0x72; 16])),
        Thing::Admin(AdminId([7; 16])),
        Thing::Token(TokenId([6; 16])),
    ]
}
