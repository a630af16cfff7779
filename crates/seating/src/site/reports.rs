//! Reading reports: the difference to the last one goes into the books.

use super::books::item_of;
use super::{Site, SiteOutput};
use crate::fault::Fault;
use crate::host_set::Row;
use crate::report::{HeldSeat, Origin, Report, Session};
use hostler_model::{HostId, Mono, Now, SeatId, UserName};
use std::cmp::Ordering;
use std::sync::Arc;

/// How long after an offer a report may still be one that was made before it, in ms. A seat that a later report does not
/// show is gone.
const UNREPORTED_MS: u64 = 1_000;

/// What a report changed.
#[derive(Default)]
struct Changes {
    /// Sessions that were there before and still are.
    kept: usize,
    /// Sessions that were there before.
    before: usize,
    /// Users who got a session.
    users: Vec<UserName>,
    /// A session began with a seat.
    success: bool,
}

impl Site {
    pub(super) fn report(&mut self, now: Now, id: HostId, mut report: Arc<Report>) {
        let Some(row) = self.hosts.row(id) else { return };
        let Some(host) = self.hosts.get_mut(row).filter(|host| host.up) else { return };
        if let Err(error) = report.check() {
            if !std::mem::replace(&mut host.bad_told, true) {
                self.outputs.push_back(SiteOutput::BadReport { host: id, error });
            }
            return;
        }
        host.bad_told = false;
        if report.number <= host.last_number {
            return;
        }
        // An agent of ours sends them in order.
        if !(report.sessions.is_sorted_by_key(|s| s.id) && report.seats.is_sorted_by_key(|s| s.seat)) {
            let report = Arc::make_mut(&mut report);
            report.sessions.sort_unstable_by_key(|s| s.id);
            report.seats.sort_unstable_by_key(|s| s.seat);
        }
        let first = !host.heard_since_up;
        host.last_number = report.number;
        host.heard_at = Some(now.mono);
        host.heard_since_up = true;
        host.refused = None;
        let failed = report.failed_logons;
        let old = host.report.take();
        let (old_sessions, old_seats) = old.as_ref().map_or((&[][..], &[][..]), |old| (&old.sessions, &old.seats));
        let changes = self.book_sessions(now.mono, row, old_sessions, &report.sessions);
        self.book_seats(now.mono, row, old_seats, &report.seats);
        let learning = self.is_learning();
        let slow_ms = self.catalog.policy.slow_start_ms;
        if let Some(host) = self.hosts.get_mut(row) {
            host.report = Some(report);
            // A host that comes back with its sessions only had a bad network; while the broker itself has just
            // started, every host would be new.
            let as_before = changes.before > 0 && changes.kept * 2 >= changes.before;
            if first && !learning && !as_before {
                host.slow_until = now.mono.plus(slow_ms);
            }
        }
        if changes.success {
            self.hosts.succeeded(row);
        }
        self.note_failures(now, row, failed);
        self.drop_unreported(now.mono, row);
        self.hosts.refresh(row, now.mono, &self.catalog.policy);
        self.tell_duplicates(changes.users);
        self.room = true;
        self.end_learning();
    }

    fn book_sessions(&mut self, now: Mono, row: Row, old: &[Session], new: &[Session]) -> Changes {
        let mut changes = Changes { before: old.len(), ..Changes::default() };
        difference(
            old,
            new,
            |s| s.id,
            |a, b| a.user == b.user && item_of(a) == item_of(b),
            |before, after| match (before, after) {
                (Some(_), Some(_)) => changes.kept += 1,
                (Some(gone), None) => {
                    self.books.remove_session(row, gone);
                    let own: Vec<_> = self.books.of(&gone.user).into_iter().flat_map(|book| book.own.iter()).collect();
                    for seat in own {
                        if self.own.get(seat).is_some_and(|own| own.admitted && own.reattach == Some(gone.id)) {
                            self.drop_own(now, seat);
                        }
                    }
                }
                (None, Some(began)) => {
                    self.books.add_session(row, began);
                    changes.users.push(began.user.clone());
                    if let Origin::Seat { seat, .. } = began.origin {
                        changes.success = true;
                        self.drop_own_on(now, row, seat);
                    }
                }
                (None, None) => {}
            },
        );
        changes
    }

