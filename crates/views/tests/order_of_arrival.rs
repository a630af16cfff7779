//! The same set of events gives the same views and lanes, whatever the order and the batches in which they arrive.

#![allow(clippy::unwrap_used, missing_docs)]

mod history;
mod kit;

use history::{Dice, history};
use hostler_events::Hash;
use hostler_model::Epoch;
use hostler_views::{Lane, Loaded, Timeline};
use std::sync::Arc;

fn fold(events: &[Arc<Loaded>], batch: usize) -> (Hash, Vec<(Epoch, Lane)>) {
    let mut timeline = Timeline::default();
    for part in events.chunks(batch) {
        timeline.insert(part.iter().cloned());
    }
    let lanes = timeline.entries().iter().map(|e| (e.key.epoch, e.lane)).collect();
    (timeline.state().digest(), lanes)
}

#[test]
fn the_views_are_a_function_of_the_set() {
    let mut reached = std::collections::BTreeMap::new();
    for seed in 1..=300 {
        let events = history(seed, 25);
        let want = fold(&events, events.len());
        for (_, lane) in &want.1 {
            *reached.entry(lane.name()).or_insert(0) += 1;
        }
        let mut dice = Dice(seed);
        for round in 0..6 {
            let mut shuffled = events.clone();
            for at in (1..shuffled.len()).rev() {
                shuffled.swap(at, usize::try_from(dice.roll(at as u64 + 1)).unwrap());
            }
            let batch = [1, 2, 3, 7, 20, 50][round];
            let got = fold(&shuffled, batch);
            let other = got.1.iter().zip(&want.1).position(|(a, b)| a != b);
            assert!(got == want, "seed {seed}, batches of {batch}: other views, first other lane: {other:?}");
        }
    }
    for lane in ["applied", "superseded", "quarantined", "orphaned"] {
        assert!(reached.contains_key(lane), "no history reached {lane}: {reached:?}");
    }
}
