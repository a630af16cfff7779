//! Deciding: the seat that is held already, else the session that is there already, else the best host. And what follows
//! from the agents' answers.

use super::explain::{Ground, in_words};
use super::host::REFUSED_MS;
use super::job::Job;
use super::own_seats::OwnSeat;
use super::{Site, SiteOutput};
use crate::choose::choose;
use crate::explanation::{Exclusion, Explanation, Reason};
use crate::fault::Fault;
use crate::host_set::Row;
use crate::report::{SessionKind, SessionState};
use crate::seat::{Launch, NoSeat, Offer, Refusal};
use hostler_model::{HostId, ItemId, Mono, Now, SeatId, SessionId, TicketId};
use rand::Rng;
use std::sync::Arc;

/// Hosts that are asked for one request: the best, and two others after refusals.
pub const TRIES: u8 = 3;

/// What a user has for an item already.
enum Existing {
    Nothing,
    At(Row, SessionId),
    /// On a host that does not answer; for so many ms it is kept.
    Silent(Row, u64),
}

impl Site {
    /// Finds a place for a request, or a reason why there is none, or lets it wait. True where it has to wait for room.
    pub(super) fn decide(&mut self, now: Now, job: Job) -> bool {
        // Most people who come have nothing yet.
        let Some(job) = (if self.books.of(&job.user).is_some() { self.join(now, job) } else { Some(job) }) else {
            return false;
        };
        match self.existing(now.mono, &job) {
            Existing::At(row, session) => {
                let scored = [self.scored(now, row)];
                let ground = Ground { reason: Reason::ExistingSession, scored: &scored, eligible: 1, not: None };
                let explanation = self.explain(now, &job, row, &ground);
                self.offer(now, job, row, Some(session), explanation);
                return false;
            }
            Existing::Silent(row, left_ms) => {
                let host = self.hosts.name(row).to_string();
                self.reply(
                    job.token,
                    Err(NoSeat::SessionHostSilent { user: job.user, host, left_s: left_ms.div_ceil(1_000) }),
                );
                return false;
            }
            Existing::Nothing => {}
        }
        if self.is_learning() {
            self.wait(job);
            return true;
        }
        if let Some(row) = self.seat_from_elsewhere(&job) {
            let scored = [self.scored(now, row)];
            let ground = Ground { reason: Reason::HeldSeat, scored: &scored, eligible: 1, not: None };
            let explanation = self.explain(now, &job, row, &ground);
            self.offer(now, job, row, None, explanation);
            return false;
        }
        if job.queued_until.is_none() && !self.queue.is_empty() && self.queue.waits_for(job.item) {
            return self.no_host(now, job);
        }
        let not = self.with_other_items(&job);
        let published = self.published.get(&job.item);
        let choice = choose(&mut self.hosts.board, published, &not, now.mono, &mut self.rng);
        let Some(best) = choice.scored().first() else { return self.no_host(now, job) };
        let row = best.row;
        let ground =
            Ground { reason: Reason::LowestScore, scored: choice.scored(), eligible: choice.eligible, not: Some(&not) };
        let explanation = self.explain(now, &job, row, &ground);
        self.offer(now, job, row, None, explanation);
        false
    }

    /// Lets a request share the seat that this broker gave out for the same user and item. Gives the request back where
    /// there is none.
    fn join(&mut self, now: Now, job: Job) -> Option<Job> {
        let mine = self.books.of(&job.user).into_iter().flat_map(|book| book.own.iter());
        let for_item = |id: &SeatId| self.own.get(*id).is_some_and(|own| own.explanation.item == job.item);
        let Some(id) = mine.into_iter().find(for_item) else { return Some(job) };
        // Another broker may have been faster: whoever has a session by now goes back to it, and not to a second one.
        let elsewhere = match self.existing(now.mono, &job) {
            Existing::At(row, _) => self.own.get(id).is_some_and(|own| own.reattach.is_none() && own.row != row),
            _ => false,
        };
        let Some(seat) = self.own.get_mut(id) else { return Some(job) };
        if elsewhere || job.excludes(seat.row) || !seat.fresh(now.mono) {
            let (host, row) = (seat.host(), seat.row);
            let waiting = self.drop_own(now.mono, id);
            self.outputs.push_back(SiteOutput::Release { host, seat: id });
            for mut other in waiting {
                other.exclude(row, Exclusion::Unreachable);
                self.decide(now, other);
            }
            // One of those has been offered another seat by now, so this is at most one step deep.
            return if job.excludes(row) { self.join(now, job) } else { Some(job) };
        }
        if seat.admitted {
            self.hand_out(job.token, id, Reason::HeldSeat);
        } else if seat.joinable() {
            seat.joined.push(job);
        } else {
            self.reply(job.token, Err(NoSeat::Busy));
        }
        None
    }

