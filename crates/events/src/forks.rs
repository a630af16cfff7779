//! Forked feeds: which branch an event belongs to, and what a frontier says about the branches.
//!
//! Two events in one place of a feed prove a fork. The feed then ends before that place, and each branch goes on as a
//! sub-feed that is named by the hash of its first event. All of it follows from the set of events: whichever branch
//! came first, the same names come out. In headers a feed has the name under which its author wrote; here that is the
//! *base*.

use crate::{Event, EventRef, Frontier, Hash};
use hostler_model::{Feed, Incarnation};
use std::collections::{BTreeMap, BTreeSet};

const CONTEXT: &str = "hostler 1 branch of a feed";

/// The feeds that are known to have forked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Forks {
    trees: BTreeMap<Feed, Tree>,
    /// The base of each sub-feed.
    bases: BTreeMap<Feed, Feed>,
}

/// All events of one base.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Tree {
    events: BTreeMap<(u64, Hash), Knot>,
    feeds: BTreeMap<Feed, Run>,
}

/// One event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Knot {
    previous: Hash,
    feed: Feed,
}

/// What the closed feed, or one sub-feed, has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Run {
    first: u64,
    /// Hash of the event before the first.
    previous: Hash,
    last: (u64, Hash),
}

/// The sub-feed whose first event has this hash.
#[must_use]
pub fn branch_of(base: Feed, first: Hash) -> Feed {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(&base.incarnation.random.to_be_bytes());
    hasher.update(&first.0);
    let mut random = [0; 8];
    random.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    let incarnation = Incarnation { random: u64::from_be_bytes(random), ..base.incarnation };
    Feed { incarnation, ..base }
}

impl Forks {
    /// True where no feed has forked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.trees.is_empty()
    }

    /// True where this feed, under the name in its headers, has forked.
    #[must_use]
    pub fn has(&self, base: &Feed) -> bool {
        self.trees.contains_key(base)
    }

    /// The feeds that have forked, under the names in their headers.
    pub fn forked(&self) -> impl Iterator<Item = Feed> + '_ {
        self.trees.keys().copied()
    }

    /// How many sub-feeds there are.
    #[must_use]
    pub fn branches(&self) -> usize {
        self.bases.len()
    }

    /// The name in the headers of a feed's events.
    #[must_use]
    pub fn base(&self, feed: Feed) -> Feed {
        self.bases.get(&feed).copied().unwrap_or(feed)
    }

    /// True for an event of a forked feed that is known; `event` may be named by either name.
    #[must_use]
    pub fn knows(&self, event: &EventRef) -> bool {
        self.knot(event).is_some()
    }

    /// True for a known event of a forked feed that none follows.
    #[must_use]
    pub fn is_end(&self, event: &EventRef) -> bool {
        let Some(tree) = self.trees.get(&self.base(event.feed)).filter(|_| self.knows(event)) else { return false };
        let next = event.seq.saturating_add(1);
        let behind = tree.events.range((next, Hash::ZERO)..).take_while(|((seq, _), _)| *seq == next);
        behind.into_iter().all(|(_, knot)| knot.previous != event.hash)
    }

    /// The place where a feed's events begin.
    #[must_use]
    pub fn first(&self, feed: Feed) -> u64 {
        self.run(feed).map_or(1, |run| run.first)
    }

    /// The hash of the event in a place of a closed feed or a sub-feed.
    #[must_use]
    pub fn hash_at(&self, feed: Feed, seq: u64) -> Option<Hash> {
        let tree = self.trees.get(&self.base(feed))?;
        let events = tree.events.range((seq, Hash::ZERO)..).take_while(|((at, _), _)| *at == seq);
        events.filter(|(_, knot)| knot.feed == feed).map(|((_, hash), _)| *hash).next()
    }

    /// The last event of a forked feed's closed part and of each of its sub-feeds.
    pub fn heads(&self, base: &Feed) -> impl Iterator<Item = (Feed, (u64, Hash))> + '_ {
        self.trees.get(base).into_iter().flat_map(|tree| tree.feeds.iter().map(|(feed, run)| (*feed, run.last)))
    }

    /// The first place of a forked feed that two events have.
    #[must_use]
    pub fn place(&self, base: &Feed) -> Option<u64> {
        let tree = self.trees.get(base)?;
        tree.feeds.iter().filter(|(feed, _)| *feed != base).map(|(_, run)| run.first).min()
    }

    /// Takes in events of a forked feed, each by its place, its hash, and the hash of the one before. The first time it
    /// must be all that are known of that feed.
    pub fn add(&mut self, base: Feed, events: impl IntoIterator<Item = (u64, Hash, Hash)>) {
        let tree = self.trees.entry(base).or_default();
        tree.events
            .extend(events.into_iter().map(|(seq, hash, previous)| ((seq, hash), Knot { previous, feed: base })));
        tree.place(base);
        self.bases.retain(|_, of| *of != base);
        self.bases.extend(tree.feeds.keys().filter(|feed| **feed != base).map(|feed| (*feed, base)));
    }

    /// An event by the name of its branch.
    #[must_use]
    pub fn named(&self, event: &EventRef) -> EventRef {
        self.knot(event).map_or(*event, |knot| EventRef { feed: knot.feed, ..*event })
    }

    /// A frontier by the names of the branches. What it says about events of a forked feed that are not known here stays
    /// as it is.
    #[must_use]
    pub fn frontier(&self, frontier: &Frontier) -> Frontier {
        let mut named = Frontier::default();
        for (feed, (seq, hash)) in &frontier.0 {
            let mut at = Some(EventRef { feed: *feed, seq: *seq, hash: *hash });
            while let Some(event) = at.take() {
                let known = self.knot(&event).and_then(|knot| Some((knot.feed, self.run(knot.feed)?)));
                let Some((branch, run)) = known else {
                    named.raise(event.feed, event.seq, event.hash);
                    break;
                };
                named.raise(branch, event.seq, event.hash);
                // All before the branch was seen as well.
                at = (run.first > 1).then(|| EventRef {
                    feed: self.base(branch),
                    seq: run.first - 1,
                    hash: run.previous,
                });
            }
        }
        named
    }

    /// True where a frontier says something about a feed that has forked.
    #[must_use]
    pub fn touch(&self, frontier: &Frontier) -> bool {
        !self.is_empty() && frontier.0.keys().any(|feed| self.has(&self.base(*feed)))
    }

    /// An event that names others, by the names of their branches; `None` where nothing changes.
    #[must_use]
    pub fn renamed(&self, event: &Event) -> Option<Event> {
        let mut event = event.clone();
        let names = match &mut event {
            Event::Reapplied(e) => &mut e.event,
            Event::Discarded(e) => &mut e.event,
            _ => return None,
        };
        let named = self.named(names);
        let changes = named != *names;
        *names = named;
        changes.then_some(event)
    }

    fn knot(&self, event: &EventRef) -> Option<&Knot> {
        self.trees.get(&self.base(event.feed))?.events.get(&(event.seq, event.hash))
    }

    fn run(&self, feed: Feed) -> Option<&Run> {
        self.trees.get(&self.base(feed))?.feeds.get(&feed)
    }
}

