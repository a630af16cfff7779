//! How long and how often everything is measured.

use std::time::Duration;

/// Sizes of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Only whether it works: each thing for about a second, and nothing large.
    pub(crate) quick: bool,
    /// How often each side has its turn.
    pub(crate) rounds: usize,
}

impl Plan {
    /// A full run, or a quick one; with other rounds where wanted.
    #[must_use]
    pub(crate) fn new(quick: bool, rounds: Option<usize>) -> Self {
        let usual = if quick { 1 } else { 5 };
        Self { quick, rounds: rounds.unwrap_or(usual).max(1) }
    }

    /// How long a turn takes.
    #[must_use]
    pub(crate) fn turn(&self, full_s: u64) -> Duration {
        if self.quick { Duration::from_millis(700) } else { Duration::from_secs(full_s) }
    }

    /// A size of a full run, and of a quick one.
    #[must_use]
    pub(crate) fn size<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}
