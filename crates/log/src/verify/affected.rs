//! What hangs on a bad event.

use super::{Fault, Finding};
use hostler_events::{EventRef, Header, StoredEvent};
use hostler_model::Thing;
use std::collections::BTreeSet;

/// Events and things that are named; beyond that they are only counted.
pub const SHOWN: usize = 20;

/// What hangs on a bad event: what its author wrote behind it, and whoever had seen it or edited what it had written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Affected {
    /// The first such events, in the order of time.
    pub events: Vec<EventRef>,
    /// How many such events there are.
    pub event_count: u64,
    /// The first things that the bad event, where it can be read, and these events touch.
    pub things: Vec<Thing>,
    /// How many such things there are.
    pub thing_count: u64,
}

impl Affected {
    pub(super) fn by(events: &[StoredEvent], finding: &Finding) -> Self {
        let mut hanging: Vec<&StoredEvent> = events.iter().filter(|e| hangs(e.header(), finding)).collect();
        hanging.sort_by_key(|e| (e.header().hlc, e.header().feed, e.header().seq));
        let bad = events.iter().filter(|e| e.header().feed == finding.feed && e.header().seq == finding.seq);
        let touched = bad.chain(hanging.iter().copied()).flat_map(|e| e.header().touches.iter().copied());
        let things: BTreeSet<Thing> = touched.collect();
        Self {
            events: hanging.iter().take(SHOWN).map(|e| e.reference()).collect(),
            event_count: hanging.len() as u64,
            thing_count: things.len() as u64,
            things: things.into_iter().take(SHOWN).collect(),
        }
    }
}

fn hangs(header: &Header, finding: &Finding) -> bool {
    let Finding { feed, seq, .. } = finding;
    let behind = header.feed == *feed && header.seq > *seq;
    let saw = header.frontier.as_ref().is_some_and(|f| f.contains(feed, *seq));
    let edited = header.bases.iter().flatten().any(|b| b.feed == *feed && b.seq == *seq);
    let known = matches!(finding.fault, Fault::NotHere { known_to } if known_to.feed == header.feed && known_to.seq == header.seq);
    behind || saw || edited || known
}
