//! The rules about what is superseded once more, written down independently: the design's words, without any care for
//! speed. No broker is removed and nobody revoked here, so nothing is quarantined.

use crate::net::SITE;
use hostler_events::{Class, Event, EventRef, Frontier};
use hostler_model::Epoch;
use hostler_node::Node;
use hostler_views::{Entry, Lane};

/// What of a node's timeline is not as the rules say; every structural event is applied, or is listed with its cause.
pub(crate) fn wrong_lane(node: &Node) -> Option<String> {
    let entries = node.views().timeline(SITE)?.entries();
    let mut effective: Vec<&Entry> = Vec::new();
    for promotion in entries.iter().rev().filter(|e| matches!(e.loaded.event, Some(Event::Promoted(_)))) {
        if effective.iter().all(|above| knows(above, &promotion.loaded.reference)) {
            effective.push(promotion);
        }
    }
    entries.iter().find_map(|entry| {
        let structural = entry.loaded.header.class == Class::Structural;
        let promoted = matches!(entry.loaded.event, Some(Event::Promoted(_)));
        let wanted = if promoted {
            !effective.iter().any(|e| e.loaded.reference == entry.loaded.reference)
        } else {
            structural && superseded(entries, &effective, entry)
        };
        let right = match entry.lane {
            Lane::Applied => !wanted,
            // The cause must be an event that is listed; where the own promotion does not count, that has the cause.
            Lane::Superseded { by: Some(by) } => wanted && entries.iter().any(|e| e.loaded.reference == by),
            Lane::Superseded { by: None } => wanted && !promoted && own(&effective, entry.key.epoch).is_none(),
            // What is by or about a thing whose creation does not count.
            Lane::Orphaned => !wanted && !promoted,
            Lane::Quarantined { .. } => false,
        };
        let what = || format!("{} (kind {}) is {:?}", entry.loaded.reference, entry.loaded.header.kind, entry.lane);
        (!right).then(what)
    })
}

fn knows(entry: &Entry, reference: &EventRef) -> bool {
    let none = Frontier::default();
    entry.loaded.header.frontier.as_ref().unwrap_or(&none).contains(&reference.feed, reference.seq)
}

fn own<'a>(effective: &[&'a Entry], epoch: Epoch) -> Option<&'a Entry> {
    effective.iter().find(|p| p.key.epoch == epoch).copied()
}

fn superseded(entries: &[Entry], effective: &[&Entry], entry: &Entry) -> bool {
    let (key, reference) = (entry.key, &entry.loaded.reference);
    let lacked = |p: &&Entry| p.key.epoch > key.epoch && !knows(p, reference);
    let resumed = |r: &Entry| {
        matches!(r.loaded.event, Some(Event::Resumed(_)))
            && r.key.epoch == key.epoch
            && r.key.broker == key.broker
            && r.key.incarnation > key.incarnation
            && !knows(r, reference)
    };
    effective.iter().copied().any(|p| lacked(&p))
        || key.epoch.broker != key.broker
        || own(effective, key.epoch).is_none()
        || entries.iter().any(resumed)
}
