//! The seats that a host holds in memory, by its own clock. Every logon asks several things of them, and there may be
//! thousands: so what is asked is kept up to date with each change, and not counted when it is asked.

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

    fn fresh_until(&self) -> Mono {
        self.since.plus(FRESH_MS)
    }

    fn place(&self) -> Place {
        (self.offer.user.clone(), self.offer.item)
    }

    /// It takes a place of its own, instead of leading to a session that is there.
    fn takes_place(&self) -> bool {
        self.offer.reattach.is_none()
    }
}

/// Two brokers may give out a seat for the same user and item: that is one place.
type Place = (UserName, ItemId);

/// The seats of a place.
#[derive(Clone, Debug, Default)]
struct Places {
    seats: BTreeSet<SeatId>,
    /// Those that take the place.
    taking: usize,
    /// Those of them whose user is on the way: the ticket was presented, or was given out a moment ago.
    logging_on: usize,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Seats {
    all: BTreeMap<SeatId, Seat>,
    places: BTreeMap<Place, Places>,
    /// Places that are held.
    held: usize,
    /// Places whose user is logging on.
    logging_on: usize,
    ends: BTreeSet<(Mono, SeatId)>,
    /// Until when seats count as given out a moment ago; those whose time has not come.
    fresh: BTreeSet<(Mono, SeatId)>,
}

impl Seats {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, id: SeatId) -> Option<&Seat> {
        self.all.get(&id)
    }

    /// Time has passed: who was given a seat a moment ago does not count as logging on for ever.
    pub(super) fn pass_time(&mut self, now: Mono) {
        while let Some((_, id)) = self.fresh.first().copied().filter(|(until, _)| *until <= now) {
            let seat = self.unlist(id);
            self.fresh.pop_first();
            if let Some(seat) = seat {
                self.list(id, seat);
            }
        }
    }

    pub(super) fn insert(&mut self, id: SeatId, seat: Seat) {
        self.remove(id);
        self.fresh.insert((seat.fresh_until(), id));
        self.list(id, seat);
    }

    pub(super) fn remove(&mut self, id: SeatId) -> Option<Seat> {
        let seat = self.unlist(id)?;
        self.fresh.remove(&(seat.fresh_until(), id));
        Some(seat)
    }

    /// Changes a seat, for whom and since when it is apart.
    pub(super) fn change(&mut self, id: SeatId, change: impl FnOnce(&mut Seat)) {
        if let Some(mut seat) = self.unlist(id) {
            change(&mut seat);
            self.list(id, seat);
        }
    }

    fn is_logging_on(&self, id: SeatId, seat: &Seat) -> bool {
        seat.taken.is_some() || self.fresh.contains(&(seat.fresh_until(), id))
    }

    fn list(&mut self, id: SeatId, seat: Seat) {
        let logging_on = self.is_logging_on(id, &seat);
        let place = self.places.entry(seat.place()).or_default();
        place.seats.insert(id);
        if seat.takes_place() {
            self.held += usize::from(place.taking == 0);
            place.taking += 1;
            self.logging_on += usize::from(logging_on && place.logging_on == 0);
            place.logging_on += usize::from(logging_on);
        }
        self.ends.insert((seat.until(), id));
        self.all.insert(id, seat);
    }

    /// Takes a seat out of all lists but that of the fresh ones.
    fn unlist(&mut self, id: SeatId) -> Option<Seat> {
        let seat = self.all.remove(&id)?;
        let logging_on = self.is_logging_on(id, &seat);
        let key = seat.place();
        if let Some(place) = self.places.get_mut(&key) {
            place.seats.remove(&id);
            if seat.takes_place() {
                place.taking -= 1;
                self.held -= usize::from(place.taking == 0);
                place.logging_on -= usize::from(logging_on);
                self.logging_on -= usize::from(logging_on && place.logging_on == 0);
            }
            if place.seats.is_empty() {
                self.places.remove(&key);
            }
        }
        self.ends.remove(&(seat.until(), id));
        Some(seat)
    }

