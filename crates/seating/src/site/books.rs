//! Who has what where, by user: sessions and seats from the reports of all hosts, and the seats that this broker gave
//! out. It knows hosts by their row only.

use super::seeded::{Seeded, Table};
use crate::host_set::Row;
use crate::report::{HeldSeat, Origin, Session};
use hostler_model::{ItemId, SeatId, SessionId, UserName};

/// A session in the books.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BookedSession {
    pub(super) row: Row,
    pub(super) id: SessionId,
    /// What it is for; `None` where it began without a seat.
    pub(super) item: Option<ItemId>,
}

/// A seat that a host reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BookedSeat {
    pub(super) row: Row,
    pub(super) id: SeatId,
    pub(super) item: ItemId,
}

/// A list that seldom has more than one entry: the first needs no memory of its own.
#[derive(Clone, Debug)]
pub(super) struct Few<T> {
    first: Option<T>,
    more: Vec<T>,
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { first: None, more: Vec::new() }
    }
}

impl<T: Copy + PartialEq> Few<T> {
    fn push(&mut self, entry: T) {
        match self.first {
            None => self.first = Some(entry),
            Some(_) => self.more.push(entry),
        }
    }

    fn remove(&mut self, entry: T) {
        self.more.retain(|other| *other != entry);
        if self.first == Some(entry) {
            self.first = self.more.pop();
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.first.iter().chain(&self.more).copied()
    }
}

/// What one user has.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    pub(super) sessions: Vec<BookedSession>,
    pub(super) seats: Vec<BookedSeat>,
    /// Seats that this broker gave out.
    pub(super) own: Few<SeatId>,
    /// Sessions that were told to be too many.
    told: Vec<SessionId>,
}

impl Book {
    fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.seats.is_empty() && self.own.first.is_none()
    }
}

/// The item that a session was started for.
pub(super) fn item_of(session: &Session) -> Option<ItemId> {
    match session.origin {
        Origin::Seat { item, .. } => Some(item),
        Origin::Unbrokered => None,
    }
}

/// The books of a site.
#[derive(Debug)]
pub(super) struct Books {
    users: Table<UserName, Book>,
}

impl Books {
    pub(super) fn new(seeded: &Seeded) -> Self {
        Self { users: Table::with_hasher(seeded.clone()) }
    }

    pub(super) fn of(&self, user: &UserName) -> Option<&Book> {
        self.users.get(user)
    }

    /// Changes a user's book, opening one where there is none and closing it where nothing is left in it.
    fn change(&mut self, user: &UserName, change: impl FnOnce(&mut Book)) {
        if let Some(book) = self.users.get_mut(user) {
            change(book);
            if book.is_empty() {
                self.users.remove(user);
            }
            return;
        }
        let mut book = Book::default();
        change(&mut book);
        if !book.is_empty() {
            self.users.insert(user.clone(), book);
        }
    }

    pub(super) fn add_session(&mut self, row: Row, session: &Session) {
        let booked = BookedSession { row, id: session.id, item: item_of(session) };
        self.change(&session.user, |book| book.sessions.push(booked));
    }

    pub(super) fn remove_session(&mut self, row: Row, session: &Session) {
        self.change(&session.user, |book| book.sessions.retain(|s| s.row != row || s.id != session.id));
    }

    pub(super) fn add_seat(&mut self, row: Row, seat: &HeldSeat) {
        let booked = BookedSeat { row, id: seat.seat, item: seat.item };
        self.change(&seat.user, |book| book.seats.push(booked));
    }

    pub(super) fn remove_seat(&mut self, row: Row, seat: &HeldSeat) {
        self.change(&seat.user, |book| book.seats.retain(|s| s.row != row || s.id != seat.seat));
    }

    pub(super) fn add_own(&mut self, user: &UserName, seat: SeatId) {
        self.users.entry(user.clone()).or_default().own.push(seat);
    }

    pub(super) fn remove_own(&mut self, user: &UserName, seat: SeatId) {
        self.change(user, |book| book.own.remove(seat));
    }

    /// The sessions of a user for one item on several hosts, where that was not told yet.
    pub(super) fn duplicates(&mut self, user: &UserName) -> Option<(ItemId, Vec<BookedSession>)> {
        let book = self.users.get_mut(user)?;
        let sessions = &book.sessions;
        book.told.retain(|told| sessions.iter().any(|s| s.id == *told));
        let (item, mut several) = sessions.iter().find_map(|first| {
            let several: Vec<_> = sessions.iter().filter(|s| s.item == first.item).copied().collect();
            let new = several.iter().any(|s| s.row != first.row) && several.iter().any(|s| !book.told.contains(&s.id));
            new.then_some((first.item?, several))
        })?;
        several.sort_unstable_by_key(|s| s.id);
        book.told.extend(several.iter().map(|s| s.id));
        book.told.sort_unstable();
        book.told.dedup();
        Some((item, several))
    }
}
