//! A farm of one broker and one administrator, for tests of what looks into the views.

use crate::backend::Snapshot;
use hostler_events::payload::BrokerAddresses;
use hostler_events::{AuthorKey, Frontier, Hash};
use hostler_model::{AdminId, BrokerId, Feed, HlcClock, Incarnation, SiteId, Wall};
use hostler_node::{Author, Founding, found};
use hostler_views::{Loaded, State, Views};
use hostler_wire::MemberKey;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The farm of the broker with this key, founded at 1,000 ms.
pub(crate) fn snapshot(key: &MemberKey) -> Snapshot {
    let (me, site_id) = (BrokerId(key.fingerprint().0), SiteId([9; 16]));
    let feed = Feed { broker: me, incarnation: Incarnation { ordinal: 1, random: 1 } };
    let author_key = AuthorKey::from_secret(key.secret());
    let mut author = Author::new(author_key, feed, site_id, 0, Hash::ZERO, HlcClock::default());
    let at = || "127.0.0.1:1".parse().unwrap();
    let founding = Founding {
        farm: "Farm".parse().unwrap(),
        site: site_id,
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
    let mut views = Views::default();
    views.insert(events.iter().map(|e| Arc::new(Loaded::new(e))));
    let state = Arc::new(views.main().unwrap().clone());
    Snapshot {
        me,
        site_id,
        main: state.clone(),
        site: state.clone(),
        sites: BTreeMap::from([(site_id, state)]),
        master: None,
        master_since: None,
        digest: Hash::ZERO,
        durable: Frontier::default(),
        brokers: BTreeMap::new(),
        gateways: BTreeMap::new(),
        alarms: Vec::new(),
        events: 5,
        removal: None,
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
