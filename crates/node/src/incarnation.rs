//! Whether a broker may go on with its feed after a start. A disk that was restored from a copy must not: others may
//! have more of the feed than the copy has, and writing on would give two events one place.

use crate::Heads;
use hostler_events::{Frontier, Hash};
use hostler_model::{BrokerId, Feed, Incarnation, Mono};
use std::collections::BTreeSet;

/// How long a start waits for the other members before it opens a new incarnation, in ms.
const WAIT_MS: u64 = 3_000;

/// Whether the feed goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Continuity {
    /// Not known yet: these members have not answered since the start.
    Asking {
        /// Who has answered, and has nothing that this disk lacks.
        agreed: BTreeSet<BrokerId>,
        /// When the wait is over.
        until: Mono,
    },
    /// Every member answered, and none has more of the feed nor a later incarnation.
    GoesOn,
    /// A new incarnation has to be opened with the next event.
    Broken,
}

impl Continuity {
    /// At a start.
    #[must_use]
    pub fn asking(now: Mono) -> Self {
        Self::Asking { agreed: BTreeSet::new(), until: now.plus(WAIT_MS) }
    }

    /// A member's heads. `have` is what is on this disk: where the member has more of any of this broker's feeds, or
    /// another event in a place (`hash_at`: the hash of the event in a place here), this is not the disk that wrote them
    /// last. What it has taken in counts, even where it is not on its disk yet. The place is given where the feed forks:
    /// while this broker runs, nobody else can have more of the feed in which it writes, unless a copy of its data runs
    /// as well.
    pub fn hear(
        &mut self,
        from: BrokerId,
        heads: &Heads,
        feed: Feed,
        have: &Frontier,
        hash_at: impl Fn(Feed, u64) -> Option<Hash>,
    ) -> Option<(Feed, u64)> {
        let own = || heads.durable.0.iter().chain(&heads.folded.0).filter(|(f, _)| f.broker == feed.broker);
        let other = |f: &Feed, seq: u64, hash: Hash| hash_at(*f, seq).is_some_and(|ours| ours != hash);
        let fork = own().find(|(f, (seq, hash))| other(f, *seq, *hash)).map(|(f, (seq, _))| (*f, *seq));
        let later = own().any(|(f, (seq, _))| !have.contains(f, *seq));
        match self {
            Self::Asking { .. } if later || fork.is_some() => *self = Self::Broken,
            Self::Asking { agreed, .. } => {
                agreed.insert(from);
            }
            Self::GoesOn => {
                let more = heads.durable.0.get(&feed).filter(|(seq, _)| !have.contains(&feed, *seq));
                let copied = more.map(|(seq, _)| (feed, *seq)).or(fork.filter(|(f, _)| *f == feed));
                if copied.is_some() {
                    *self = Self::Broken;
                }
                return copied;
            }
            Self::Broken => {}
        }
        fork
    }

    /// Settles the question where every member has agreed, or the wait is over. True once it is settled.
    pub fn settle(&mut self, now: Mono, members: &BTreeSet<BrokerId>) -> bool {
        if let Self::Asking { agreed, until } = self {
            if members.is_subset(agreed) {
                *self = Self::GoesOn;
            } else if now >= *until {
                *self = Self::Broken;
            }
        }
        !matches!(self, Self::Asking { .. })
    }

    /// When to look again.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        match self {
            Self::Asking { until, .. } => Some(*until),
            _ => None,
        }
    }

    /// The incarnation after the latest that is known of this broker.
    #[must_use]
    pub fn next(latest: u32, random: u64) -> Incarnation {
        Incarnation { ordinal: latest.saturating_add(1), random }
    }
}
