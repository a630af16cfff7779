//! The seats that a host holds in memory, by its own clock.

use super::FRESH_MS;
use crate::report::HeldSeat;
use crate::seat::{Door, Offer};
use hostler_model::limits::SEAT_HOLD_MS;
use hostler_model::{ItemId, Mono, SeatId, SessionId, UserName, Wall};
use std::collections::{BTreeMap, BTreeSet};

/// A seat.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    /// As it was offered. Its `reattach` is set later where the session begins by another seat.
    pub(super) offer: Offer,
    pub(super) since: Mono,
    /// When its ticket was last presented, on both clocks, and first by the wall.
    pub(super) taken: Option<(Mono, Wall)>,
}

impl Seat {
    /// Its ticket can be presented.
    pub(super) fn open(&self, now: Mono) -> bool {
        now < self.since.plus(SEAT_HOLD_MS)
    }

    /// Until when it is held: a logon that its ticket began takes time, and people type passwords.
    pub(super) fn until(&self) -> Mono {
        let from = self.taken.map_or(self.since, |(at, _)| at.max(self.since));
        from.plus(SEAT_HOLD_MS)
    }

    /// Somebody is on the way: the ticket was presented, or was given out a moment ago.
    fn logging_on(&self, now: Mono) -> bool {
        self.taken.is_some() || now < self.since.plus(FRESH_MS)
    }

    fn place(&self) -> (&UserName, ItemId) {
        (&self.offer.user, self.offer.item)
    }

    /// It takes a place of its own, instead of leading to a session that is there.
    fn takes_place(&self) -> bool {
        self.offer.reattach.is_none()
    }
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Seats(pub(super) BTreeMap<SeatId, Seat>);

impl Seats {
    /// Those that take a place. Two brokers may give out a seat for the same user and item: that is one place.
    fn new_ones(&self) -> impl Iterator<Item = (&SeatId, &Seat)> {
        self.0.iter().filter(|(_, seat)| seat.takes_place())
    }

    /// Places that are held.
    pub(super) fn places(&self) -> usize {
        self.new_ones().map(|(_, seat)| seat.place()).collect::<BTreeSet<_>>().len()
    }

    /// Places whose user is logging on.
    pub(super) fn logons(&self, now: Mono) -> usize {
        let logging_on = self.new_ones().filter(|(_, seat)| seat.logging_on(now));
        logging_on.map(|(_, seat)| seat.place()).collect::<BTreeSet<_>>().len()
    }

    /// Seats for the place of a user and an item.
    pub(super) fn of_place(&self, user: &UserName, item: ItemId) -> usize {
        self.new_ones().filter(|(_, seat)| seat.place() == (user, item)).count()
    }

    /// True where the user has a place for another item.
    pub(super) fn other_item(&self, user: &UserName, item: ItemId) -> bool {
        self.new_ones().any(|(_, seat)| seat.offer.user == *user && seat.offer.item != item)
    }

    /// The seat that a session of this user begins with; of several the one whose ticket was presented last.
    pub(super) fn for_session(&self, user: &UserName, item: Option<ItemId>) -> Option<SeatId> {
        let mine = self.new_ones().filter(|(_, s)| s.offer.user == *user && item.is_none_or(|i| i == s.offer.item));
        mine.max_by_key(|(_, seat)| (seat.taken, seat.since)).map(|(id, _)| *id)
    }

    /// Somebody who has been let in and whose session has not begun: their ticket was presented, or they came through
    /// the open door.
    pub(super) fn waits(&self) -> Option<&UserName> {
        let waiting = self.new_ones().filter(|(_, seat)| seat.taken.is_some() || seat.offer.door == Door::Open);
        waiting.max_by_key(|(_, seat)| seat.taken).map(|(_, seat)| &seat.offer.user)
    }

    /// The seats of a place lead to the session that has begun there.
    pub(super) fn lead_to(&mut self, user: &UserName, item: ItemId, session: SessionId) {
        for seat in self.0.values_mut().filter(|seat| seat.place() == (user, item)) {
            seat.offer.reattach = Some(session);
        }
    }

    /// A broker says that nobody comes. True where that changes anything.
    pub(super) fn release(&mut self, id: SeatId) -> bool {
        match self.0.get_mut(&id) {
            // Another connection with the same ticket may have got through and be logging on: its session will need the
            // seat. It counts no longer as a logon, though, and will not be a failed one.
            Some(seat) if seat.taken.is_some() => seat.taken = None,
            Some(_) => drop(self.0.remove(&id)),
            None => return false,
        }
        true
    }

    /// The next seat that is not held any more.
    pub(super) fn expired(&self, now: Mono) -> Option<SeatId> {
        self.0.iter().find(|(_, seat)| seat.until() <= now).map(|(id, _)| *id)
    }

    /// When something about them changes by time alone.
    pub(super) fn deadline(&self, now: Mono) -> Option<Mono> {
        let ends = self.0.values().map(Seat::until);
        let fresh = self.0.values().map(|seat| seat.since.plus(FRESH_MS)).filter(|at| *at > now);
        ends.chain(fresh).min()
    }

    /// For a report.
    pub(super) fn held(&self, now: Mono) -> Vec<HeldSeat> {
        let held = self.new_ones().map(|(id, seat)| HeldSeat {
            seat: *id,
            user: seat.offer.user.clone(),
            item: seat.offer.item,
            left_ms: seat.until().since(now),
        });
        held.take(hostler_model::limits::SESSIONS_PER_HOST).collect()
    }
}
