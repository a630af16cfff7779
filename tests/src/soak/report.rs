//! What came of a soak, as a table.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::notes::Notes;

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Rounds that ended well.
    pub rounds: u32,
    /// Faults, by kind.
    pub faults: BTreeMap<&'static str, u32>,
    /// Changes that were acknowledged and are there.
    pub acknowledged: usize,
    /// Acknowledged ones that were said to be on one disk only, which was then lost.
    pub lost_with_the_only_disk: u64,
    /// Changes of which nobody knows whether they were carried out.
    pub unknown: u64,
    /// Refused ones, by code.
    pub refused: BTreeMap<String, u64>,
    /// Events of the log at the end, and feeds.
    pub events: usize,
    /// How many feeds there are: one for each incarnation.
    pub feeds: usize,
    /// Masterships.
    pub promotions: usize,
    /// Events that were set aside.
    pub superseded: usize,
    /// Logs that were folded anew and compared with what their broker said.
    pub verified: u32,
    /// The longest time from the end of the faults until all had the same views.
    pub slowest: Duration,
}

impl Report {
    pub(super) fn take(&mut self, notes: &Notes) {
        self.acknowledged = notes.acknowledged();
        (self.lost_with_the_only_disk, self.unknown, self.refused) = notes.others();
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |what: &str, how_many: &dyn fmt::Display| writeln!(f, "{what:<44} {how_many:>10}");
        row("rounds", &self.rounds)?;
        for (kind, count) in &self.faults {
            row(&format!("  {kind}"), count)?;
        }
        row("changes acknowledged, all there", &self.acknowledged)?;
        row("  lost with the only disk that had them", &self.lost_with_the_only_disk)?;
        row("changes of unknown outcome", &self.unknown)?;
        for (code, count) in &self.refused {
            row(&format!("  refused: {code}"), count)?;
        }
        row("events", &self.events)?;
        row("  feeds", &self.feeds)?;
        row("  masterships", &self.promotions)?;
        row("  set aside, all listed", &self.superseded)?;
        row("logs folded anew, as their brokers said", &self.verified)?;
        row("slowest convergence", &format!("{:.1?}", self.slowest))
    }
}
