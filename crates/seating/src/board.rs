//! The hosts as plain figures, kept up to date by the machine of the site, so that a decision reads a few numbers and
//! never walks through reports. Nothing here knows users, time-outs or the catalog.

use crate::explanation::{Excluded, Exclusion, Explanation};
use crate::host_set::{HostSet, Row};
use hostler_model::{Mono, PerMille};
use std::sync::Arc;

/// How much logons in flight weigh in a score, in thousandths: with all slots taken, a host looks this much fuller than
/// it is. Logons are over in seconds, so a large weight would balance logons at the cost of sessions; this one makes
/// simultaneous logons go to different hosts that are about equally full.
pub const LOGON_WEIGHT: u32 = 50;

/// How much fuller than it is a host looks at the moment when it appears, in thousandths. It fades away over the slow
/// start, so a host's share of the logons grows instead of jumping to all of them.
pub const SLOW_START_WEIGHT: u32 = 200;

/// How many causes of exclusion there are.
const CAUSES: usize = 10;

/// What a host's score is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// CPU in use.
    pub cpu: PerMille,
    /// Memory in use.
    pub memory: PerMille,
    /// Sessions and held seats, those of this broker that the host has not reported yet among them.
    pub taken: u32,
    /// The hard cap; also the host's weight where hosts are sampled.
    pub cap: u32,
    /// Logons in flight, likewise.
    pub logons: u32,
    /// How many it takes at once.
    pub slots: u32,
    /// When its slow start is over; zero where there is none.
    pub slow_until: Mono,
    /// How long its slow start takes in all, in ms.
    pub slow_ms: u64,
}

impl Figures {
    /// `max(cpu, memory, taken / cap) + weight · logons / slots`, and what is left of the slow start; in thousandths,
    /// lower is better.
    #[must_use]
    pub fn score(&self, now: Mono) -> u32 {
        let full = u64::from(self.taken) * 1_000 / u64::from(self.cap.max(1));
        let busy = u64::from(LOGON_WEIGHT) * u64::from(self.logons) / u64::from(self.slots.max(1));
        let slow = match self.slow_until.since(now) {
            0 => 0,
            left => u64::from(SLOW_START_WEIGHT) * left / self.slow_ms.max(left),
        };
        let load = full.max(u64::from(self.cpu.0)).max(u64::from(self.memory.0));
        u32::try_from(load + busy + slow).unwrap_or(u32::MAX)
    }
}

/// How a host stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It can take somebody new.
    Eligible,
    /// It can't, whoever asks.
    Excluded(Exclusion),
    /// The site does not list it.
    Gone,
}

/// The figures of all hosts.
#[derive(Clone, Debug, Default)]
pub struct Board {
    figures: Vec<Figures>,
    listed: HostSet,
    eligible: HostSet,
    excluded: [HostSet; CAUSES],
    /// Capacity up to and including each row; rebuilt when one has changed.
    capacity: Vec<u64>,
    capacity_changed: bool,
    standings: u64,
}

impl Board {
    /// Takes over a host's figures and standing.
    pub fn set(&mut self, row: Row, figures: Figures, standing: Standing) {
        let at = row as usize;
        if at >= self.figures.len() {
            self.figures.resize(at + 1, Figures::default());
            self.capacity_changed = true;
        }
        if self.standing(row) == standing && self.figures[at].cap == figures.cap {
            self.figures[at] = figures;
            return;
        }
        self.standings += 1;
        let was_listed = self.listed.contains(row);
        let listed = standing != Standing::Gone;
        self.capacity_changed |= self.figures[at].cap != figures.cap || was_listed != listed;
        self.figures[at] = figures;
        self.listed.set(row, listed);
        self.eligible.set(row, standing == Standing::Eligible);
        for (cause, set) in self.excluded.iter_mut().enumerate() {
            let present = matches!(standing, Standing::Excluded(why) if why as usize == cause);
            if present != set.contains(row) {
                set.set(row, present);
            }
        }
    }

    /// Counts up with every change of a host's standing.
    #[must_use]
    pub fn standings(&self) -> u64 {
        self.standings
    }

    /// A host's figures.
    #[must_use]
    pub fn figures(&self, row: Row) -> Figures {
        self.figures.get(row as usize).copied().unwrap_or_default()
    }

    /// How a host stands.
    #[must_use]
    pub fn standing(&self, row: Row) -> Standing {
        if self.eligible.contains(row) {
            return Standing::Eligible;
        }
        let cause = ALL_CAUSES.into_iter().find(|why| self.excluded[*why as usize].contains(row));
        cause.map_or(Standing::Gone, Standing::Excluded)
    }

    /// The hosts that can take somebody new.
    #[must_use]
    pub fn eligible(&self) -> &HostSet {
        &self.eligible
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.figures.len()
    }

    /// Capacity up to and including each row: to draw a host by its capacity, draw a number below the last entry and
    /// look for the first entry above it.
    pub fn capacity(&mut self) -> &[u64] {
        if self.capacity_changed {
            self.capacity_changed = false;
            self.capacity.clear();
            let mut sum = 0;
            for (row, figures) in (0..).zip(&self.figures) {
                sum += if self.listed.contains(row) { u64::from(figures.cap) } else { 0 };
                self.capacity.push(sum);
            }
        }
        &self.capacity
    }

