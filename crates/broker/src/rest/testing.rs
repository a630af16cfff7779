//! A farm of one broker and one administrator, for tests of what looks into the views.

use crate::backend::Snapshot;
use hostler_events::payload::BrokerAddresses;
use hostler_events::{Actor, AuthorKey, Event, Frontier, Hash};
use hostler_model::{AdminId, BrokerId, Epoch, Feed, HlcClock, Incarnation, SiteId, Wall};
use hostler_node::{Author, Founding, found};
use hostler_views::{Loaded, State, Views};
use hostler_wire::MemberKey;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The only site.
pub(crate) const SITE: SiteId = SiteId([9; 16]);

/// The farm of the broker with this key, founded at 1,000 ms.
pub(crate) fn snapshot(key: &MemberKey) -> Snapshot {
    let farm = Written::new(key);
    let state = Arc::new(farm.state().clone());
    Snapshot {
        me: BrokerId(key.fingerprint().0),
        site_id: SITE,
        main: state.clone(),
        site: state.clone(),
        sites: BTreeMap::from([(SITE, state)]),
        master: None,
        master_since: None,
        durable: Frontier::default(),
        brokers: BTreeMap::new(),
        held_brokers: BTreeMap::new(),
        gateways: BTreeMap::new(),
        alarms: Vec::new(),
        events: 5,
        removal: None,
    }
}

/// A farm of one broker that can be written on.
pub(crate) struct Written {
    author: Author,
    views: Views,
    epoch: Epoch,
    /// What was written.
    pub(crate) events: Vec<Arc<Loaded>>,
}

impl Written {
    /// The farm of the broker with this key, founded at 1,000 ms.
    pub(crate) fn new(key: &MemberKey) -> Self {
        let me = BrokerId(key.fingerprint().0);
        let feed = Feed { broker: me, incarnation: Incarnation { ordinal: 1, random: 1 } };
        let author_key = AuthorKey::from_secret(key.secret());
        let mut author = Author::new(author_key, feed, SITE, 0, Hash::ZERO, HlcClock::default());
        let at = || "127.0.0.1:1".parse().unwrap();
        let founding = Founding {
            farm: "Farm".parse().unwrap(),
            site: SITE,
            site_name: "main".parse().unwrap(),
            broker_name: "b1".parse().unwrap(),
            key: key.public(),
            addresses: BrokerAddresses { join: at(), access: at(), agent: at(), peer: at() },
            admin: AdminId([1; 16]),
            admin_name: "anna".parse().unwrap(),
            password_hash: String::new(),
            item: None,
        };
        let events = found(&mut author, Wall(1_000), founding).unwrap();
        let epoch = events.last().unwrap().header().epoch;
        let events: Vec<_> = events.iter().map(|e| Arc::new(Loaded::new(e))).collect();
        let mut views = Views::default();
        views.insert(events.iter().cloned());
        Self { author, views, epoch, events }
    }

    /// Adds an event.
    pub(crate) fn write(&mut self, event: &Event) {
        let seen = Frontier::default();
        let stored = self.author.write(Wall(2_000), Actor::System, event, self.epoch, &seen, Vec::new(), None);
        let loaded = Arc::new(Loaded::new(&stored.unwrap()));
        self.events.push(loaded.clone());
        self.views.insert([loaded]);
    }

    /// What the events add up to.
    pub(crate) fn state(&self) -> &State {
        self.views.main().unwrap()
    }
}

/// The same farm, with something changed in its only site.
pub(crate) fn changed(snapshot: &Snapshot, change: impl FnOnce(&mut State)) -> Snapshot {
    let mut state = (*snapshot.main).clone();
    change(&mut state);
    let state = Arc::new(state);
    let sites = BTreeMap::from([(snapshot.site_id, state.clone())]);
    Snapshot { main: state.clone(), site: state, sites, ..snapshot.clone() }
}

/// Changes every record of a map.
pub(crate) fn each<K: Ord + Copy, V: Clone>(map: &mut imbl::OrdMap<K, V>, change: impl Fn(&mut V)) {
    for key in map.keys().copied().collect::<Vec<_>>() {
        if let Some(record) = map.get_mut(&key) {
            change(record);
        }
    }
}