    /// The session that the request comes back to.
    fn existing(&self, now: Mono, job: &Job) -> Existing {
        if self.planted.is(Fault::SessionOverlooked) {
            return Existing::Nothing;
        }
        let Some(book) = self.books.of(&job.user) else { return Existing::Nothing };
        let keep_ms = self.catalog.policy.silent_host_keep_ms;
        let mut best = None;
        let mut silent = None;
        for booked in &book.sessions {
            let Some(host) = self.hosts.get(booked.row).filter(|host| host.listed && host.enabled) else { continue };
            let Some(report) = &host.report else { continue };
            let Ok(at) = report.sessions.binary_search_by_key(&booked.id, |s| s.id) else { continue };
            let session = &report.sessions[at];
            let active = session.state == SessionState::Active;
            if job.ended.contains(&booked.id)
                || !self.is_for(booked.item, report.kind, booked.row, job.item)
                || (active && !self.catalog.policy.one_session)
            {
                continue;
            }
            if host.reachable() && !job.excludes(booked.row) {
                best = best.max(Some((active, session.started, booked.id, booked.row)));
            } else {
                let since = host.silent_since.or(host.unreachable.map(|(since, _)| since)).unwrap_or(now);
                let left_ms = keep_ms.saturating_sub(now.since(since));
                silent = silent.max(Some((left_ms, booked.row)).filter(|_| left_ms > 0));
            }
        }
        match (best, silent) {
            (Some((_, _, session, row)), _) => Existing::At(row, session),
            (None, Some((left_ms, row))) => Existing::Silent(row, left_ms),
            (None, None) => Existing::Nothing,
        }
    }

    /// True where a session is one for this item. Where the host knows one session a user, one that began without a
    /// seat is the user's desktop.
    fn is_for(&self, session: Option<ItemId>, kind: SessionKind, row: Row, item: ItemId) -> bool {
        let desktop = || self.catalog.items.get(&item).is_some_and(|item| item.launch == Launch::Desktop);
        let published = || self.published.get(&item).is_none_or(|hosts| hosts.contains(row));
        match session {
            Some(session) => session == item,
            None => kind == SessionKind::PerUser && desktop() && published(),
        }
    }

    /// A host that holds a seat for the same user and item, given out by another broker. Its agent admits them on that.
    fn seat_from_elsewhere(&self, job: &Job) -> Option<Row> {
        let seats = &self.books.of(&job.user)?.seats;
        let here = |row: Row| self.hosts.get(row).is_some_and(|host| host.reachable() && host.heard_since_up);
        seats.iter().find(|s| s.item == job.item && !job.excludes(s.row) && here(s.row)).map(|s| s.row)
    }

    /// What the request excludes, and the hosts where the user has something else that can't be beside it.
    fn with_other_items(&self, job: &Job) -> Vec<(Row, Exclusion)> {
        let mut not = job.not.clone();
        let Some(book) = self.books.of(&job.user) else { return not };
        let own = book.own.iter().filter_map(|id| self.own.get(id)).map(|own| (own.row, Some(own.explanation.item)));
        let seats = book.seats.iter().map(|seat| (seat.row, Some(seat.item)));
        let sessions = book.sessions.iter().filter(|s| !job.ended.contains(&s.id)).map(|s| (s.row, s.item));
        // A session for the same item is gone back to, except an active one where the policy lets it be.
        let beside = !self.catalog.policy.one_session;
        let sessions = sessions.map(|(row, item)| (row, item.filter(|_| !beside)));
        for (row, item) in own.chain(seats).chain(sessions) {
            let per_user = self.hosts.get(row).and_then(|host| host.report.as_ref()).map(|report| report.kind);
            let excluded = per_user == Some(SessionKind::PerUser) && item != Some(job.item);
            if excluded && not.iter().all(|(out, _)| *out != row) {
                not.push((row, Exclusion::OtherItem));
            }
        }
        not
    }