    /// The places of a user.
    fn of_user(&self, user: &UserName) -> impl Iterator<Item = (ItemId, &Places)> {
        let range = (user.clone(), ItemId([0; 16]))..=(user.clone(), ItemId([u8::MAX; 16]));
        self.places.range(range).map(|((_, item), place)| (*item, place))
    }

    /// Those that take a place.
    fn new_ones(&self) -> impl Iterator<Item = (&SeatId, &Seat)> {
        self.all.iter().filter(|(_, seat)| seat.takes_place())
    }

    /// Places that are held.
    pub(super) fn places(&self) -> usize {
        self.held
    }

    /// Places whose user is logging on.
    pub(super) fn logons(&self) -> usize {
        self.logging_on
    }

    /// Seats that take the place of a user and an item.
    pub(super) fn of_place(&self, user: &UserName, item: ItemId) -> usize {
        self.places.get(&(user.clone(), item)).map_or(0, |place| place.taking)
    }

    /// True where the user has a place for another item.
    pub(super) fn other_item(&self, user: &UserName, item: ItemId) -> bool {
        self.of_user(user).any(|(other, place)| other != item && place.taking > 0)
    }

    /// The seat that a session of this user begins with; of several the one whose ticket was presented last.
    pub(super) fn for_session(&self, user: &UserName, item: Option<ItemId>) -> Option<SeatId> {
        self.by_use(user, item).max().map(|(_, _, id)| id)
    }

    /// Lets go of the seat of a place that a session would begin with last.
    pub(super) fn drop_stalest(&mut self, user: &UserName, item: ItemId) {
        let stalest = self.by_use(user, Some(item)).min();
        if let Some((_, _, id)) = stalest {
            self.remove(id);
        }
    }

    /// The seats of a user that take a place, and when each was presented and given out.
    fn by_use(
        &self,
        user: &UserName,
        item: Option<ItemId>,
    ) -> impl Iterator<Item = (Option<(Mono, Wall)>, Mono, SeatId)> {
        let places = self.of_user(user).filter(move |(i, _)| item.is_none_or(|item| item == *i));
        let seats = places.flat_map(|(_, place)| &place.seats).filter_map(|id| self.all.get_key_value(id));
        seats.filter(|(_, seat)| seat.takes_place()).map(|(id, seat)| (seat.taken, seat.since, *id))
    }

    /// Somebody who has been let in and whose session has not begun: their ticket was presented, or they came through
    /// the open door.
    pub(super) fn waits(&self) -> Option<&UserName> {
        let waiting = self.new_ones().filter(|(_, seat)| seat.taken.is_some() || seat.offer.door == Door::Open);
        waiting.max_by_key(|(_, seat)| seat.taken).map(|(_, seat)| &seat.offer.user)
    }

    /// The seats of a place lead to the session that has begun there.
    pub(super) fn lead_to(&mut self, user: &UserName, item: ItemId, session: SessionId) {
        let place = self.places.get(&(user.clone(), item));
        let seats: Vec<SeatId> = place.into_iter().flat_map(|place| place.seats.iter().copied()).collect();
        for id in seats {
            self.change(id, |seat| seat.offer.reattach = Some(session));
        }
    }

    /// The seats that lead to a session of this user.
    pub(super) fn leading_to(&self, user: &UserName, session: SessionId) -> Vec<SeatId> {
        let seats = self.of_user(user).flat_map(|(_, place)| &place.seats);
        let leads = |id: &&SeatId| self.all.get(id).is_some_and(|seat| seat.offer.reattach == Some(session));
        seats.filter(leads).copied().collect()
    }

    /// A broker says that nobody comes. True where that changes anything.
    pub(super) fn release(&mut self, id: SeatId) -> bool {
        match self.all.get(&id) {
            // Another connection with the same ticket may have got through and be logging on: its session will need the
            // seat. It counts no longer as a logon, though, and will not be a failed one.
            Some(seat) if seat.taken.is_some() => self.change(id, |seat| seat.taken = None),
            Some(_) => drop(self.remove(id)),
            None => return false,
        }
        true
    }

    /// The next seat that is not held any more.
    pub(super) fn expired(&self, now: Mono) -> Option<SeatId> {
        self.ends.first().filter(|(until, _)| *until <= now).map(|(_, id)| *id)
    }

