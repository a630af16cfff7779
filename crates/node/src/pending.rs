//! Commands on their way: to this disk, to another's, or to the master.

use crate::{Command, CommandError, Outcome};
use hostler_events::{Actor, EventRef};
use hostler_model::{BrokerId, Mono, SiteId};
use std::collections::BTreeMap;

/// Who waits for an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// The shell, by its number.
    Local(u64),
    /// Another broker that forwarded a command, by its number.
    Peer(BrokerId, u64),
}

/// A command whose events are being stored.
#[derive(Clone, Debug)]
pub(crate) struct Storing {
    pub(crate) origin: Origin,
    pub(crate) outcome: Outcome,
}

/// A command whose events are on this disk and wait for another's.
#[derive(Clone, Debug)]
pub(crate) struct Spreading {
    pub(crate) origin: Origin,
    pub(crate) outcome: Outcome,
    pub(crate) last: EventRef,
    pub(crate) until: Mono,
}

/// A command that the master carries out.
#[derive(Clone, Debug)]
pub(crate) struct Forwarded {
    pub(crate) token: u64,
    pub(crate) master: BrokerId,
    pub(crate) until: Mono,
    /// The site that the command is about.
    pub(crate) site: SiteId,
    pub(crate) actor: Actor,
    pub(crate) command: Box<Command>,
}

/// A command that waits for the next master: the present one has stopped for its successor.
#[derive(Clone, Debug)]
pub(crate) struct Parked {
    pub(crate) token: u64,
    /// The site that the command is about.
    pub(crate) site: SiteId,
    pub(crate) actor: Actor,
    pub(crate) command: Box<Command>,
    /// When to try again.
    pub(crate) next: Mono,
    pub(crate) until: Mono,
}

/// Commands on their way.
#[derive(Clone, Default)]
pub(crate) struct Pending {
    pub(crate) storing: BTreeMap<u64, Vec<Storing>>,
    pub(crate) spreading: Vec<Spreading>,
    pub(crate) forwarded: BTreeMap<u64, Forwarded>,
    pub(crate) parked: Vec<Parked>,
}

/// An answer that can be given now.
pub(crate) type Answer = (Origin, Result<Outcome, CommandError>);

impl Pending {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.storing.values().map(Vec::len).sum::<usize>()
            + self.spreading.len()
            + self.forwarded.len()
            + self.parked.len()
    }

    /// Answers those whose events are on another disk, and those who waited long enough. `copies` says on how many
    /// other disks an event is.
    pub(crate) fn spread(&mut self, now: Mono, copies: impl Fn(&EventRef) -> u32) -> Vec<Answer> {
        let mut answers = Vec::new();
        self.spreading.retain_mut(|s| {
            let others = copies(&s.last);
            if others == 0 && now < s.until {
                return true;
            }
            s.outcome.durable_on = 1 + others;
            answers.push((s.origin, Ok(s.outcome.clone())));
            false
        });
        answers
    }

    /// When somebody has waited long enough.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        let spreading = self.spreading.iter().map(|s| s.until);
        let parked = self.parked.iter().map(|p| p.next);
        spreading.chain(self.forwarded.values().map(|f| f.until)).chain(parked).min()
    }
}
