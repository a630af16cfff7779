//! What came of one scenario, in numbers and in words.

use super::{ENOUGH, Entry, Failure};
use crate::run::Summary;
use serde::Serialize;
use std::collections::BTreeMap;

/// The headings of [`Verdict::cells`]; `>` marks numbers.
pub const HEADINGS: [&str; 8] =
    ["SCENARIO", ">SEEDS", ">HOURS", ">EVENTS", ">PROMOTIONS", ">FAULTS", ">CONVERGED BY", "RESULT"];

/// What came of one scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// Its file.
    pub scenario: String,
    /// What it is about.
    pub title: String,
    /// Runs.
    pub seeds: u64,
    /// Simulated time of all, in ms.
    pub simulated_ms: u64,
    /// What that took, in ms.
    pub took_ms: u64,
    /// Events that were written, on all disks.
    pub events: u64,
    /// Promotions by kind.
    pub promotions: BTreeMap<&'static str, u64>,
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Coverage marks that were reached, and how often.
    pub reached: BTreeMap<&'static str, u64>,
    /// Those that had to be and were not.
    pub not_reached: Vec<String>,
    /// The slowest convergence after the healing, in ms.
    pub slowest_convergence_ms: u64,
    /// The seed of that.
    pub slowest_seed: u64,
    /// Digest of all that happened.
    pub digest: String,
    /// Runs that failed.
    pub failed_seeds: u64,
    /// Each kind of failure, with its plan.
    pub failures: Vec<Failure>,
    /// Of a scenario that plants a fault.
    pub planted: Option<CaughtBy>,
    /// All that happened, where a good run was to be shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<String>,
}

/// A planted fault, and whether it was caught.
#[derive(Clone, Debug, Serialize)]
pub struct CaughtBy {
    /// The fault.
    pub fault: String,
    /// The invariant that must catch it.
    pub invariant: String,
    /// The first seed that did.
    pub seed: Option<u64>,
}

impl Verdict {
    pub(super) fn new(entry: &Entry, summary: &Summary) -> Self {
        let stats = &summary.stats;
        let expect = &entry.scenario.expect;
        let demanded = expect.reached.iter().filter(|_| stats.seeds >= ENOUGH && expect.planted.is_none());
        let planted = expect.planted.clone().zip(expect.caught_by.clone()).map(|(fault, invariant)| CaughtBy {
            seed: summary.failures.first().filter(|(_, v)| v.invariant == invariant).map(|(seed, _)| *seed),
            fault,
            invariant,
        });
        Self {
            scenario: entry.path.display().to_string(),
            title: entry.scenario.title.clone(),
            seeds: stats.seeds,
            simulated_ms: stats.simulated_ms,
            took_ms: 0,
            events: stats.events,
            promotions: stats.promotions.clone(),
            faults: stats.faults.clone(),
            reached: summary.marks.0.clone(),
            not_reached: demanded.filter(|mark| !summary.marks.has(mark)).cloned().collect(),
            slowest_convergence_ms: stats.slowest_convergence_ms.0,
            slowest_seed: stats.slowest_convergence_ms.1,
            digest: summary.digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            failed_seeds: summary.failures.len() as u64,
            failures: Vec::new(),
            planted,
            timeline: Vec::new(),
        }
    }

    pub(super) fn is_caught(&self) -> bool {
        self.planted.as_ref().is_some_and(|planted| planted.seed.is_some())
    }

    /// True where all is as it should be.
    #[must_use]
    pub fn is_good(&self) -> bool {
        match self.planted {
            Some(_) => self.is_caught(),
            None => self.failed_seeds == 0 && self.not_reached.is_empty(),
        }
    }

    /// In a word or two.
    #[must_use]
    pub fn result(&self) -> String {
        match &self.planted {
            Some(CaughtBy { seed: Some(seed), .. }) => return format!("caught by seed {seed}"),
            Some(CaughtBy { seed: None, .. }) if self.failed_seeds == 0 => return "NOT CAUGHT".to_owned(),
            _ => {}
        }
        match (self.failed_seeds, self.not_reached.is_empty()) {
            (0, true) => "ok".to_owned(),
            (0, false) => "NOT REACHED".to_owned(),
            (1, _) => "1 seed FAILS".to_owned(),
            (n, _) => format!("{n} seeds FAIL"),
        }
    }

    /// A row of a table, below [`HEADINGS`].
    #[must_use]
    pub fn cells(&self) -> [String; 8] {
        let name = std::path::Path::new(&self.scenario).with_extension("");
        let sum = |by_kind: &BTreeMap<&str, u64>| by_kind.values().sum::<u64>().to_string();
        // The first mastership of a farm is no promotion that anything happened for.
        let promotions: u64 = self.promotions.iter().filter(|(kind, _)| **kind != "first").map(|(_, n)| n).sum();
        [
            name.display().to_string(),
            self.seeds.to_string(),
            tenths(self.simulated_ms / 360_000),
            self.events.to_string(),
            promotions.to_string(),
            sum(&self.faults),
            format!("{} s", tenths(self.slowest_convergence_ms.div_ceil(100))),
            self.result(),
        ]
    }

    /// What the table has no room for: kinds of promotions and faults, what was reached, the slowest seed; each with its
    /// name.
    #[must_use]
    pub fn details(&self) -> Vec<(&'static str, String)> {
        let mut details = Vec::new();
        for (name, counts) in [("promotions", &self.promotions), ("faults", &self.faults), ("reached", &self.reached)] {
            let list: Vec<String> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
            if !list.is_empty() {
                details.push((name, list.join(", ")));
            }
        }
        let slowest = format!("{} ms after the healing, with seed {}", self.slowest_convergence_ms, self.slowest_seed);
        details.push(("slowest", slowest));
        if let Some(CaughtBy { fault, invariant, .. }) = &self.planted {
            details.push(("planted", format!("{fault}, to be caught by {invariant}")));
        }
        if !self.not_reached.is_empty() {
            details.push(("NOT REACHED", self.not_reached.join(", ")));
        }
        details
    }

    /// What is wrong beside the failures, in a sentence.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        let Self { scenario, seeds, .. } = self;
        if let Some(CaughtBy { fault, invariant, seed: None }) = &self.planted {
            return Some(match self.failures.first() {
                Some(other) => format!(
                    "{scenario}: the planted fault {fault} was caught by {}, not by {invariant}: name that one in \
                     caught_by, or watch {invariant} only",
                    other.invariant
                ),
                None => {
                    format!("{scenario}: {invariant} has not caught the planted fault {fault} within {seeds} seeds")
                }
            });
        }
        if self.not_reached.is_empty() {
            return None;
        }
        let marks = self.not_reached.join(", ");
        Some(format!("{scenario}: none of {seeds} seeds has reached {marks}: the scenario does not try what it says"))
    }

    /// How much faster than the real time it went.
    #[must_use]
    pub fn speed(&self) -> u64 {
        self.simulated_ms / self.took_ms.max(1)
    }
}

/// A number of tenths, with its point.
fn tenths(n: u64) -> String {
    format!("{}.{}", n / 10, n % 10)
}
