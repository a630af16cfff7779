//! The first pass: which events there are, and whether each is in its place.

use super::branches::on_other_branches;
use super::{Examined, Fault};
use bytes::Bytes;
use hostler_events::{EventRef, Frontier, StoredEvent};
use hostler_model::{BrokerId, Feed, PublicKey};
use std::collections::BTreeSet;
use std::ops::Bound::{Excluded, Unbounded};

/// Tells the id that a broker with this first key has.
pub type IdOf = fn(&PublicKey) -> BrokerId;
/// A place in a log.
pub(super) type Place = (Feed, u64);

/// Takes the events of a log in the order of feed and place, and then those of other branches.
pub struct Verifier {
    id_of: IdOf,
    /// What is known to be the end of each feed.
    heads: Option<Frontier>,
    events: Vec<StoredEvent>,
    /// The others: how many events stood before each, where it was found, and what is wrong with it.
    others: Vec<(usize, Option<Place>, Fault)>,
}

impl Verifier {
    /// For a log whose feeds end at these events, where that is known.
    #[must_use]
    pub fn new(id_of: IdOf, heads: Option<Frontier>) -> Self {
        Self { id_of, heads, events: Vec::new(), others: Vec::new() }
    }

    /// Takes the next event. `place` is where it was found, in a store that knows places; it is `None` where events
    /// only stand one behind the other.
    pub fn take(&mut self, place: Option<(Feed, u64)>, bytes: Bytes) {
        let before = self.events.len();
        match StoredEvent::parse(bytes) {
            Err(error) => self.others.push((before, place, Fault::Unreadable(error.to_string()))),
            Ok(event) => {
                let found = event.reference();
                let elsewhere = place.is_some_and(|place| place != place_of(&found));
                let nowhere = self.heads.as_ref().is_some_and(|heads| !heads.contains(&found.feed, found.seq));
                if elsewhere || (place.is_none() && nowhere) {
                    self.others.push((before, place, Fault::Misplaced { found }));
                } else {
                    self.events.push(event);
                }
            }
        }
    }

    /// An event that a store could not read.
    pub fn damaged(&mut self, feed: Feed, seq: u64, why: String) {
        self.others.push((self.events.len(), Some((feed, seq)), Fault::Unreadable(why)));
    }

    /// How many events were taken.
    #[must_use]
    pub fn count(&self) -> u64 {
        (self.events.len() + self.others.len()) as u64
    }

    /// All events were taken.
    #[must_use]
    pub fn finish(mut self) -> Examined {
        let count = self.count();
        let branches = self.set_branches_apart();
        let places: Vec<Place> = self.events.iter().map(|e| place_of(&e.reference())).collect();
        let ordered = ordered(&places);
        let mut taken: BTreeSet<Place> = ordered.iter().map(|at| places[*at]).collect();
        let mut faults: Vec<(Place, Fault)> = Vec::new();
        let mut in_order = ordered.iter().copied().peekable();
        let mut events = Vec::with_capacity(self.events.len());
        let mut others = self.others.into_iter().peekable();
        let mut last = None;
        for (at, event) in self.events.into_iter().enumerate() {
            while let Some((_, place, fault)) = others.next_if(|(before, ..)| *before <= at) {
                faults.extend(place.or_else(|| next(last, self.heads.as_ref())).map(|place| (place, fault)));
            }
            if in_order.next_if_eq(&at).is_some() {
                last = Some(places[at]);
                events.push(event);
            } else if taken.insert(places[at]) {
                faults.push((places[at], Fault::OutOfOrder));
                events.push(event);
            } else if let Some(place) = next(last, self.heads.as_ref()) {
                faults.push((place, Fault::Misplaced { found: event.reference() }));
            }
        }
        for (_, place, fault) in others {
            faults.extend(place.or_else(|| next(last, self.heads.as_ref())).map(|place| (place, fault)));
        }
        events.sort_by_key(|e| place_of(&e.reference()));
        Examined::new(events, branches, faults, count, self.heads.as_ref(), self.id_of)
    }

    /// Takes out the events of other branches.
    fn set_branches_apart(&mut self) -> Vec<StoredEvent> {
        let apart = on_other_branches(&self.events);
        if !apart.contains(&true) {
            return Vec::new();
        }
        let mut stay = 0;
        let mut before: Vec<usize> = vec![0];
        for apart in &apart {
            stay += usize::from(!apart);
            before.push(stay);
        }
        self.others.iter_mut().for_each(|(at, ..)| *at = before[*at]);
        let mut is_apart = apart.iter();
        self.events.extract_if(.., |_| is_apart.next().copied().unwrap_or(false)).collect()
    }
}

fn place_of(event: &EventRef) -> Place {
    (event.feed, event.seq)
}

/// The place behind the last one.
fn next(last: Option<Place>, heads: Option<&Frontier>) -> Option<Place> {
    let first_of = |feed: Option<&Feed>| feed.map(|feed| (*feed, 1));
    match (last, heads) {
        (None, heads) => first_of(heads.and_then(|h| h.0.keys().next())),
        (Some((feed, seq)), Some(heads)) if heads.0.get(&feed).is_some_and(|(end, _)| seq >= *end) => {
            first_of(heads.0.range((Excluded(feed), Unbounded)).map(|(feed, _)| feed).next())
        }
        (Some((feed, seq)), _) => Some((feed, seq + 1)),
    }
}

/// The numbers of those that stand in order, as many as there can be: a longest increasing subsequence. What was put
/// elsewhere is the rest, and nothing else is.
fn ordered(places: &[Place]) -> Vec<usize> {
    // For every length, the last of the sequence of that length that ends lowest; and who stands before whom.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(places.len());
    for (at, place) in places.iter().enumerate() {
        let length = ends.partition_point(|end| places[*end] < *place);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        if length == ends.len() { ends.push(at) } else { ends[length] = at }
    }
    let mut ordered: Vec<usize> = std::iter::successors(ends.last().copied(), |at| before[*at]).collect();
    ordered.reverse();
    ordered
}
