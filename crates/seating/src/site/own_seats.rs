//! The seats that this broker gave out: those it has offered and those that an agent admitted.

use super::job::Job;
use super::seeded::DrawnTable;
use crate::explanation::Explanation;
use crate::host_set::Row;
use crate::seat::{Launch, Placement};
use hostler_model::limits::SEAT_HOLD_MS;
use hostler_model::{HostId, Mono, SeatId, SessionId, TicketId};
use std::collections::VecDeque;
use std::sync::Arc;

/// How long an agent may take to answer an offer, in ms.
pub const OFFER_MS: u64 = 1_000;
/// How long before its end a seat is not handed out again, in ms: the client needs time to come.
const MARGIN_MS: u64 = 5_000;
/// Seats of one broker at once: sixty seconds of 3,000 logons a second.
const SEATS: usize = 200_000;
/// Requests that wait for one offer: a client's connections, and an impatient user.
const WAITING_FOR_ONE: usize = 16;

/// A seat that this broker gave out.
#[derive(Clone, Debug)]
pub(super) struct OwnSeat {
    pub(super) row: Row,
    pub(super) ticket: TicketId,
    pub(super) launch: Launch,
    pub(super) reattach: Option<SessionId>,
    /// It also says for whom the seat is, what for and where.
    pub(super) explanation: Arc<Explanation>,
    pub(super) offered_at: Mono,
    /// Who waits for the agent's answer, and who has joined them.
    pub(super) job: Option<Job>,
    pub(super) joined: Vec<Job>,
    pub(super) admitted: bool,
}

impl OwnSeat {
    /// True while somebody who is sent there now can still take it.
    pub(super) fn fresh(&self, now: Mono) -> bool {
        now.since(self.offered_at) < SEAT_HOLD_MS - MARGIN_MS
    }

    /// True where another request can wait for the answer.
    pub(super) fn joinable(&self) -> bool {
        self.joined.len() < WAITING_FOR_ONE
    }

    pub(super) fn host(&self) -> HostId {
        self.explanation.host
    }

    /// Who waits, in the order of their coming.
    pub(super) fn waiting(self) -> impl Iterator<Item = Job> {
        self.job.into_iter().chain(self.joined)
    }

    pub(super) fn placement(&self, seat: SeatId) -> Placement {
        Placement {
            host: self.host(),
            seat,
            ticket: self.ticket,
            user: self.explanation.user.clone(),
            item: self.explanation.item,
            launch: self.launch.clone(),
            reattach: self.reattach,
            explanation: Arc::clone(&self.explanation),
        }
    }
}

/// All of them, and when they time out. Both times are constants, so two queues in order of offering are enough;
/// entries of seats that are gone are skipped.
#[derive(Debug, Default)]
pub(super) struct OwnSeats {
    seats: DrawnTable<SeatId, OwnSeat>,
    answers: VecDeque<(Mono, SeatId)>,
    ends: VecDeque<(Mono, SeatId)>,
}

impl OwnSeats {
    pub(super) fn is_full(&self) -> bool {
        self.ends.len() >= SEATS
    }

    pub(super) fn insert(&mut self, id: SeatId, seat: OwnSeat) {
        self.answers.push_back((seat.offered_at.plus(OFFER_MS), id));
        self.ends.push_back((seat.offered_at.plus(SEAT_HOLD_MS), id));
        self.seats.insert(id, seat);
    }

    pub(super) fn get(&self, id: SeatId) -> Option<&OwnSeat> {
        self.seats.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: SeatId) -> Option<&mut OwnSeat> {
        self.seats.get_mut(&id)
    }

    pub(super) fn remove(&mut self, id: SeatId) -> Option<OwnSeat> {
        let seat = self.seats.remove(&id);
        self.skip_gone();
        seat
    }

    /// The agent has admitted. Gives back who waited for that.
    pub(super) fn admit(&mut self, id: SeatId) -> impl Iterator<Item = Job> + use<> {
        let waiting = self.seats.get_mut(&id).map(|seat| {
            seat.admitted = true;
            (seat.job.take(), std::mem::take(&mut seat.joined))
        });
        self.skip_answered();
        let (job, joined) = waiting.unwrap_or_default();
        job.into_iter().chain(joined)
    }

    /// In no particular order, but the same in two runs with one seed.
    pub(super) fn iter(&self) -> impl Iterator<Item = (SeatId, &OwnSeat)> {
        self.seats.iter().map(|(id, seat)| (*id, seat))
    }

    /// The seats on one host, in the order of their ids.
    pub(super) fn on(&self, row: Row) -> Vec<SeatId> {
        let mut ids: Vec<SeatId> = self.iter().filter(|(_, seat)| seat.row == row).map(|(id, _)| id).collect();
        ids.sort_unstable();
        ids
    }

    /// The next offer that was not answered in time.
    pub(super) fn next_unanswered(&mut self, now: Mono) -> Option<SeatId> {
        while let Some((_, id)) = self.answers.pop_front_if(|(at, _)| *at <= now) {
            if self.seats.get(&id).is_some_and(|seat| !seat.admitted) {
                return Some(id);
            }
        }
        None
    }

    /// The next seat that nobody holds any more.
    pub(super) fn next_ended(&mut self, now: Mono) -> Option<SeatId> {
        while let Some((_, id)) = self.ends.pop_front_if(|(at, _)| *at <= now) {
            if self.seats.contains_key(&id) {
                return Some(id);
            }
        }
        None
    }

    fn skip_answered(&mut self) {
        while self.answers.front().is_some_and(|(_, id)| self.seats.get(id).is_none_or(|seat| seat.admitted)) {
            self.answers.pop_front();
        }
    }

    fn skip_gone(&mut self) {
        self.skip_answered();
        while self.ends.front().is_some_and(|(_, id)| !self.seats.contains_key(id)) {
            self.ends.pop_front();
        }
    }

    /// When one of them times out; it may be one that is gone by now.
    pub(super) fn deadline(&self) -> Option<Mono> {
        let ends = [self.answers.front(), self.ends.front()];
        ends.into_iter().flatten().map(|(at, _)| *at).min()
    }
}
