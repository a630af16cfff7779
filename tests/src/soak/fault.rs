//! What goes wrong in a round, and when: chosen from the seed alone, before the round begins.

use std::fmt;

use rand::RngExt;
use rand::rngs::StdRng;

/// Faults begin within so many ms of their round's begin.
const BEGIN_MS: u64 = 1_500;
/// How long each kind lasts, in ms.
const DOWN_MS: [u64; 2] = [0, 6_000];
const PAUSED_MS: [u64; 2] = [100, 9_000];
const CUT_MS: [u64; 2] = [500, 11_000];
/// After a disk was restored, so long is worked on before all is looked at, in ms.
const RESTORED_MS: u64 = 2_000;
/// A round in which a disk comes back from an older copy has no other fault: one disk may be lost at a time.
const RESTORES: (u32, u32) = (1, 4);

/// A step of a round.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Act {
    /// `kill -9`.
    Kill(String),
    /// Started again.
    Start(String),
    /// SIGSTOP.
    Pause(String),
    /// SIGCONT.
    Resume(String),
    /// Nobody else can be reached from there, nor the other way.
    CutOff(String),
    /// It is heard, and hears nobody.
    Deafen(String),
    /// Two don't reach each other; both reach the third.
    CutBetween(String, String),
    /// The network is whole again.
    Mend,
    /// Killed, and started with an older copy of its data.
    Restore(String),
}

/// A round's faults.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Round(Vec<(u64, Act)>);

impl Round {
    /// `copied`: of which broker there is an older copy.
    pub(super) fn new(random: &mut StdRng, brokers: &[String], copied: Option<&str>) -> Self {
        // Drawn in any case, so that the rest of the plan does not depend on the copy.
        let restores = random.random_ratio(RESTORES.0, RESTORES.1);
        let mut left = brokers.to_vec();
        let mut acts = Vec::new();
        let processes = random.random_range(0..=3).min(left.len() - 1);
        for _ in 0..processes {
            let broker = left.swap_remove(random.random_range(0..left.len()));
            let at = random.random_range(0..BEGIN_MS);
            let (begin, end, lasts) = if random.random() {
                (Act::Kill(broker.clone()), Act::Start(broker), DOWN_MS)
            } else {
                (Act::Pause(broker.clone()), Act::Resume(broker), PAUSED_MS)
            };
            let until = at + random.random_range(lasts[0]..lasts[1]);
            acts.extend([(at, begin), (until, end)]);
        }
        if processes == 0 || random.random() {
            let at = random.random_range(0..BEGIN_MS);
            let first = random.random_range(0..brokers.len());
            let second = (first + 1 + random.random_range(0..brokers.len() - 1)) % brokers.len();
            let (first, second) = (brokers[first].clone(), brokers[second].clone());
            let cut = match random.random_range(0..3) {
                0 => Act::CutOff(first),
                1 => Act::Deafen(first),
                _ => Act::CutBetween(first, second),
            };
            acts.extend([(at, cut), (at + random.random_range(CUT_MS[0]..CUT_MS[1]), Act::Mend)]);
        }
        if let (true, Some(broker)) = (restores, copied) {
            let at = random.random_range(0..BEGIN_MS);
            acts = vec![(at, Act::Restore(broker.to_owned())), (at + RESTORED_MS, Act::Mend)];
        }
        acts.sort_by_key(|(at, _)| *at);
        Self(acts)
    }

    /// When what is done, in ms from the round's begin, in order.
    pub(super) fn acts(&self) -> impl Iterator<Item = (u64, Act)> + use<> {
        self.0.clone().into_iter()
    }

    /// The kinds of its faults, for the table.
    pub(super) fn faults(&self) -> Vec<&'static str> {
        let kind = |act: &Act| match act {
            Act::Kill(_) => Some("killed"),
            Act::Pause(_) => Some("paused"),
            Act::CutOff(_) => Some("cut off"),
            Act::Deafen(_) => Some("cut in one direction"),
            Act::CutBetween(..) => Some("two cut from each other"),
            Act::Restore(_) => Some("restored from an older copy"),
            Act::Start(_) | Act::Resume(_) | Act::Mend => None,
        };
        self.0.iter().filter_map(|(_, act)| kind(act)).collect()
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = self.0.iter().filter_map(|(at, act)| {
            Some(match act {
                Act::Kill(b) => format!("{b} killed at {at} ms"),
                Act::Start(b) => format!("{b} started at {at} ms"),
                Act::Pause(b) => format!("{b} paused at {at} ms"),
                Act::Resume(b) => format!("{b} goes on at {at} ms"),
                Act::CutOff(b) => format!("{b} cut off at {at} ms"),
                Act::Deafen(b) => format!("{b} hears nobody from {at} ms on"),
                Act::CutBetween(a, b) => format!("{a} and {b} cut from each other at {at} ms"),
                Act::Restore(b) => format!("{b} from an older copy at {at} ms"),
                Act::Mend => return None,
            })
        });
        f.write_str(&said.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn a_seed_is_a_plan() {
        let brokers = ["b1", "b2", "b3"].map(str::to_owned);
        let plan = |seed| {
            let mut random = StdRng::seed_from_u64(seed);
            (0..100).map(|_| Round::new(&mut random, &brokers, Some("b2"))).collect::<Vec<_>>()
        };
        assert_eq!(plan(1), plan(1));
        assert_ne!(plan(1), plan(2));
        let mut kinds: Vec<_> = plan(1).iter().flat_map(Round::faults).collect();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds.len(), 6, "{kinds:?}");
        assert!(plan(1).iter().all(|round| !round.faults().is_empty()), "a round without a fault");
    }
}
