//! A broker on its way to a new epoch. Before it starts one it asks every broker that it can reach for all that they
//! have, and looks again at what it then knows.

use crate::pending::Origin;
use hostler_events::{Actor, EventRef, Frontier};
use hostler_model::{BrokerId, Epoch, Mono};
use std::collections::BTreeSet;

/// How long the others may take to say what they have, in ms.
const ANSWER_MS: u64 = 1_000;
/// How long fetching all of that may take, in ms.
const FETCH_MS: u64 = 3_000;
/// How long votes may take, in ms.
const VOTES_MS: u64 = 2_000;

/// Why a broker starts an epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// The master stopped for it.
    Planned {
        /// The event that says so.
        seal: EventRef,
        /// Who wanted it.
        actor: Actor,
    },
    /// It is the master and goes on in a new epoch.
    Renewed {
        /// Why.
        reason: String,
        /// Whether every other broker must have answered: where the reason is an epoch that nobody remembers.
        by_all: bool,
    },
    /// An administrator says so.
    Forced {
        /// Who waits for the answer.
        origin: Origin,
        /// Who said so.
        actor: Actor,
        /// The master that was lost.
        lost: BrokerId,
        /// Why.
        reason: String,
    },
    /// Nobody heard the master.
    Automatic,
}

/// How far it has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// The others are asked for what they have.
    Gathering,
    /// They are asked for their votes on the epoch with this number.
    Voting(u64),
}

/// A broker on its way to a new epoch.
#[derive(Clone, Debug)]
pub(crate) struct Candidacy {
    pub(crate) purpose: Purpose,
    /// The mastership that comes before.
    pub(crate) succeeds: Epoch,
    pub(crate) round: u64,
    pub(crate) stage: Stage,
    /// Who was asked and has not answered.
    pub(crate) waiting: BTreeSet<BrokerId>,
    /// Who has answered.
    pub(crate) answered: BTreeSet<BrokerId>,
    /// What the others have.
    pub(crate) need: Frontier,
    /// The highest number of an epoch that the others have seen.
    pub(crate) highest: u64,
    answers_until: Mono,
    pub(crate) until: Mono,
}

impl Candidacy {
    /// A broker that has just asked these others.
    pub(crate) fn new(now: Mono, purpose: Purpose, succeeds: Epoch, round: u64, asked: BTreeSet<BrokerId>) -> Self {
        Self {
            purpose,
            succeeds,
            round,
            stage: Stage::Gathering,
            waiting: asked,
            answered: BTreeSet::new(),
            need: Frontier::default(),
            highest: 0,
            answers_until: now.plus(ANSWER_MS),
            until: now.plus(FETCH_MS),
        }
    }

    /// One of them has answered.
    pub(crate) fn answer(&mut self, from: BrokerId, durable: &Frontier, highest: u64) {
        if self.waiting.remove(&from) {
            self.answered.insert(from);
            self.need.join(durable);
            self.highest = self.highest.max(highest);
        }
    }

    /// True once all that the others have is here, or they took too long.
    pub(crate) fn has_gathered(&self, now: Mono, durable: &Frontier) -> bool {
        let heard = self.waiting.is_empty() || now >= self.answers_until;
        let fetched = self.need.0.iter().all(|(feed, (seq, _))| durable.contains(feed, *seq));
        heard && (fetched || now >= self.until)
    }

    /// True where all that the others have of this broker's feeds is here.
    pub(crate) fn has_all_of(&self, broker: BrokerId, durable: &Frontier) -> bool {
        let mut feeds = self.need.0.iter().filter(|(feed, _)| feed.broker == broker);
        feeds.all(|(feed, (seq, _))| durable.contains(feed, *seq))
    }

    /// The others are asked for their votes now.
    pub(crate) fn ask_for_votes(&mut self, now: Mono, n: u64) {
        self.stage = Stage::Voting(n);
        self.until = now.plus(VOTES_MS);
    }

    /// When to look again.
    pub(crate) fn deadline(&self, now: Mono) -> Mono {
        if self.stage == Stage::Gathering && self.answers_until > now { self.answers_until } else { self.until }
    }
}
