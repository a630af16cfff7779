//! What changed in a site between two moments, and who changed it.

use super::things::{Fields, Subject, things};
use super::writes::{Writes, writes};
use crate::{Entry, Lane, State, Timeline};
use hostler_events::EventRef;
use hostler_model::Thing;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// What became of a thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was not there before.
    Created,
    /// It is there, with other fields.
    Changed,
    /// It is not there any more.
    Removed,
}

/// What an event did to a thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// It wrote to the thing.
    Wrote,
    /// It took away the effect of this event.
    Undid(EventRef),
    /// It gave this event its effect (back).
    Restored(EventRef),
}

/// An event that changed a thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cause {
    /// The event.
    pub event: EventRef,
    /// What it did.
    pub how: How,
}

/// A field that has another value now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldChange {
    /// Its name.
    pub field: String,
    /// Its value before; `None` where there was none.
    pub from: Option<Value>,
    /// Its value now; `None` where there is none.
    pub to: Option<Value>,
    /// The events that wrote it in between, in their order; the last one won.
    pub by: Vec<Cause>,
}

/// A thing that changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ThingChange {
    /// The thing.
    pub subject: Subject,
    /// What became of it.
    pub change: Change,
    /// Its fields that changed, by name.
    pub fields: Vec<FieldChange>,
}

/// What changed in a site from one moment to a later one. Both timelines are of the same site; the later one has all
/// events of the earlier one.
#[must_use]
pub fn changes(before: &Timeline, after: &Timeline) -> Vec<ThingChange> {
    let (old, new) = (things(before.state()), things(after.state()));
    let causes = Causes::between(before, after);
    let subjects: BTreeSet<&Subject> = old.keys().chain(new.keys()).collect();
    let mut changed = Vec::new();
    for subject in subjects {
        let (was, is) = (old.get(subject), new.get(subject));
        if was == is {
            continue;
        }
        let change = match (was, is) {
            (None, _) => Change::Created,
            (_, None) => Change::Removed,
            _ => Change::Changed,
        };
        let nothing = Fields::new();
        let (was, is) = (was.unwrap_or(&nothing), is.unwrap_or(&nothing));
        let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        let differing = names.into_iter().filter(|name| was.get(*name) != is.get(*name));
        let fields = differing.map(|name| FieldChange {
            field: name.clone(),
            from: was.get(name).cloned(),
            to: is.get(name).cloned(),
            by: causes.of(subject, name, was),
        });
        changed.push(ThingChange { subject: subject.clone(), change, fields: fields.collect() });
    }
    changed
}

/// The events whose effect began or ended between two moments, by what they write.
struct Causes(HashMap<Subject, Vec<(Writes, Cause)>>);

impl Causes {
    fn between(before: &Timeline, after: &Timeline) -> Self {
        let lanes: HashMap<EventRef, Lane> = before.entries().iter().map(|e| (e.loaded.reference, e.lane)).collect();
        let mut causes = Self(HashMap::new());
        for entry in after.entries() {
            let earlier = lanes.get(&entry.loaded.reference).copied();
            let was = earlier.is_some_and(|lane| counts(entry, lane, before.state()));
            let is = counts(entry, entry.lane, after.state());
            if let Some(cause) = cause(entry, earlier.is_some(), was, is, after.state()) {
                causes.add(entry, cause);
            }
        }
        causes
    }

    fn add(&mut self, entry: &Entry, cause: Cause) {
        for written in entry.loaded.event.as_ref().map(writes).unwrap_or_default() {
            self.0.entry(written.subject.clone()).or_default().push((written, cause));
        }
    }

    fn of(&self, subject: &Subject, field: &str, was: &Fields) -> Vec<Cause> {
        let mut by: Vec<Cause> = Vec::new();
        for (written, cause) in self.0.get(subject).into_iter().flatten() {
            if written.covers(field) && !by.contains(cause) {
                by.push(*cause);
            }
        }
        if by.is_empty()
            && let (Subject::Thing(Thing::Token(_)), Some(admin)) = (subject, was.get("admin"))
            && let Ok(admin) = serde_json::from_value(admin.clone())
        {
            // A program's token goes with its administrator.
            return self.of(&Subject::Thing(Thing::Admin(admin)), field, &Fields::new());
        }
        by
    }
}

/// True where an event has an effect on the state.
fn counts(entry: &Entry, lane: Lane, state: &State) -> bool {
    lane == Lane::Applied || state.settled.get(&entry.loaded.reference).is_some_and(|s| s.reapplied)
}

/// What to put a difference down to: the event itself where it is new, else what changed its lane.
fn cause(entry: &Entry, known: bool, was: bool, is: bool, after: &State) -> Option<Cause> {
    let event = entry.loaded.reference;
    let settled = after.settled.get(&event).filter(|s| s.reapplied);
    match (was, is, settled) {
        (false, true, Some(settlement)) => Some(Cause { event: settlement.by, how: How::Restored(event) }),
        (false, true, None) if known => Some(Cause { event, how: How::Restored(event) }),
        (false, true, None) => Some(Cause { event, how: How::Wrote }),
        (true, false, _) => {
            let by = match entry.lane {
                Lane::Superseded { by } => by,
                Lane::Quarantined { by } => Some(by),
                Lane::Applied | Lane::Orphaned => None,
            };
            Some(Cause { event: by.unwrap_or(event), how: How::Undid(event) })
        }
        _ => None,
    }
}