impl Tree {
    /// Finds the branch of each event, from the first on.
    fn place(&mut self, base: Feed) {
        let mut siblings: BTreeMap<(u64, Hash), usize> = BTreeMap::new();
        let mut in_place: BTreeMap<u64, usize> = BTreeMap::new();
        for ((seq, _), knot) in &self.events {
            *siblings.entry((*seq, knot.previous)).or_default() += 1;
            *in_place.entry(*seq).or_default() += 1;
        }
        self.feeds.clear();
        let events: Vec<(u64, Hash)> = self.events.keys().copied().collect();
        for (seq, hash) in events {
            let previous = self.events[&(seq, hash)].previous;
            let parent = seq.checked_sub(1).and_then(|before| self.events.get(&(before, previous)));
            let feed = match parent {
                _ if siblings[&(seq, previous)] > 1 => branch_of(base, hash),
                Some(parent) => parent.feed,
                // The one before it is not known: nobody can say which branch it continues.
                None if in_place[&seq] > 1 => branch_of(base, hash),
                None => base,
            };
            if let Some(knot) = self.events.get_mut(&(seq, hash)) {
                knot.feed = feed;
            }
            let run = self.feeds.entry(feed).or_insert(Run { first: seq, previous, last: (seq, hash) });
            run.last = (seq, hash);
        }
    }
}

