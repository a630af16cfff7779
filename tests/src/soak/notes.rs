//! What administrators have written down: what was acknowledged must be there, whatever happens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, ensure};
use serde_json::Value;

/// How many of the missing ones an error names.
const NAMED: usize = 5;

/// Something that was acknowledged.
#[derive(Clone, Debug)]
struct Acknowledged {
    /// The event's name, which begins with its author's id.
    event: String,
    /// What it made: the kind of list in which it must stand, and its name there.
    made: Option<(&'static str, String)>,
    /// On how many disks it was then.
    durable_on: u64,
    /// Whether all brokers have been seen to have everything since.
    everywhere: bool,
}

/// The notes of all administrators. A clone is the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    acknowledged: Vec<Acknowledged>,
    given_up: u64,
    refused: BTreeMap<String, u64>,
    unknown: u64,
}

impl Notes {
    /// Something was done.
    pub(super) fn done(&self, reply: &Value, made: Option<(&'static str, String)>) {
        let durable_on = reply["durable_on"].as_u64().unwrap_or(1);
        let events = reply["events"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut inner = self.inner();
        for event in events {
            let (event, made) = (event.to_owned(), made.clone());
            inner.acknowledged.push(Acknowledged { event, made, durable_on, everywhere: false });
        }
    }

    /// Something was refused.
    pub(super) fn refused(&self, code: String) {
        *self.inner().refused.entry(code).or_default() += 1;
    }

    /// Nobody knows whether something was done.
    pub(super) fn unknown(&self) {
        self.inner().unknown += 1;
    }

    /// All brokers have the same, and that holds all of this.
    pub(super) fn all_have_all(&self) {
        self.inner().acknowledged.iter_mut().for_each(|a| a.everywhere = true);
    }

    /// A disk is gone. What its broker wrote, and said to be on no other one, need not be there any more.
    pub(super) fn lost_with(&self, broker: &str) {
        let begin = format!("{broker}.");
        let mut inner = self.inner();
        let before = inner.acknowledged.len();
        inner.acknowledged.retain(|a| a.everywhere || a.durable_on > 1 || !a.event.starts_with(&begin));
        inner.given_up += (before - inner.acknowledged.len()) as u64;
    }

    /// The names that must stand in a list.
    pub(super) fn made(&self, kind: &str) -> BTreeSet<String> {
        let inner = self.inner();
        let made = inner.acknowledged.iter().filter_map(|a| a.made.as_ref());
        made.filter(|(of, _)| *of == kind).map(|(_, name)| name.clone()).collect()
    }

    /// Every acknowledged event is among these.
    pub(super) fn all_in(&self, names: &BTreeSet<String>) -> Result<()> {
        let inner = self.inner();
        let lost: Vec<&String> = inner.acknowledged.iter().map(|a| &a.event).filter(|e| !names.contains(*e)).collect();
        let named = &lost[..lost.len().min(NAMED)];
        ensure!(lost.is_empty(), "acknowledged is present: {} events are in no log: {named:?}", lost.len());
        Ok(())
    }

    pub(super) fn acknowledged(&self) -> usize {
        self.inner().acknowledged.len()
    }

    /// Given up with a disk; of unknown outcome; refused, by code.
    pub(super) fn others(&self) -> (u64, u64, BTreeMap<String, u64>) {
        let inner = self.inner();
        (inner.given_up, inner.unknown, inner.refused.clone())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_may_be_lost_with_a_disk() {
        let notes = Notes::default();
        for (event, durable_on) in [("b1.1-a.1.x", 1), ("b1.1-a.2.x", 2), ("b2.1-a.1.x", 1)] {
            notes.done(&json!({ "events": [event], "durable_on": durable_on }), None);
        }
        notes.lost_with("b1");
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<BTreeSet<_>>();
        assert!(notes.all_in(&names(&["b1.1-a.2.x", "b2.1-a.1.x"])).is_ok());
        let error = notes.all_in(&names(&["b2.1-a.1.x"])).unwrap_err().to_string();
        assert_eq!(error, "acknowledged is present: 1 events are in no log: [\"b1.1-a.2.x\"]");
        // Whatever all have had can't go with one disk.
        notes.all_have_all();
        notes.lost_with("b2");
        assert_eq!(notes.acknowledged(), 2);
    }
}