    /// Counts the hosts that were not looked at, by cause, with the first few names of each. `not` are the hosts that
    /// only this request excludes.
    pub fn excluded<'a>(
        &'a self,
        published: Option<&'a HostSet>,
        not: &'a [(Row, Exclusion)],
        name: impl Fn(Row) -> Arc<str>,
    ) -> Vec<Excluded> {
        let mut found = Vec::new();
        for why in ALL_CAUSES {
            let mut add = |count: u32, rows: &mut dyn Iterator<Item = Row>| {
                if count > 0 {
                    let names = rows.take(Explanation::EXCLUDED_NAMES).map(&name).collect();
                    found.push(Excluded { why, count, names });
                }
            };
            match (why, published) {
                (Exclusion::NotPublished, None) => {}
                (Exclusion::NotPublished, Some(published)) => {
                    let count = self.listed.len() - self.listed.count_within(Some(published));
                    add(count, &mut self.listed.within(None).filter(|row| !published.contains(*row)));
                }
                (Exclusion::OtherItem | Exclusion::Unreachable | Exclusion::Refused, _) if not.is_empty() => {}
                (Exclusion::OtherItem | Exclusion::Unreachable | Exclusion::Refused, _) => {
                    let rows = || not.iter().filter(|n| n.1 == why && self.excludes(published, **n)).map(|n| n.0);
                    add(u32::try_from(rows().count()).unwrap_or(u32::MAX), &mut rows());
                }
                _ => {
                    let set = &self.excluded[why as usize];
                    let own = |n: &&(Row, Exclusion)| n.1 == why && self.excludes(published, **n);
                    let more = u32::try_from(not.iter().filter(own).count()).unwrap_or(u32::MAX);
                    if more + set.len() > 0 {
                        let rows = set.within(published).chain(not.iter().filter(own).map(|n| n.0));
                        add(set.count_within(published) + more, &mut { rows });
                    }
                }
            }
        }
        found
    }

    /// True where it is the request alone that excludes the host.
    fn excludes(&self, published: Option<&HostSet>, (row, _): (Row, Exclusion)) -> bool {
        self.eligible.contains(row) && published.is_none_or(|p| p.contains(row))
    }
}

/// All causes; those that say most about the site first.
const ALL_CAUSES: [Exclusion; CAUSES] = [
    Exclusion::NotPublished,
    Exclusion::Draining,
    Exclusion::Down,
    Exclusion::Stale,
    Exclusion::Full,
    Exclusion::NoSlot,
    Exclusion::SetAside,
    Exclusion::OtherItem,
    Exclusion::Unreachable,
    Exclusion::Refused,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(taken: u32, cap: u32) -> Figures {
        Figures { taken, cap, slots: 4, ..Figures::default() }
    }

    #[test]
    fn scores() {
        let base = Figures { cpu: PerMille(100), memory: PerMille(200), ..figures(30, 100) };
        for (what, figures, score) in [
            ("sessions", base, 300),
            ("memory", Figures { memory: PerMille(900), ..base }, 900),
            ("CPU", Figures { cpu: PerMille(301), ..base }, 301),
            ("logons", Figures { logons: 2, ..base }, 325),
            ("just appeared", Figures { slow_until: Mono(121_000), slow_ms: 120_000, ..base }, 500),
            ("half way", Figures { slow_until: Mono(61_000), slow_ms: 120_000, ..base }, 400),
            ("over", Figures { slow_until: Mono(1_000), slow_ms: 120_000, ..base }, 300),
            ("no capacity", Figures::default(), 0),
            ("nonsense", figures(u32::MAX, 1), u32::MAX),
        ] {
            assert_eq!(figures.score(Mono(1_000)), score, "{what}");
        }
    }

    #[test]
    fn exclusions_are_counted_within_what_is_published() {
        let names: Vec<Arc<str>> = (0..8).map(|n| format!("h{n}").into()).collect();
        let mut board = Board::default();
        for row in 0..8 {
            let standing = match row {
                0..4 => Standing::Excluded(Exclusion::Full),
                4 => Standing::Excluded(Exclusion::Down),
                7 => Standing::Gone,
                _ => Standing::Eligible,
            };
            board.set(row, figures(0, 10), standing);
            assert_eq!(board.standing(row), standing);
        }
        let excluded = |why, count, names: &[&str]| Excluded {
            why,
            count,
            names: names.iter().map(|name| Arc::from(*name)).collect(),
        };
        let name = |row: Row| Arc::clone(&names[row as usize]);
        assert_eq!(
            board.excluded(None, &[(5, Exclusion::Refused), (0, Exclusion::Refused)], name),
            [
                excluded(Exclusion::Down, 1, &["h4"]),
                excluded(Exclusion::Full, 4, &["h0", "h1", "h2"]),
                excluded(Exclusion::Refused, 1, &["h5"]),
            ]
        );
        let published = [0, 5, 6].into_iter().collect();
        assert_eq!(
            board.excluded(Some(&published), &[(6, Exclusion::Down)], name),
            [
                excluded(Exclusion::NotPublished, 4, &["h1", "h2", "h3"]),
                excluded(Exclusion::Down, 1, &["h6"]),
                excluded(Exclusion::Full, 1, &["h0"])
            ]
        );
        assert_eq!(board.capacity(), [10, 20, 30, 40, 50, 60, 70, 70]);
    }
}
