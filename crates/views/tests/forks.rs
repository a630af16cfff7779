//! A feed that forks: both branches count, and each is told apart by whoever had seen one of them only.

#![allow(clippy::unwrap_used, missing_docs)]

#[allow(dead_code)] // each test file needs a part of it
mod kit;

use hostler_events::payload::*;
use hostler_events::{Actor, Event, Frontier, branch_of};
use hostler_views::{Lane, Loaded, Views};
use kit::{ADMIN, Pen, SITE, founded, joined, published, setting};
use std::sync::Arc;

const ME: Actor = Actor::Admin(ADMIN);

#[test]
fn both_branches_count_in_every_order_of_arrival() {
    let (mut one, mut two) = (Pen::new(1), Pen::new(2));
    let common = founded(&mut one);
    let first = common[0].header.epoch;
    let mut copy = one.clone();
    let base = common[0].reference.feed;
    // Of two copies of the master both write at one time, and go on.
    let a: Vec<_> = [setting("a"), published(1, "A"), setting("a2"), setting("late")]
        .into_iter()
        .enumerate()
        .map(|(n, event)| one.write(200 + n as u64, first, ME, event, &[]))
        .collect();
    let b: Vec<_> = [setting("b"), published(2, "B"), joined(3)]
        .into_iter()
        .enumerate()
        .map(|(n, event)| copy.write(200 + n as u64, first, ME, event, &[]))
        .collect();
    // The next master has seen the first branch up to its third event, and knows nothing of the other one.
    let promotion = two.promote(400, 2, PromotionKind::Forced, &[&common[..], &a[..3]].concat());
    let settled = Event::Discarded(Discarded { event: b[0].reference, reason: "of a copy".into() });
    let discarded = two.write(500, promotion.header.epoch, ME, settled, &[]);

    let mut events: Vec<Arc<Loaded>> = common.clone();
    events.extend(a.iter().chain(&b).cloned().chain([promotion.clone(), discarded]));
    let (branch_a, branch_b) = (branch_of(base, a[0].reference.hash), branch_of(base, b[0].reference.hash));
    let superseded = Lane::Superseded { by: Some(promotion.reference) };
    let mut want = vec![(Lane::Applied, common[0].reference.feed); common.len()];
    want.extend([Lane::Applied, Lane::Applied, Lane::Applied, superseded].map(|lane| (lane, branch_a)));
    want.extend([superseded, Lane::Applied, superseded].map(|lane| (lane, branch_b)));
    let mut digests = std::collections::BTreeSet::new();
    for turn in 0..events.len() {
        for batch in [1, 2, 5, events.len()] {
            let mut order = events.clone();
            order.rotate_left(turn);
            if turn % 2 == 1 {
                order.reverse();
            }
            let mut views = Views::default();
            order.chunks(batch).for_each(|part| {
                views.insert(part.iter().cloned());
            });
            let entries = views.timeline(SITE).unwrap().entries();
            let of = |event: &Arc<Loaded>| {
                let entry = entries.iter().find(|e| e.loaded.reference.hash == event.reference.hash).unwrap();
                (entry.lane, entry.loaded.reference.feed)
            };
            let got: Vec<_> = events[..want.len()].iter().map(of).collect();
            assert_eq!(got, want, "turn {turn}, batches of {batch}");
            assert_eq!(entries.len(), events.len());
            // What the promotion had seen, by the names of the branches.
            let saw = entries.iter().find(|e| e.loaded.reference == promotion.reference).unwrap();
            let (closed, end) = (&common[common.len() - 1].reference, &a[2].reference);
            let heads = [(base, (closed.seq, closed.hash)), (branch_a, (end.seq, end.hash))];
            assert_eq!(saw.loaded.header.frontier, Some(Frontier(heads.into())));
            // The master's discard means the event of the branch.
            let settled = entries.iter().find_map(|e| match &e.loaded.event {
                Some(Event::Discarded(d)) => Some(d.event.feed),
                _ => None,
            });
            assert_eq!(settled, Some(branch_b));
            assert!(views.save().is_none());
            digests.insert(views.digest());
        }
    }
    assert_eq!(digests.len(), 1);
}