    /// When something about them changes by time alone.
    pub(super) fn deadline(&self) -> Option<Mono> {
        let first = |times: &BTreeSet<(Mono, SeatId)>| times.first().map(|(at, _)| *at);
        [first(&self.ends), first(&self.fresh)].into_iter().flatten().min()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explanation::{Explanation, Reason};
    use crate::seat::Launch;
    use hostler_model::{BrokerId, HostId, TicketId};
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};
    use std::sync::Arc;

    const SEATS: u8 = 12;

    /// What is counted, by looking at every seat.
    fn counted(seats: &Seats, now: Mono) -> (usize, usize, Vec<usize>, Vec<bool>) {
        let new = || seats.all.values().filter(|seat| seat.takes_place());
        let logging_on = new().filter(|seat| seat.taken.is_some() || now < seat.since.plus(FRESH_MS));
        let is_of = |seat: &&Seat, user: u8, item: u8| seat.place() == (name(user), ItemId([item; 16]));
        let all = (0..3).flat_map(|user| (0..2).map(move |item| (user, item)));
        (
            new().map(Seat::place).collect::<BTreeSet<_>>().len(),
            logging_on.map(Seat::place).collect::<BTreeSet<_>>().len(),
            all.clone().map(|(user, item)| new().filter(|s| is_of(s, user, item)).count()).collect(),
            all.map(|(user, item)| new().any(|s| is_of(&s, user, 1 - item))).collect(),
        )
    }

    fn kept(seats: &Seats) -> (usize, usize, Vec<usize>, Vec<bool>) {
        let all = (0..3).flat_map(|user| (0..2).map(move |item| (name(user), ItemId([item; 16]))));
        (
            seats.places(),
            seats.logons(),
            all.clone().map(|(user, item)| seats.of_place(&user, item)).collect(),
            all.map(|(user, item)| seats.other_item(&user, item)).collect(),
        )
    }

    fn name(n: u8) -> UserName {
        format!("user{n}").parse().unwrap()
    }

    #[test]
    fn what_is_kept_up_to_date_is_what_counting_gives() {
        let explanation = Arc::new(Explanation {
            at: Wall(0),
            broker: BrokerId([1; 16]),
            user: name(0),
            item: ItemId([0; 16]),
            host: HostId([1; 16]),
            reason: Reason::LowestScore,
            candidates: Vec::new(),
            excluded: [].into(),
            eligible: 1,
        });
        for seed in 0..50 {
            let mut random = StdRng::seed_from_u64(seed);
            let (mut seats, mut now) = (Seats::default(), Mono(0));
            for _ in 0..400 {
                now = now.plus(random.random_range(0..3_000));
                seats.pass_time(now);
                while let Some(id) = seats.expired(now) {
                    seats.remove(id);
                }
                let id = SeatId([random.random_range(0..SEATS); 16]);
                match random.random_range(0..6) {
                    0..3 => {
                        let offer = Offer {
                            seat: id,
                            ticket: TicketId(id.0),
                            user: name(random.random_range(0..3)),
                            item: ItemId([random.random_range(0..2); 16]),
                            launch: Launch::Desktop,
                            door: Door::Api,
                            reattach: random.random_bool(0.2).then_some(SessionId([1; 16])),
                            explanation: explanation.clone(),
                        };
                        seats.insert(id, Seat { offer, since: now, taken: None });
                    }
                    3 => seats.change(id, |seat| seat.taken = Some((now, Wall(now.0)))),
                    4 => drop(seats.release(id)),
                    _ => {
                        let (user, item) = (name(random.random_range(0..3)), ItemId([random.random_range(0..2); 16]));
                        seats.lead_to(&user, item, SessionId([2; 16]));
                    }
                }
                assert_eq!(kept(&seats), counted(&seats, now), "seed {seed} at {now:?}");
                let ends = seats.all.values().map(Seat::until);
                let fresh = seats.all.values().map(Seat::fresh_until).filter(|at| *at > now);
                assert_eq!(seats.deadline(), ends.chain(fresh).min(), "seed {seed} at {now:?}");
            }
        }
    }
}
