//! What happened in a run, in numbers.

use hostler_events::payload::PromotionKind;
use std::collections::BTreeMap;

/// What happened in one run, or in many.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Runs.
    pub seeds: u64,
    /// Simulated time, in ms.
    pub simulated_ms: u64,
    /// Things that were due.
    pub steps: u64,
    /// Events that were written, on all disks.
    pub events: u64,
    /// Messages between brokers.
    pub messages: u64,
    /// Reports of hosts.
    pub reports: u64,
    /// Commands that were given, and refused ones among them.
    pub commands: u64,
    /// Of those.
    pub refused: u64,
    /// Events that administrators were told are stored.
    pub acknowledged: u64,
    /// Users who wanted in, and those who did not get in.
    pub logons: u64,
    /// Of those.
    pub logons_failed: u64,
    /// The longest way in, in ms.
    pub slowest_logon_ms: u64,
    /// Sessions that began.
    pub sessions: u64,
    /// The most logons at once on one host.
    pub most_coming: u64,
    /// Promotions by kind, as counted on all disks.
    pub promotions: BTreeMap<&'static str, u64>,
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// The slowest convergence after the healing, in ms, and its seed.
    pub slowest_convergence_ms: (u64, u64),
}

impl Stats {
    pub(crate) fn fault(&mut self, kind: &'static str) {
        *self.faults.entry(kind).or_default() += 1;
    }

    pub(crate) fn promotion(&mut self, kind: PromotionKind) {
        let kind = match kind {
            PromotionKind::First => "first",
            PromotionKind::Planned => "planned",
            PromotionKind::Forced => "forced",
            PromotionKind::Automatic => "automatic",
        };
        *self.promotions.entry(kind).or_default() += 1;
    }

    pub(crate) fn logon_took(&mut self, ms: u64) {
        self.slowest_logon_ms = self.slowest_logon_ms.max(ms);
    }

    /// Takes in another run.
    pub fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.simulated_ms += other.simulated_ms;
        self.steps += other.steps;
        self.events += other.events;
        self.messages += other.messages;
        self.reports += other.reports;
        self.commands += other.commands;
        self.refused += other.refused;
        self.acknowledged += other.acknowledged;
        self.logons += other.logons;
        self.logons_failed += other.logons_failed;
        self.slowest_logon_ms = self.slowest_logon_ms.max(other.slowest_logon_ms);
        self.sessions += other.sessions;
        self.most_coming = self.most_coming.max(other.most_coming);
        self.slowest_convergence_ms = self.slowest_convergence_ms.max(other.slowest_convergence_ms);
        for (kind, count) in &other.promotions {
            *self.promotions.entry(kind).or_default() += count;
        }
        for (kind, count) in &other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
    }

    /// All faults.
    #[must_use]
    pub fn fault_count(&self) -> u64 {
        self.faults.values().sum()
    }
}