    /// No host has room now: the request waits, where the policy says so, else it is told why.
    fn no_host(&mut self, now: Now, mut job: Job) -> bool {
        let not = self.with_other_items(&job);
        let excluded = self.excluded(&job, &not);
        let may_pass = [Exclusion::Full, Exclusion::NoSlot, Exclusion::SetAside, Exclusion::Refused];
        let hope = excluded.iter().any(|e| may_pass.contains(&e.why)) || self.queue.waits_for(job.item);
        if let Some(queue_ms) = self.catalog.policy.queue_ms.filter(|_| hope) {
            let until = job.queued_until.unwrap_or(now.mono.plus(queue_ms));
            if until > now.mono {
                job.queued_until = Some(until);
                job.tries = 0;
                job.not.retain(|(_, why)| *why == Exclusion::Unreachable);
                self.wait(job);
                return true;
            }
        }
        let reason = in_words(&excluded);
        self.reply(job.token, Err(NoSeat::NoHost { user: job.user, reason }));
        false
    }

    fn wait(&mut self, job: Job) {
        if self.queue.is_full() {
            self.reply(job.token, Err(NoSeat::Busy));
        } else {
            self.queue.push(job);
        }
    }

    /// Tries those that wait again, in their order, if anything has changed.
    pub(super) fn retry_queue(&mut self, now: Now) {
        let due = self.queue.deadline().is_some_and(|at| at <= now.mono);
        if self.queue.is_empty() || !(self.room || due) {
            self.room = false;
            return;
        }
        self.room = false;
        let learning = self.is_learning();
        let mut stuck: Vec<ItemId> = Vec::new();
        for job in self.queue.take() {
            let late = job.queued_until.is_some_and(|until| until <= now.mono);
            if !self.catalog.entitled(&job.user, job.item) {
                self.reply(job.token, Err(NoSeat::NotEntitled { user: job.user }));
            } else if !late && learning && self.books.of(&job.user).is_none() {
                self.queue.push(job);
            } else if !late && stuck.contains(&job.item) {
                // It takes its place behind those before it.
                self.no_host(now, job);
            } else {
                let item = job.item;
                if self.decide(now, job) && !learning {
                    stuck.push(item);
                }
            }
        }
    }

    fn offer(&mut self, now: Now, job: Job, row: Row, reattach: Option<SessionId>, explanation: Explanation) {
        let item = self.catalog.items.get(&job.item);
        let (Some(item), false) = (item, self.own.is_full()) else {
            self.reply(job.token, Err(NoSeat::Busy));
            return;
        };
        let mut random = [0; 32];
        self.rng.fill_bytes(&mut random);
        let (mut seat, mut ticket) = ([0; 16], [0; 16]);
        seat.copy_from_slice(&random[..16]);
        ticket.copy_from_slice(&random[16..]);
        let (seat, ticket) = (SeatId(seat), TicketId(ticket));
        let (host, explanation) = (explanation.host, Arc::new(explanation));
        let launch = item.launch.clone();
        let offer = Offer {
            seat,
            ticket,
            user: job.user.clone(),
            item: job.item,
            launch: launch.clone(),
            door: job.door,
            reattach,
            explanation: Arc::clone(&explanation),
        };
        self.books.add_own(&job.user, seat);
        let own = OwnSeat {
            row,
            ticket,
            launch,
            reattach,
            explanation,
            offered_at: now.mono,
            job: Some(job),
            joined: Vec::new(),
            admitted: false,
        };
        self.own.insert(seat, own);
        if reattach.is_none() {
            if let Some(host) = self.hosts.get_mut(row) {
                host.pending.push((now.mono, seat));
            }
            self.hosts.refresh(row, now.mono, &self.catalog.policy);
        }
        self.outputs.push_back(SiteOutput::Offer { host, offer: Box::new(offer) });
    }

