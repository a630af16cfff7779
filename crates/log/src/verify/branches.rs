//! Forked feeds in an examined log: which events belong to another branch than the one that came first.

use super::verifier::Place;
use hostler_events::{EventRef, Forks, Hash, StoredEvent};
use hostler_model::Feed;
use std::collections::{BTreeMap, BTreeSet};

/// The events of other branches, and how branches are named.
#[derive(Default)]
pub(super) struct Branches {
    events: BTreeSet<EventRef>,
    forks: Forks,
}

impl Branches {
    /// Of these events, each in the order in which it was found.
    pub(super) fn of(main: &[StoredEvent], others: &[StoredEvent]) -> Self {
        let mut branches = Self::default();
        let mut feeds: BTreeMap<Feed, Vec<(u64, Hash, Hash)>> = BTreeMap::new();
        for event in others {
            branches.events.insert(event.reference());
            feeds.entry(event.header().feed).or_default();
        }
        for event in main.iter().chain(others) {
            if let Some(events) = feeds.get_mut(&event.header().feed) {
                events.push((event.header().seq, event.hash(), event.header().previous));
            }
        }
        feeds.into_iter().for_each(|(feed, events)| branches.forks.add(feed, events));
        branches
    }

    /// The name in the headers of a feed's events.
    pub(super) fn base(&self, feed: Feed) -> Feed {
        self.forks.base(feed)
    }

    /// True where an event, by the name in its header, is one of another branch.
    pub(super) fn contains(&self, event: &EventRef) -> bool {
        self.events.contains(event)
    }
}

/// Tells for each event, in the order in which they were found, whether it belongs to another branch: its place has
/// another event before it in this order, or it follows one of another branch; and the event that it names is there.
/// Whatever else stands where it should not is damage.
pub(super) fn on_other_branches(events: &[StoredEvent]) -> Vec<bool> {
    if is_one_by_one(events) {
        return vec![false; events.len()];
    }
    let mut first: BTreeMap<Place, Hash> = BTreeMap::new();
    let mut others: BTreeSet<EventRef> = BTreeSet::new();
    let mut on_others = Vec::with_capacity(events.len());
    for event in events {
        let (got, previous) = (event.reference(), event.header().previous);
        let before = EventRef { seq: got.seq.saturating_sub(1), hash: previous, ..got };
        let begins = got.seq == 1 && previous == Hash::ZERO;
        let follows = others.contains(&before);
        let second = first.get(&(got.feed, got.seq)).is_some_and(|hash| *hash != got.hash)
            && (begins || first.get(&(got.feed, before.seq)) == Some(&previous));
        if (follows || second) && !others.contains(&got) {
            others.insert(got);
            on_others.push(true);
        } else {
            first.entry((got.feed, got.seq)).or_insert(got.hash);
            on_others.push(false);
        }
    }
    on_others
}

/// True where every event stands behind the one before it in its feed: then there are no branches.
fn is_one_by_one(events: &[StoredEvent]) -> bool {
    events.windows(2).all(|pair| {
        let [(feed, seq), (next_feed, next)] = [0, 1].map(|n| (pair[n].header().feed, pair[n].header().seq));
        if feed == next_feed { seq.checked_add(1) == Some(next) } else { feed < next_feed && next == 1 }
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Examined, Fault, Verifier};
    use super::*;
    use crate::testing::Chain;
    use hostler_model::{BrokerId, PublicKey};

    fn id_of(_: &PublicKey) -> BrokerId {
        BrokerId([1; 16])
    }

    fn examined(events: &[StoredEvent]) -> Examined {
        let mut verifier = Verifier::new(id_of, None);
        events.iter().for_each(|e| verifier.take(Some((e.header().feed, e.header().seq)), e.bytes().clone()));
        let examined = verifier.finish();
        assert_eq!(examined.count(), events.len() as u64);
        examined
    }

    /// What is found wrong, but that nobody says what the keys of these chains are.
    fn faults(events: &[StoredEvent]) -> Vec<(u64, Fault)> {
        let mut examined = examined(events);
        let findings = examined.conclude(Vec::new());
        findings.into_iter().filter(|f| f.fault != Fault::NoKey).map(|f| (f.seq, f.fault)).collect()
    }

    #[test]
    fn branches_are_no_damage() {
        let mut chain = Chain::new(1);
        let common = chain.events(3);
        let mut copy = chain.clone();
        let (first, other) = (chain.events(2), Chain::new(2).events(2));
        let branch: Vec<StoredEvent> = (0..4).map(|_| copy.large(300)).collect();
        let main = [&common[..], &first[..], &other[..]].concat();
        let whole = [&main[..], &branch[..]].concat();
        assert_eq!(faults(&main), []);
        assert_eq!(faults(&whole), []);
        assert_eq!(examined(&main).forked(), BTreeMap::new());
        assert_eq!(examined(&whole).forked(), BTreeMap::from([(common[0].header().feed, 4)]));
        assert_eq!(on_other_branches(&whole), [vec![false; 7], vec![true; 4]].concat());
        // Without its beginning it is none: nobody knows what it follows.
        let cut = [&main[..], &branch[1..]].concat();
        assert_eq!(on_other_branches(&cut), [false; 10]);
        assert!(!faults(&cut).is_empty());
        // An event that is there twice is not one of another branch.
        let twice = [&main[..], &first[..1]].concat();
        assert_eq!(on_other_branches(&twice), [false; 8]);
    }
}
