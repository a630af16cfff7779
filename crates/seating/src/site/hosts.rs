//! The table of hosts: rows, the board that decisions read, timers, and who is set aside. No users here.

use super::host::Host;
use crate::board::Board;
use crate::catalog::Policy;
use crate::host_set::Row;
use hostler_model::{HostId, Mono, limits};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Failed logons without a success in between after which a host is set aside: people mistype passwords.
pub const FAILURES_TO_SET_ASIDE: u32 = 3;
/// Failures that are further apart than this, in ms, are not counted together.
pub const FAILURE_MEMORY_MS: u64 = 300_000;
/// How long a host is set aside for the first time, in ms; twice as long each further time in a row.
pub const SET_ASIDE_MS: u64 = 30_000;
/// How often that is doubled at most: 32 minutes are enough for somebody to look.
pub const SET_ASIDE_DOUBLINGS: u32 = 6;
/// Hosts that are known at once, those among them that are connected and not in the catalog yet.
const ROWS: usize = 2 * limits::HOSTS_PER_SITE;

/// All hosts.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    rows: Vec<Option<Host>>,
    index: BTreeMap<HostId, Row>,
    free: Vec<Row>,
    pub(super) board: Board,
    timers: BTreeSet<(Mono, Row)>,
}

impl Hosts {
    pub(super) fn row(&self, id: HostId) -> Option<Row> {
        self.index.get(&id).copied()
    }

    /// The row of a host, a new one where it is not known; `None` where there are too many.
    pub(super) fn row_or_new(&mut self, id: HostId) -> Option<Row> {
        if let Some(row) = self.row(id) {
            return Some(row);
        }
        let row = match self.free.pop() {
            Some(row) => row,
            None if self.rows.len() < ROWS => {
                self.rows.push(None);
                Row::try_from(self.rows.len() - 1).ok()?
            }
            None => return None,
        };
        self.rows[row as usize] = Some(Host::new(id));
        self.index.insert(id, row);
        Some(row)
    }

    pub(super) fn get(&self, row: Row) -> Option<&Host> {
        self.rows.get(row as usize)?.as_ref()
    }

    /// For changes; call [`Self::refresh`] afterwards.
    pub(super) fn get_mut(&mut self, row: Row) -> Option<&mut Host> {
        self.rows.get_mut(row as usize)?.as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Row, &Host)> {
        self.index.values().filter_map(|row| Some((*row, self.get(*row)?)))
    }

    /// The name of a host, for explanations.
    pub(super) fn name(&self, row: Row) -> Arc<str> {
        self.get(row).map(|host| Arc::clone(&host.name)).unwrap_or_default()
    }

    /// Forgets a host.
    pub(super) fn remove(&mut self, row: Row) {
        if let Some(host) = self.rows.get_mut(row as usize).and_then(Option::take) {
            self.index.remove(&host.id);
            if let Some(at) = host.timer {
                self.timers.remove(&(at, row));
            }
            self.board.set(row, crate::board::Figures::default(), crate::board::Standing::Gone);
            self.free.push(row);
        }
    }

    /// Brings the board and the timer in line with what is known of a host.
    pub(super) fn refresh(&mut self, row: Row, now: Mono, policy: &Policy) {
        let Some(host) = self.rows.get_mut(row as usize).and_then(Option::as_mut) else { return };
        let figures = host.figures(now, policy.slow_start_ms);
        self.board.set(row, figures, host.standing(&figures, now));
        let next = host.next_change(now, policy.silent_host_keep_ms);
        // A timer that fires too early does no harm, so one that is early enough stays.
        if next.is_some_and(|next| host.timer.is_none_or(|timer| timer > next)) {
            if let Some(timer) = host.timer.take() {
                self.timers.remove(&(timer, row));
            }
            host.timer = next;
            self.timers.extend(next.map(|next| (next, row)));
        }
    }

    /// When a host must be looked at next.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// The next host whose timer is due; refresh it afterwards.
    pub(super) fn next_due(&mut self, now: Mono) -> Option<Row> {
        let (at, row) = *self.timers.first().filter(|(at, _)| *at <= now)?;
        self.timers.remove(&(at, row));
        if let Some(host) = self.get_mut(row) {
            host.timer = None;
        }
        Some(row)
    }

    /// Takes note of failed logons. True where the host should be set aside now: call [`Self::rank_aside`] then.
    pub(super) fn failed(&mut self, row: Row, count: u32, now: Mono) -> bool {
        let Some(host) = self.get_mut(row) else { return false };
        let aside = &mut host.aside;
        if now.since(aside.failed_at) > FAILURE_MEMORY_MS {
            aside.failures = 0;
        }
        aside.failed_at = now;
        aside.failures = aside.failures.saturating_add(count);
        if aside.failures < FAILURES_TO_SET_ASIDE || aside.until > now {
            return false;
        }
        aside.failures = 0;
        aside.until = now.plus(SET_ASIDE_MS << aside.times);
        aside.times = (aside.times + 1).min(SET_ASIDE_DOUBLINGS);
        true
    }

    /// A logon worked: the host is as good as any.
    pub(super) fn succeeded(&mut self, row: Row) {
        if let Some(host) = self.get_mut(row) {
            host.aside.failures = 0;
            if !host.aside.effective {
                host.aside.times = 0;
                host.aside.until = Mono(0);
            }
        }
    }

    /// Sets aside the worst of those that should be, as many as the policy allows.
    pub(super) fn rank_aside(&mut self, now: Mono, policy: &Policy) {
        let listed = self.iter().filter(|(_, host)| host.listed && host.enabled).count();
        let (part, whole) = policy.max_set_aside;
        let most = listed * part.min(whole) as usize / whole.max(1) as usize;
        let mut failing: Vec<_> = self
            .iter()
            .filter(|(_, host)| host.listed && host.aside.until > now)
            .map(|(row, host)| (std::cmp::Reverse((host.aside.times, host.aside.until, host.aside.failures)), row))
            .collect();
        failing.sort_unstable();
        for (rank, (_, row)) in failing.into_iter().enumerate() {
            let effective = rank < most;
            if let Some(host) = self.get_mut(row).filter(|host| host.aside.effective != effective) {
                host.aside.effective = effective;
                self.refresh(row, now, policy);
            }
        }
    }

    /// The time for which a host was set aside is over.
    pub(super) fn end_aside(&mut self, row: Row, now: Mono) -> bool {
        let Some(host) = self.get_mut(row) else { return false };
        let ended = host.aside.effective && host.aside.until <= now;
        host.aside.effective &= !ended;
        ended
    }
}