/// True where two of these events have one place: each is given by its place and its hash.
#[must_use]
pub fn has_fork(events: impl IntoIterator<Item = (u64, Hash)>) -> bool {
    let mut seen: BTreeSet<(u64, Hash)> = events.into_iter().collect();
    let mut last = None;
    while let Some((seq, _)) = seen.pop_first() {
        if last.replace(seq) == Some(seq) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_model::BrokerId;

    fn base() -> Feed {
        Feed { broker: BrokerId([2; 16]), incarnation: Incarnation { ordinal: 1, random: 7 } }
    }

    /// The event with this letter: `a` to `c` are places 1 to 3 of the common part, and so on below.
    fn hash(letter: char) -> Hash {
        if letter == '.' { Hash::ZERO } else { Hash([letter as u8; 32]) }
    }

    fn branch(first: char) -> Feed {
        branch_of(base(), hash(first))
    }

    /// Written as "place, event, event before".
    fn events(text: &str) -> Vec<(u64, Hash, Hash)> {
        let one = |word: &str| {
            let mut letters = word.chars();
            let mut next = || letters.next().unwrap();
            (u64::from(next().to_digit(10).unwrap()), hash(next()), hash(next()))
        };
        text.split_whitespace().map(one).collect()
    }

    fn frontier(heads: &[(Feed, u64, char)]) -> Frontier {
        Frontier(heads.iter().map(|(feed, seq, letter)| (*feed, (*seq, hash(*letter)))).collect())
    }

    #[test]
    fn branches_follow_from_the_events_alone() {
        let (b, d, x, y, z) = (base(), branch('d'), branch('x'), branch('y'), branch('z'));
        let cases = [
            // The common part a b c, then d e on one side and x on the other.
            ("1a. 2ba 3cb 4dc 5ed 4xc", vec![(b, 3, 'c'), (d, 5, 'e'), (x, 4, 'x')], Some(4)),
            // A third branch from an earlier place: the common part is closed there, the former one becomes a branch.
            (
                "1a. 2ba 3cb 4dc 5ed 4xc 2za 3wz",
                vec![(b, 1, 'a'), (branch('b'), 3, 'c'), (d, 5, 'e'), (x, 4, 'x'), (z, 3, 'w')],
                Some(2),
            ),
            // Three from one place.
            ("1a. 2ba 2ya 2za", vec![(b, 1, 'a'), (branch('b'), 2, 'b'), (y, 2, 'y'), (z, 2, 'z')], Some(2)),
            // From the very first event on.
            ("1a. 2ba 1x. 2yx", vec![(branch('a'), 2, 'b'), (x, 2, 'y')], Some(1)),
            // A branch that forks again.
            (
                "1a. 2ba 2xa 3yx 3zx",
                vec![(b, 1, 'a'), (branch('b'), 2, 'b'), (x, 2, 'x'), (y, 3, 'y'), (z, 3, 'z')],
                Some(2),
            ),
        ];
        for (text, want, place) in cases {
            let want: BTreeMap<Feed, (u64, Hash)> = frontier(&want).0;
            let mut all = events(text);
            for turn in 0..all.len() {
                all.rotate_left(1);
                // At once, and one after the other.
                let mut forks = Forks::default();
                forks.add(base(), all.clone());
                let mut slowly = Forks::default();
                all.iter().for_each(|event| slowly.add(base(), [*event]));
                assert_eq!(forks, slowly, "{text}, turn {turn}");
                assert_eq!(forks.heads(&base()).collect::<BTreeMap<_, _>>(), want, "{text}, turn {turn}");
                assert_eq!(forks.place(&base()), place, "{text}");
                for (feed, (seq, hash)) in &want {
                    assert_eq!((forks.base(*feed), forks.hash_at(*feed, *seq)), (base(), Some(*hash)), "{text}");
                }
            }
        }
    }

    #[test]
    fn frontiers_name_all_that_was_seen() {
        let mut forks = Forks::default();
        forks.add(base(), events("1a. 2ba 3cb 4dc 5ed 4xc 2za 3wz"));
        let (b, bb, d, x, z) = (base(), branch('b'), branch('d'), branch('x'), branch('z'));
        let other = Feed { broker: BrokerId([3; 16]), ..base() };
        for (said, want) in [
            // Whoever had seen one branch only knew of none.
            (vec![(b, 5, 'e')], vec![(b, 1, 'a'), (bb, 3, 'c'), (d, 5, 'e')]),
            (vec![(b, 3, 'w')], vec![(b, 1, 'a'), (z, 3, 'w')]),
            (vec![(b, 2, 'b')], vec![(b, 1, 'a'), (bb, 2, 'b')]),
            // Or of the later fork only.
            (vec![(b, 3, 'c'), (d, 4, 'd'), (x, 4, 'x')], vec![(b, 1, 'a'), (bb, 3, 'c'), (d, 4, 'd'), (x, 4, 'x')]),
            // What is not known here stays.
            (vec![(b, 9, 'q'), (other, 4, 'd')], vec![(b, 9, 'q'), (other, 4, 'd')]),
        ] {
            let named = forks.frontier(&frontier(&said));
            assert_eq!(named, frontier(&want), "{said:?}");
            assert_eq!(forks.frontier(&named), named, "once more changes nothing");
        }
        let event = |feed, seq, letter| EventRef { feed, seq, hash: hash(letter) };
        assert_eq!(forks.named(&event(b, 5, 'e')), event(d, 5, 'e'));
        assert_eq!(forks.named(&event(b, 1, 'a')), event(b, 1, 'a'));
        assert_eq!(forks.named(&event(other, 5, 'e')), event(other, 5, 'e'));
        assert_eq!([b, bb, d, x, z].map(|feed| forks.first(feed)), [1, 2, 4, 4, 2]);
    }
}
