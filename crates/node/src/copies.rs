//! Whether a copy of this broker's data runs beside it, in an incarnation of its own: then nothing forks, and only what
//! others have of this broker's feeds tells.
//!
//! A disk that was restored finds events of its former life with the others too. All of those are with somebody from the
//! beginning: once every member has said what it has, more can only come from a copy that writes now.

use crate::Heads;
use hostler_events::Frontier;
use hostler_model::{BrokerId, Feed, Incarnation, Mono};
use std::collections::BTreeSet;

/// New incarnations that are opened at once where a copy's would overrule a master's.
const LEAPS: u32 = 4;
/// From then on one is opened in so many ms: two copies must not use up the feeds that a log may have.
const LEAP_MS: u64 = 10 * 60 * 1_000;

/// What others have of this broker's feeds.
#[derive(Clone, Default)]
pub(crate) struct Copies {
    /// Who has said since the start what it has.
    heard: BTreeSet<BrokerId>,
    /// What was said.
    known: Frontier,
    leaps: u32,
    last_leap: Mono,
}

impl Copies {
    /// A member's heads. `writes` is the feed in which this broker writes, `have` what it has itself. Gives the place of
    /// an event that only a copy can have written.
    pub(crate) fn hear(
        &mut self,
        from: BrokerId,
        heads: &Heads,
        writes: Feed,
        have: &Frontier,
        members: &BTreeSet<BrokerId>,
    ) -> Option<(Feed, u64)> {
        let all_were_heard = members.is_subset(&self.heard);
        self.heard.insert(from);
        let mut new = None;
        for (feed, (seq, hash)) in heads.durable.0.iter().chain(&heads.folded.0) {
            if feed.broker == writes.broker && !have.contains(feed, *seq) && !self.known.contains(feed, *seq) {
                // More of the feed in which this broker writes is a fork, or from before its disk was restored.
                new = new.max(Some((*feed, *seq)).filter(|_| *feed != writes));
                self.known.raise(*feed, *seq, *hash);
            }
        }
        new.filter(|_| all_were_heard)
    }

    /// The latest incarnation of this broker that others have.
    pub(crate) fn latest(&self) -> Option<Incarnation> {
        self.known.0.keys().map(|f| f.incarnation).max()
    }

    /// True where one more incarnation may be opened because others have a later one than this broker's.
    pub(crate) fn may_leap(&self, now: Mono) -> bool {
        self.leaps < LEAPS || now.since(self.last_leap) >= LEAP_MS
    }

    /// One was opened.
    pub(crate) fn leapt(&mut self, now: Mono) {
        (self.leaps, self.last_leap) = (self.leaps.saturating_add(1), now);
    }

    /// What decides the behaviour from here on.
    #[cfg(feature = "planted-faults")]
    pub(crate) fn essence(&self, now: Mono) -> impl std::hash::Hash {
        (self.heard.clone(), self.known.0.clone(), self.leaps, now.since(self.last_leap) >= LEAP_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_events::Hash;
    use hostler_model::{Epoch, SiteId, Wall};

    fn feed(broker: u8, ordinal: u32) -> Feed {
        Feed { broker: BrokerId([broker; 16]), incarnation: Incarnation { ordinal, random: 7 } }
    }

    fn frontier(heads: &[(Feed, u64)]) -> Frontier {
        Frontier(heads.iter().map(|(feed, seq)| (*feed, (*seq, Hash([1; 32])))).collect())
    }

    #[test]
    fn only_what_nobody_had_at_first_is_a_copys() {
        let (mine, other, foreign) = (feed(1, 1), feed(1, 2), feed(2, 1));
        let members = BTreeSet::from([BrokerId([2; 16]), BrokerId([3; 16])]);
        let have = frontier(&[(mine, 5)]);
        let mut copies = Copies::default();
        // Who says it, what it has, and the place that gives a copy away.
        let steps = [
            (2, vec![(mine, 5), (other, 1), (foreign, 9)], None),
            (2, vec![(other, 2)], None),
            (3, vec![(other, 4), (mine, 6)], None),
            (2, vec![(other, 4), (foreign, 10)], None),
            (2, vec![(other, 5)], Some((other, 5))),
            (3, vec![(other, 5)], None),
            (3, vec![(other, 6), (feed(1, 3), 1)], Some((feed(1, 3), 1))),
        ];
        for (n, (from, has, want)) in steps.into_iter().enumerate() {
            let heads = Heads {
                site: SiteId([9; 16]),
                durable: frontier(&has),
                folded: Frontier::default(),
                digest: Hash::ZERO,
                epoch: Epoch::NONE,
                wall: Wall(0),
                hears: Vec::new(),
            };
            assert_eq!(copies.hear(BrokerId([from; 16]), &heads, mine, &have, &members), want, "step {n}");
        }
        assert_eq!(copies.latest(), Some(feed(1, 3).incarnation));
    }

    #[test]
    fn leaps_have_a_limit() {
        let mut copies = Copies::default();
        for _ in 0..LEAPS {
            assert!(copies.may_leap(Mono(1_000)));
            copies.leapt(Mono(1_000));
        }
        assert!(!copies.may_leap(Mono(1_000 + LEAP_MS - 1)));
        assert!(copies.may_leap(Mono(1_000 + LEAP_MS)));
    }
}
