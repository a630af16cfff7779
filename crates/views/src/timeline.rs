//! One site's events in their order, with their lanes and the state that they add up to, while events come in late.

mod saved;

pub(crate) use saved::SavedSite;

use crate::fault::{Fault, Planted};
use crate::{Lane, Loaded, Note, Rules, State};
use hostler_events::{Class, EventRef, OrderKey};
use hostler_model::Feed;
use std::borrow::Cow;
use std::collections::hash_map::Entry as MapEntry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The fewest events between two checkpoints in memory: few, since of several brokers that write at once each has what the
/// others wrote late, by as much as was on the way. It is mostly not very late: so the further from the end, the wider
/// apart.
const CHECKPOINT_EVERY: usize = 16;
/// Checkpoints in memory; where there are more, every second of the older half goes.
const CHECKPOINTS: usize = 24;

/// One event in its place.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place.
    pub key: OrderKey,
    /// The event.
    pub loaded: Arc<Loaded>,
    /// What became of it.
    pub lane: Lane,
    /// What the audit says about it.
    pub notes: Vec<Note>,
}

/// One site's events in their order.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    entries: Vec<Entry>,
    index: HashMap<Feed, HashMap<u64, Arc<Loaded>>>,
    rules: Rules,
    state: State,
    /// Types and versions of events that this program can't read.
    unread: BTreeSet<(u16, u16)>,
    /// The numbers of the entries that are superseded or quarantined, in order: few, where all goes well.
    set_aside: Vec<usize>,
    /// The state before the entry with this number.
    checkpoints: BTreeMap<usize, State>,
    pub(crate) planted: Planted,
}

impl Timeline {
    /// Takes in events, in any order; those that are there already are passed over, and so is a second event in one
    /// place, which only [`Views`](crate::Views) can take in. True where the state may have changed.
    pub fn insert(&mut self, events: impl IntoIterator<Item = Arc<Loaded>>) -> bool {
        self.insert_but(events, &mut Vec::new())
    }

    /// As [`Timeline::insert`]; the second events in one place are handed back.
    pub(crate) fn insert_but(
        &mut self,
        events: impl IntoIterator<Item = Arc<Loaded>>,
        second: &mut Vec<Arc<Loaded>>,
    ) -> bool {
        let mut fresh: Vec<Arc<Loaded>> = Vec::new();
        let mut decided_anew = false;
        for loaded in events {
            match self.index.entry(loaded.reference.feed).or_default().entry(loaded.reference.seq) {
                MapEntry::Occupied(first) => {
                    if first.get().reference != loaded.reference {
                        second.push(loaded);
                    }
                    continue;
                }
                MapEntry::Vacant(place) => place.insert(loaded.clone()),
            };
            decided_anew |= self.rules.take(&self.as_it_counts(&loaded));
            if loaded.event.is_none() {
                self.unread.insert((loaded.header.kind, loaded.header.version));
            }
            fresh.push(loaded);
        }
        if fresh.is_empty() {
            return false;
        }
        let mut from = self.place(fresh);
        if decided_anew {
            // Go back to before the earliest event whose lane changes, even where it is not new.
            let changed = self.entries[..from].iter().position(|e| {
                let lane = self.rules.lane(&e.loaded);
                lane != e.lane && !(lane == Lane::Applied && e.lane == Lane::Orphaned)
            });
            from = changed.unwrap_or(from);
        }
        self.fold_from(from);
        true
    }

    /// True where some event could not be read.
    pub(crate) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// An event as the rules take it in.
    fn as_it_counts<'a>(&self, loaded: &'a Loaded) -> Cow<'a, Loaded> {
        if self.planted.is(Fault::RevokesAll) && loaded.header.class == Class::Revocation {
            let mut blind = loaded.clone();
            blind.header.frontier = None;
            return Cow::Owned(blind);
        }
        Cow::Borrowed(loaded)
    }

    /// Puts new events in their places and says which is the first.
    fn place(&mut self, fresh: Vec<Arc<Loaded>>) -> usize {
        let mut fresh: Vec<(OrderKey, Arc<Loaded>)> = fresh.into_iter().map(|l| (l.key(), l)).collect();
        // Feeds come in order, so this merges runs rather than sorting.
        fresh.sort_by_key(|(key, _)| *key);
        let Some(first) = fresh.first().map(|(key, _)| *key) else { return self.entries.len() };
        let at = if self.planted.is(Fault::LateAtEnd) {
            self.entries.len()
        } else {
            self.entries.partition_point(|e| e.key < first)
        };
        let late = at < self.entries.len();
        let fresh = fresh.into_iter();
        self.entries.extend(fresh.map(|(key, loaded)| Entry { key, loaded, lane: Lane::Applied, notes: Vec::new() }));
        if late {
            match self.planted.is(Fault::TieByArrival) {
                false => self.entries[at..].sort_by_key(|e| e.key),
                true => self.entries[at..].sort_by_key(|e| (e.key.epoch, e.key.hlc.wall)),
            }
        }
        at
    }

    /// Folds again from the checkpoint before the entry `from`.
    fn fold_from(&mut self, from: usize) {
        self.checkpoints.split_off(&(from + 1));
        let start = match self.checkpoints.last_key_value() {
            // The state at hand is the nearest where events only came at the end.
            _ if self.state.folded == from as u64 => from,
            Some((at, state)) => {
                self.state = state.clone();
                *at
            }
            None => {
                self.state = State::default();
                0
            }
        };
        self.set_aside.truncate(self.set_aside.partition_point(|at| *at < start));
        for at in start..self.entries.len() {
            let last = self.checkpoints.last_key_value().map_or(0, |(at, _)| *at);
            let apart = CHECKPOINT_EVERY.max((self.entries.len() - at) / 2);
            if at - last >= apart {
                self.checkpoints.insert(at, self.state.clone());
                self.thin_checkpoints();
            }
            let entry = &mut self.entries[at];
            entry.notes.clear();
            entry.lane = self.rules.lane(&entry.loaded);
            if self.planted.is(Fault::SupersededApplied) && matches!(entry.lane, Lane::Superseded { .. }) {
                entry.lane = Lane::Applied;
            }
            if entry.lane == Lane::Applied {
                let index = &self.index;
                let rules = &self.rules;
                let find = |r: &EventRef| index.get(&r.feed)?.get(&r.seq).filter(|l| l.reference == *r).cloned();
                entry.lane = self.state.apply(&entry.loaded, &find, &|l| rules.lane(l), &mut entry.notes);
            }
            if is_set_aside(entry.lane) {
                self.set_aside.push(at);
            }
            self.state.folded += 1;
        }
    }

    fn thin_checkpoints(&mut self) {
        if self.checkpoints.len() > CHECKPOINTS {
            let older: Vec<usize> = self.checkpoints.keys().take(CHECKPOINTS / 2).copied().collect();
            for at in older.iter().step_by(2) {
                self.checkpoints.remove(at);
            }
        }
    }

    /// What the events add up to.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Which events count.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// All events in their order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The events that are superseded or quarantined, in their order.
    pub fn set_aside(&self) -> impl Iterator<Item = &Entry> {
        self.set_aside.iter().filter_map(|at| self.entries.get(*at))
    }

    /// The event with this place in this feed.
    #[must_use]
    pub fn find(&self, feed: Feed, seq: u64) -> Option<&Arc<Loaded>> {
        self.index.get(&feed)?.get(&seq)
    }
}

fn is_set_aside(lane: Lane) -> bool {
    matches!(lane, Lane::Superseded { .. } | Lane::Quarantined { .. })
}