    fn book_seats(&mut self, now: Mono, row: Row, old: &[HeldSeat], new: &[HeldSeat]) {
        difference(
            old,
            new,
            |s| s.seat,
            |a, b| a.user == b.user && a.item == b.item,
            |before, after| match (before, after) {
                (Some(gone), None) => {
                    self.books.remove_seat(row, gone);
                    self.drop_own_on(now, row, gone.seat);
                }
                (None, Some(held)) => {
                    self.books.add_seat(row, held);
                    if let Some(host) = self.hosts.get_mut(row).filter(|_| !self.planted.is(Fault::SeatKept)) {
                        host.pending.retain(|(_, seat)| *seat != held.seat);
                    }
                }
                _ => {}
            },
        );
    }

    /// Forgets a seat of this broker which the host it is on does not hold any more. An offer that is not answered yet
    /// stays: its answer is on the way.
    fn drop_own_on(&mut self, now: Mono, row: Row, seat: SeatId) {
        let again = self.planted.is(Fault::SeatHandedOutAgain);
        if self.own.get(seat).is_some_and(|own| own.row == row && own.admitted) && !again {
            self.drop_own(now, seat);
        }
    }

    fn drop_unreported(&mut self, now: Mono, row: Row) {
        let Some(host) = self.hosts.get(row) else { return };
        let late = |(at, _): &&(Mono, SeatId)| now.since(*at) > UNREPORTED_MS;
        let late: Vec<SeatId> = host.pending.iter().filter(late).map(|(_, seat)| *seat).collect();
        for seat in late {
            self.drop_own_on(now, row, seat);
        }
    }

    fn tell_duplicates(&mut self, mut users: Vec<UserName>) {
        if !self.catalog.policy.one_session {
            return;
        }
        users.sort_unstable();
        users.dedup();
        for user in users {
            if let Some((item, several)) = self.books.duplicates(&user) {
                let sessions = several.iter().filter_map(|s| Some((self.hosts.get(s.row)?.id, s.id))).collect();
                self.outputs.push_back(SiteOutput::Duplicate { user, item, sessions });
            }
        }
    }

    /// The time for which a silent host's sessions are kept is over.
    pub(super) fn forget_silent(&mut self, row: Row) {
        self.forget_reports(row);
        if let Some(host) = self.hosts.get_mut(row) {
            host.silent_since = None;
        }
        self.room = true;
    }

    /// Takes what a host has reported out of the books.
    pub(super) fn forget_reports(&mut self, row: Row) {
        let Some(report) = self.hosts.get_mut(row).and_then(|host| host.report.take()) else { return };
        report.sessions.iter().for_each(|session| self.books.remove_session(row, session));
        report.seats.iter().for_each(|seat| self.books.remove_seat(row, seat));
    }

    /// Ends the wait after the start once every host of the catalog was heard. A catalog without hosts ends nothing: that
    /// of a broker that has just joined has none yet, and "no host" would be wrong a moment later.
    pub(super) fn end_learning(&mut self) {
        // Asked for with every report: all hosts are looked through only during the wait.
        if self.learning_until.is_none() || self.catalog.hosts.is_empty() {
            return;
        }
        let unheard = |h: &super::host::Host| h.listed && h.enabled && h.heard_at.is_none();
        if !self.hosts.iter().any(|(_, host)| unheard(host)) {
            self.learning_until = None;
            self.room = true;
        }
    }
}

/// Walks through two lists that are sorted by `id`, calling `each` for every id that is in one of them or both. Two that
/// are not the `same` under one id are one that went and one that came.
fn difference<T, I: Ord>(
    old: &[T],
    new: &[T],
    id: impl Fn(&T) -> I,
    same: impl Fn(&T, &T) -> bool,
    mut each: impl FnMut(Option<&T>, Option<&T>),
) {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => id(a).cmp(&id(b)),
        };
        match order {
            Ordering::Less => each(old.next(), None),
            Ordering::Greater => each(None, new.next()),
            Ordering::Equal => match (old.next(), new.next()) {
                (Some(a), Some(b)) if !same(a, b) => {
                    each(Some(a), None);
                    each(None, Some(b));
                }
                (a, b) => each(a, b),
            },
        }
    }
}
