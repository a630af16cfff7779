//! Who gets which host, on a virtual clock: a morning on which everybody logs on, and one host that comes back empty in
//! the middle of it. The same morning for our machines and for simpler ways to choose.

mod machines;
mod simple;

pub(crate) use simple::Simple;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Sessions that a host takes.
pub(crate) const HARD_CAP: u32 = 100;
/// Logons that a host of eight cores takes at once.
pub(crate) const LOGON_SLOTS: u32 = 16;
/// Sessions on each host when everybody is there.
pub(crate) const MEAN: u32 = 60;
/// How long everybody takes to come, in ms.
pub(crate) const MORNING_MS: u64 = 300_000;
/// When one host loses its sessions, and when it is back, in ms.
pub(crate) const REBOOT_MS: u64 = 120_000;
pub(crate) const BACK_MS: u64 = 150_000;
/// How long after that it counts as empty, in ms.
pub(crate) const EMPTY_MS: u64 = 60_000;
/// How long a logon takes, in ms: at least and at most.
pub(crate) const LOGON_MS: (u64, u64) = (5_000, 15_000);
/// Brokers that decide.
pub(crate) const BROKERS: usize = 3;
/// The host that comes back empty.
pub(crate) const EMPTY: usize = 0;

/// One morning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Morning {
    /// Session hosts.
    pub(crate) hosts: usize,
    /// How often each reports, in ms.
    pub(crate) report_ms: u64,
    /// What chance does.
    pub(crate) seed: u64,
}

/// Who chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Our machines as they are: hosts tell at once what changes.
    Ours,
    /// Our machines, with hosts that only report at intervals.
    OursByReports,
    /// Something simpler.
    Simple(Simple),
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Outcome {
    /// Sessions on the fullest host, as a part of the mean, when everybody is there. The rebooted one does not count.
    pub(crate) max_to_mean: f64,
    /// The most logons at once on the host that came back empty.
    pub(crate) black_hole: u32,
    /// Users who got no place.
    pub(crate) refused: u32,
}

impl Morning {
    /// Lets everybody come.
    pub(crate) fn pass(&self, way: Way) -> Outcome {
        match way {
            Way::Ours => machines::pass(self, true),
            Way::OursByReports => machines::pass(self, false),
            Way::Simple(simple) => simple::pass(self, simple),
        }
    }

    /// When each user comes, in ms, in order.
    fn arrivals(&self) -> Vec<u64> {
        let mut rng = StdRng::seed_from_u64(self.seed);
        let mut arrivals: Vec<u64> =
            (0..self.hosts * MEAN as usize).map(|_| rng.random_range(1_000..MORNING_MS)).collect();
        arrivals.sort_unstable();
        arrivals
    }
}

fn logon_ms(rng: &mut StdRng) -> u64 {
    rng.random_range(LOGON_MS.0..=LOGON_MS.1)
}

fn outcome(sessions: &[u32], black_hole: u32, refused: u32) -> Outcome {
    let counted: Vec<u32> = sessions.iter().enumerate().filter(|(n, _)| *n != EMPTY).map(|(_, s)| *s).collect();
    let mean = f64::from(counted.iter().sum::<u32>()) / counted.len().max(1) as f64;
    let max = f64::from(counted.iter().copied().max().unwrap_or(0));
    Outcome { max_to_mean: max / mean, black_hole, refused }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_places_everybody_and_chance_is_the_worst() {
        let morning = Morning { hosts: 12, report_ms: 5_000, seed: 1 };
        let simple = [Simple::Random, Simple::LeastReported, Simple::TwoChoices].map(Way::Simple);
        let ways = [Way::Ours, Way::OursByReports].into_iter().chain(simple);
        let outcomes: Vec<Outcome> = ways.map(|way| morning.pass(way)).collect();
        assert!(outcomes.iter().all(|o| o.refused == 0 && o.max_to_mean >= 1.0), "{outcomes:?}");
        assert!(outcomes[0].max_to_mean < outcomes[2].max_to_mean, "{outcomes:?}");
        assert!(outcomes[0].black_hole < outcomes[3].black_hole, "{outcomes:?}");
        assert_eq!(morning.pass(Way::Ours), outcomes[0], "the same every time");
    }
}
