//! Coverage marks: what a run has reached. A scenario names those that it must reach, or it does not try what it says.

use hostler_node::AlarmCode;
use std::collections::BTreeMap;

/// Marks beside the alarms of brokers.
pub const OWN: &[&str] = &[
    "broker.joined",
    "command.clock_ahead",
    "command.forbidden",
    "command.halted",
    "command.master_unreachable",
    "command.not_promoted",
    "command.removed",
    "command.sealed",
    "command.unanswered",
    "disk.failed",
    "disk.lost_writes",
    "disk.restored",
    "disk.rotten",
    "disk.wiped",
    "epoch.superseded",
    "event.orphaned",
    "event.quarantined",
    "event.settled",
    "event.superseded",
    "home.passed_over",
    "host.lied",
    "host.unreachable",
    "incarnation.opened",
    "promotion.automatic",
    "promotion.forced",
    "promotion.planned",
    "seat.refused",
    "session.duplicate",
    "session.stranger",
    "session.unbrokered",
    "ticket.refused",
];

/// All marks.
#[must_use]
pub fn all() -> Vec<&'static str> {
    let mut all: Vec<&str> = AlarmCode::ALL.iter().map(|code| code.name()).chain(OWN.iter().copied()).collect();
    all.sort_unstable();
    all
}

/// True for a mark that there is.
#[must_use]
pub fn is_known(name: &str) -> bool {
    all().contains(&name)
}

/// What was reached, and how often.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Marks(pub BTreeMap<&'static str, u64>);

impl Marks {
    /// It was reached once more.
    pub(crate) fn hit(&mut self, mark: &'static str) {
        *self.0.entry(mark).or_default() += 1;
    }

    /// A command was refused.
    pub(crate) fn hit_command(&mut self, code: &str) {
        if let Some(mark) = OWN.iter().find(|m| m.strip_prefix("command.") == Some(code)) {
            self.hit(mark);
        }
    }

    /// True once it was reached.
    #[must_use]
    pub fn has(&self, mark: &str) -> bool {
        self.0.contains_key(mark)
    }

    /// Takes in what another run has reached.
    pub fn add(&mut self, other: &Self) {
        for (mark, count) in &other.0 {
            *self.0.entry(mark).or_default() += count;
        }
    }
}
