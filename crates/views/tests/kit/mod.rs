//! Writes events as brokers would, for tests of the views.

use hostler_events::payload::*;
use hostler_events::{Actor, AuthorKey, Event, EventRef, Frontier, Hash, Header, StoredEvent};
use hostler_model::*;
use hostler_views::Loaded;
use std::sync::Arc;

pub(crate) const SITE: SiteId = SiteId([9; 16]);
pub(crate) const ADMIN: AdminId = AdminId([7; 16]);
pub(crate) const OTHER: AdminId = AdminId([8; 16]);

/// One broker's pen: it writes the broker's feed, knowing what the test says that it knows.
#[derive(Clone)]
pub(crate) struct Pen {
    pub(crate) broker: BrokerId,
    incarnation: Incarnation,
    key: AuthorKey,
    seq: u64,
    head: Hash,
}

pub(crate) fn broker(n: u8) -> BrokerId {
    BrokerId([n; 16])
}

impl Pen {
    pub(crate) fn new(n: u8) -> Self {
        let incarnation = Incarnation { ordinal: 1, random: 1 };
        Self { broker: broker(n), incarnation, key: AuthorKey::from_secret(&[n; 32]), seq: 0, head: Hash::ZERO }
    }

    pub(crate) fn renew(&mut self) {
        self.incarnation.ordinal += 1;
        (self.seq, self.head) = (0, Hash::ZERO);
    }

    /// Writes an event at a wall time, under an epoch, by an actor, having seen some events.
    pub(crate) fn write(
        &mut self,
        at: u64,
        epoch: Epoch,
        actor: Actor,
        event: Event,
        seen: &[Arc<Loaded>],
    ) -> Arc<Loaded> {
        self.write_on(at, epoch, actor, event, seen, Vec::new())
    }

    pub(crate) fn write_on(
        &mut self,
        at: u64,
        epoch: Epoch,
        actor: Actor,
        event: Event,
        seen: &[Arc<Loaded>],
        bases: Vec<Option<EventRef>>,
    ) -> Arc<Loaded> {
        let kind = event.kind();
        let hlc = Hlc { wall: Wall(at), counter: 0 };
        let epoch = match event {
            Event::Promoted(_) => Epoch { n: epoch.n, hlc, broker: self.broker },
            _ => epoch,
        };
        let header = Header {
            format: Header::FORMAT,
            feed: Feed { broker: self.broker, incarnation: self.incarnation },
            seq: self.seq + 1,
            previous: self.head,
            hlc,
            site: SITE,
            epoch,
            actor,
            class: kind.class,
            kind: kind.id,
            version: kind.version,
            on_unknown: kind.on_unknown,
            touches: event.touches(),
            frontier: event.has_frontier().then(|| frontier(seen)),
            bases,
        };
        let stored = StoredEvent::seal(header, &event, &self.key).unwrap();
        self.seq += 1;
        self.head = stored.hash();
        Arc::new(Loaded::new(&stored))
    }

    /// A promotion to epoch `n`.
    pub(crate) fn promote(&mut self, at: u64, n: u64, kind: PromotionKind, seen: &[Arc<Loaded>]) -> Arc<Loaded> {
        let epoch = Epoch { n, hlc: Hlc::default(), broker: self.broker };
        let event = Event::Promoted(Promoted {
            kind,
            voters: vec![self.broker],
            evidence: Vec::new(),
            lost: None,
            reason: "test".into(),
        });
        self.write(at, epoch, Actor::System, event, seen)
    }
}

pub(crate) fn frontier(seen: &[Arc<Loaded>]) -> Frontier {
    let mut frontier = Frontier::default();
    for l in seen {
        frontier.raise(l.reference.feed, l.reference.seq, l.reference.hash);
        if let Some(f) = &l.header.frontier {
            frontier.join(f);
        }
    }
    frontier
}

pub(crate) fn joined(n: u8) -> Event {
    let at = |port| Address::new("127.0.0.1", port).unwrap();
    Event::BrokerJoined(BrokerJoined {
        broker: broker(n),
        name: format!("b{n}").parse().unwrap(),
        key: AuthorKey::from_secret(&[n; 32]).public(),
        addresses: BrokerAddresses { join: at(1), access: at(2), agent: at(3), peer: at(4) },
        token: None,
        standby: false,
    })
}

pub(crate) fn admin_added(admin: AdminId, name: &str) -> Event {
    Event::AdminAdded(AdminAdded {
        admin,
        name: name.parse().unwrap(),
        password_hash: String::new(),
        grants: vec![Grant { role: Role::Owner, site: None }],
    })
}

pub(crate) fn published(id: u8, name: &str) -> Event {
    Event::ItemPublished(ItemPublished {
        item: ItemId([id; 16]),
        name: name.parse().unwrap(),
        launch: Launch::Desktop,
        audience: Audience::default(),
        hosts: None,
        default: false,
    })
}

pub(crate) fn renamed(id: u8, name: &str) -> Event {
    Event::ItemChanged(ItemChanged { item: ItemId([id; 16]), fields: vec![ItemField::Name(name.parse().unwrap())] })
}

pub(crate) fn setting(value: &str) -> Event {
    Event::SettingSet(SettingSet { key: "k".into(), value: Some(value.into()) })
}

/// A farm of brokers 1, 2 and 3 with two administrators, founded by broker 1 at time 100.
pub(crate) fn founded(one: &mut Pen) -> Vec<Arc<Loaded>> {
    let first = one.promote(100, 1, PromotionKind::First, &[]);
    let epoch = first.header.epoch;
    let mut events = vec![first];
    let rest = [
        Event::FarmCreated(FarmCreated { name: "farm".parse().unwrap() }),
        Event::SiteCreated(SiteCreated { site: SITE, name: "main".parse().unwrap() }),
        joined(1),
        joined(2),
        joined(3),
        admin_added(ADMIN, "admin"),
        admin_added(OTHER, "other"),
    ];
    for (n, event) in rest.into_iter().enumerate() {
        events.push(one.write(101 + n as u64, epoch, Actor::System, event, &[]));
    }
    events
}