    pub(super) fn verdict(&mut self, now: Now, host: HostId, seat: SeatId, verdict: Result<(), Refusal>) {
        let Some(own) = self.own.get(seat).filter(|own| own.host() == host && !own.admitted) else { return };
        match verdict {
            Ok(()) => {
                let decided = own.explanation.reason;
                for (nth, job) in self.own.admit(seat).enumerate() {
                    self.hand_out(job.token, seat, if nth == 0 { decided } else { Reason::HeldSeat });
                }
            }
            Err(refusal) => self.refused(now, seat, refusal),
        }
    }

    fn refused(&mut self, now: Now, seat: SeatId, refusal: Refusal) {
        let Some((row, reattach)) = self.own.get(seat).map(|own| (own.row, own.reattach)) else { return };
        let waiting = self.drop_own(now.mono, seat);
        let stands = match refusal {
            Refusal::Full => Some(Exclusion::Full),
            Refusal::Draining => Some(Exclusion::Draining),
            Refusal::Busy => Some(Exclusion::NoSlot),
            Refusal::SessionEnded | Refusal::OtherItem => None,
        };
        // The host knows better than its last report: leave it alone until it reports again.
        if let (Some(why), None, Some(host)) = (stands, reattach, self.hosts.get_mut(row)) {
            host.refused = Some((why, now.mono.plus(REFUSED_MS)));
            self.hosts.refresh(row, now.mono, &self.catalog.policy);
        }
        for mut job in waiting {
            match (reattach, refusal) {
                (Some(session), _) => job.ended.push(session),
                (None, Refusal::OtherItem) => job.exclude(row, Exclusion::OtherItem),
                (None, _) => job.exclude(row, Exclusion::Refused),
            }
            self.try_again(now, job);
        }
    }

    /// An agent has not answered in time. It may have admitted all the same, so it is told that nobody comes.
    pub(super) fn unanswered(&mut self, now: Now, seat: SeatId) {
        let Some((host, row)) = self.own.get(seat).filter(|own| !own.admitted).map(|own| (own.host(), own.row)) else {
            return;
        };
        self.outputs.push_back(SiteOutput::Release { host, seat });
        self.note_failures(now, row, 1);
        self.lose(now, seat, Exclusion::Down);
    }

    /// A seat is lost with the way to its host: who waited for it goes elsewhere.
    pub(super) fn lose(&mut self, now: Now, seat: SeatId, why: Exclusion) {
        let Some(row) = self.own.get(seat).map(|own| own.row) else { return };
        for mut job in self.drop_own(now.mono, seat) {
            job.exclude(row, why);
            self.try_again(now, job);
        }
    }

    fn try_again(&mut self, now: Now, mut job: Job) {
        job.tries += 1;
        if job.tries < TRIES {
            self.decide(now, job);
        } else {
            self.no_host(now, job);
        }
    }

    /// Answers a request with a seat that its agent holds.
    fn hand_out(&mut self, token: u64, seat: SeatId, reason: Reason) {
        let Some(own) = self.own.get(seat) else { return };
        let mut placement = Box::new(own.placement(seat));
        if placement.explanation.reason != reason {
            placement.explanation = Arc::new(Explanation { reason, ..(*placement.explanation).clone() });
        }
        self.reply(token, Ok(placement));
    }

    /// Forgets a seat of this broker. Gives back who still waited for it.
    pub(super) fn drop_own(&mut self, now: Mono, seat: SeatId) -> Vec<Job> {
        let Some(own) = self.own.remove(seat) else { return Vec::new() };
        self.books.remove_own(&own.explanation.user, seat);
        if let Some(host) = self.hosts.get_mut(own.row).filter(|_| !self.planted.is(Fault::SeatKept)) {
            let before = host.pending.len();
            host.pending.retain(|(_, pending)| *pending != seat);
            if host.pending.len() != before {
                self.hosts.refresh(own.row, now, &self.catalog.policy);
                self.room = true;
            }
        }
        own.waiting().collect()
    }
}
