//! One host as a broker knows it: its last report, what this broker has promised there since, and why it may not take
//! anybody. No users and no decisions here.

use crate::board::{Figures, Standing};
use crate::explanation::Exclusion;
use crate::report::Report;
use hostler_model::limits::{REPORT_INTERVAL_MS, REPORT_STALE_INTERVALS};
use hostler_model::{HostId, Mono, SeatId};
use std::sync::Arc;

/// How many logons a host takes at once while it starts slowly, whatever it says itself. With fewer, five people could
/// not log on together on a new site; with more, a rebooted host freezes.
pub const SLOW_START_SLOTS: u32 = 4;
/// How long a host that refused is not asked again, in ms, unless it reports something new.
pub const REFUSED_MS: u64 = 1_000;
/// How old a report may be, in ms.
pub const STALE_MS: u64 = REPORT_INTERVAL_MS * REPORT_STALE_INTERVALS;

/// A host's record of failed logons.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Aside {
    /// Failures since the last success.
    pub(super) failures: u32,
    /// When the last one was.
    pub(super) failed_at: Mono,
    /// How many times in a row it was set aside.
    pub(super) times: u32,
    /// Until when it should be set aside.
    pub(super) until: Mono,
    /// Whether it is: only the worst hosts are.
    pub(super) effective: bool,
}

/// One host.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) id: HostId,
    pub(super) name: Arc<str>,
    /// In the catalog.
    pub(super) listed: bool,
    pub(super) enabled: bool,
    /// Draining by order; it may also be draining by its own report.
    pub(super) ordered_drain: bool,
    pub(super) cap_limit: Option<u32>,
    pub(super) slots_limit: Option<u32>,
    /// There is a connection to its agent.
    pub(super) up: bool,
    /// When the last good report came.
    pub(super) heard_at: Option<Mono>,
    /// A good report came on this connection.
    pub(super) heard_since_up: bool,
    pub(super) last_number: u64,
    /// Since when there is no connection, where there was one.
    pub(super) silent_since: Option<Mono>,
    /// Sessions and seats in it are sorted by id.
    pub(super) report: Option<Arc<Report>>,
    /// Seats offered by this broker that no report shows yet, and when; those that take a new place only.
    pub(super) pending: Vec<(Mono, SeatId)>,
    pub(super) slow_until: Mono,
    pub(super) aside: Aside,
    pub(super) refused: Option<(Exclusion, Mono)>,
    /// When gateways first and last said that they can't reach it.
    pub(super) unreachable: Option<(Mono, Mono)>,
    /// A bad report was told about, and no good one came since.
    pub(super) bad_told: bool,
    /// When [`super::hosts::Hosts`] looks at it next.
    pub(super) timer: Option<Mono>,
}

impl Host {
    pub(super) fn new(id: HostId) -> Self {
        Self {
            id,
            name: id.short().into(),
            listed: false,
            enabled: false,
            ordered_drain: false,
            cap_limit: None,
            slots_limit: None,
            up: false,
            heard_at: None,
            heard_since_up: false,
            last_number: 0,
            silent_since: None,
            report: None,
            pending: Vec::new(),
            slow_until: Mono(0),
            aside: Aside::default(),
            refused: None,
            unreachable: None,
            bad_told: false,
            timer: None,
        }
    }

    /// Its sessions may be gone back to, and seats may be offered.
    pub(super) fn reachable(&self) -> bool {
        self.listed && self.enabled && self.up
    }

    /// How old the last good report is, in ms; the greatest number where there was none.
    pub(super) fn report_age_ms(&self, now: Mono) -> u64 {
        self.heard_at.map_or(u64::MAX, |at| now.since(at))
    }

    pub(super) fn figures(&self, now: Mono, slow_ms: u64) -> Figures {
        let pending = u32::try_from(self.pending.len()).unwrap_or(u32::MAX);
        let slow = self.slow_until > now;
        let Some(report) = &self.report else {
            return Figures { cap: self.cap_limit.unwrap_or(0), ..Figures::default() };
        };
        let held = u32::try_from(report.sessions.len() + report.seats.len()).unwrap_or(u32::MAX);
        let slots = report.logon_slots.min(self.slots_limit.unwrap_or(u32::MAX));
        Figures {
            cpu: report.load.cpu,
            memory: report.load.memory,
            taken: held.saturating_add(pending),
            cap: report.hard_cap.min(self.cap_limit.unwrap_or(u32::MAX)),
            logons: report.load.logons_in_flight.saturating_add(pending),
            slots: if slow { slots.min(SLOW_START_SLOTS) } else { slots },
            slow_until: if slow { self.slow_until } else { Mono(0) },
            slow_ms: if slow { slow_ms } else { 0 },
        }
    }

    pub(super) fn standing(&self, figures: &Figures, now: Mono) -> Standing {
        if !self.listed {
            return Standing::Gone;
        }
        let Some(report) = self.report.as_ref().filter(|_| self.enabled && self.up && self.heard_since_up) else {
            return Standing::Excluded(Exclusion::Down);
        };
        let refused = self.refused.filter(|(_, until)| *until > now).map(|(why, _)| why);
        Standing::Excluded(match refused {
            _ if self.ordered_drain || report.draining => Exclusion::Draining,
            _ if self.report_age_ms(now) > STALE_MS => Exclusion::Stale,
            _ if self.aside.effective && self.aside.until > now => Exclusion::SetAside,
            Some(why) => why,
            None if figures.taken >= figures.cap => Exclusion::Full,
            None if figures.logons >= figures.slots => Exclusion::NoSlot,
            None => return Standing::Eligible,
        })
    }

    /// When its standing may change by time alone.
    pub(super) fn next_change(&self, now: Mono, keep_ms: u64) -> Option<Mono> {
        let stale = self.heard_at.filter(|_| self.up).map(|at| at.plus(STALE_MS + 1));
        // Where the policy has become stricter, this may be in the past.
        let silent = self.silent_since.map(|at| at.plus(keep_ms).max(now.plus(1)));
        let slow = Some(self.slow_until);
        let aside = Some(self.aside.until);
        let refused = self.refused.map(|(_, until)| until);
        [stale, silent, slow, aside, refused].into_iter().flatten().filter(|at| *at > now).min()
    }
}
