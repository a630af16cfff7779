//! A site's timeline in a stored form: what was decided and what it adds up to, without the events themselves.

use super::{Entry, Timeline, is_set_aside};
use crate::{Lane, Loaded, Note, Rules, SavedViewsError, State};
use hostler_events::{EventRef, OrderKey};
use hostler_model::{Feed, SiteId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A site's timeline at some moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct SavedSite {
    pub(crate) site: SiteId,
    rules: Rules,
    state: State,
    /// Types and versions of events that could not be read.
    pub(crate) unread: BTreeSet<(u16, u16)>,
    /// The last event of each feed. All before it are covered as well.
    pub(crate) heads: Vec<EventRef>,
    /// The order of the events: so many of the feed with this number, and so on. Empty where a feed is not in the order
    /// itself, which only a broken clock brings about.
    runs: Vec<(usize, u32)>,
    /// The lanes that are not `Applied`, by the event's number in the order.
    lanes: Vec<(usize, Lane)>,
    notes: Vec<(usize, Vec<Note>)>,
}

impl SavedSite {
    /// How many events it covers.
    pub(crate) fn events(&self) -> u64 {
        self.heads.iter().map(|h| h.seq).sum()
    }
}

impl Timeline {
    /// The timeline in a stored form. `None` where that can't be: a feed has a gap, as events that are held leave it.
    pub(crate) fn save(&self, site: SiteId) -> Option<SavedSite> {
        // Each feed, its last event's place in it, and that event's number in the order.
        let mut ends: Vec<(Feed, u64, usize)> = Vec::new();
        let mut last: Option<(Feed, usize)> = None;
        let mut runs: Vec<(usize, u32)> = Vec::new();
        let (mut lanes, mut notes) = (Vec::new(), Vec::new());
        let mut is_in_order = true;
        for (at, entry) in self.entries.iter().enumerate() {
            // From the key, which stands in the entry itself: with a million events that is what takes the time.
            let OrderKey { broker, incarnation, seq, .. } = entry.key;
            let feed = Feed { broker, incarnation };
            let same = last.filter(|(f, _)| *f == feed);
            let number = same.map_or_else(|| find(&mut ends, feed), |(_, number)| number);
            last = Some((feed, number));
            let (_, end, end_at) = ends.get_mut(number)?;
            is_in_order &= seq == *end + 1;
            if seq > *end {
                (*end, *end_at) = (seq, at);
            }
            match runs.last_mut() {
                Some((before, count)) if *before == number => *count += 1,
                _ => runs.push((number, 1)),
            }
            if entry.lane != Lane::Applied {
                lanes.push((at, entry.lane));
            }
            if !entry.notes.is_empty() {
                notes.push((at, entry.notes.clone()));
            }
        }
        if ends.iter().map(|(_, end, _)| end).sum::<u64>() != self.entries.len() as u64 {
            return None;
        }
        if !is_in_order {
            runs.clear();
        }
        let heads = ends.iter().map(|(_, _, at)| self.entries[*at].loaded.reference).collect();
        let (rules, state, unread) = (self.rules.clone(), self.state.clone(), self.unread.clone());
        Some(SavedSite { site, rules, state, unread, heads, runs, lanes, notes })
    }

    /// The timeline as it was saved. `feeds` has, for each feed, its events from the first on, in order; those that are
    /// covered are taken out.
    pub(crate) fn restore(
        saved: SavedSite,
        feeds: &mut BTreeMap<Feed, std::vec::IntoIter<Arc<Loaded>>>,
    ) -> Result<Self, SavedViewsError> {
        let SavedSite { site, rules, state, unread, heads, runs, lanes, notes } = saved;
        let folded = usize::try_from(state.folded).unwrap_or(usize::MAX);
        let mut covered = Vec::with_capacity(heads.len());
        for head in &heads {
            let other = || SavedViewsError::OtherLog { feed: head.feed, seq: head.seq };
            let events = feeds.get_mut(&head.feed).ok_or_else(other)?;
            let count = usize::try_from(head.seq).map_err(|_| other())?;
            let fits = |e: &Arc<Loaded>| e.reference == *head && e.header.site == site;
            // In order and without doubles, so the event with this number is in this place only if none is missing.
            if !count.checked_sub(1).and_then(|at| events.as_slice().get(at)).is_some_and(fits) {
                return Err(other());
            }
            covered.push(events.by_ref().take(count).collect::<Vec<_>>().into_iter());
        }
        let mut timeline = Self { rules, state, unread, ..Self::default() };
        timeline.entries.reserve_exact(folded.min(covered.iter().map(ExactSizeIterator::len).sum()));
        for head in &heads {
            timeline.index.entry(head.feed).or_default().reserve(usize::try_from(head.seq).unwrap_or(0));
        }
        let is_sorted = !runs.is_empty();
        let runs = if is_sorted { runs } else { (0..).map(|n| (n, u32::MAX)).take(covered.len()).collect() };
        for (number, count) in runs {
            let events = covered
                .get_mut(number)
                .ok_or(SavedViewsError::Damaged("its order names a feed that it does not have"))?;
            let Some(first) = events.as_slice().first() else { continue };
            let places = timeline.index.entry(first.reference.feed).or_default();
            for loaded in events.take(usize::try_from(count).unwrap_or(usize::MAX)) {
                places.insert(loaded.reference.seq, loaded.clone());
                let (key, lane, notes) = (loaded.key(), Lane::Applied, Vec::new());
                timeline.entries.push(Entry { key, loaded, lane, notes });
            }
        }
        if timeline.entries.len() != folded || covered.iter().any(|rest| rest.len() > 0) {
            return Err(SavedViewsError::Damaged("its order is not that of its events"));
        }
        if !is_sorted {
            timeline.entries.sort_by_key(|e| e.key);
        } else if !timeline.entries.is_sorted_by_key(|e| e.key) {
            return Err(SavedViewsError::Damaged("its order is not that of its events"));
        }
        let no_event = SavedViewsError::Damaged("it says what became of an event that it does not have");
        for (at, lane) in lanes {
            timeline.entries.get_mut(at).ok_or(no_event)?.lane = lane;
            if is_set_aside(lane) {
                timeline.set_aside.push(at);
            }
        }
        for (at, notes) in notes {
            timeline.entries.get_mut(at).ok_or(no_event)?.notes = notes;
        }
        // What comes late, but behind this, need not go back further.
        timeline.checkpoints.insert(folded, timeline.state.clone());
        Ok(timeline)
    }
}

/// The number of a feed, which is a new one where it has none yet. Feeds are few, and follow one another.
fn find(ends: &mut Vec<(Feed, u64, usize)>, feed: Feed) -> usize {
    ends.iter().position(|(f, ..)| *f == feed).unwrap_or_else(|| {
        ends.push((feed, 0, 0));
        ends.len() - 1
    })
}
