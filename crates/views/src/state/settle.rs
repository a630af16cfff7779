//! Superseded and quarantined events that an administrator settled.

use super::{Find, LaneOf, State};
use crate::records::Settlement;
use crate::{Lane, Loaded, Note};
use hostler_events::{Event, EventRef};

impl State {
    pub(super) fn settle(
        &mut self,
        loaded: &Loaded,
        target: EventRef,
        reapplied: bool,
        find: Find<'_>,
        lane_of: LaneOf<'_>,
        notes: &mut Vec<Note>,
    ) {
        // What stands behind it in the order can't have been seen by its author.
        let Some(found) = find(&target).filter(|f| f.key() < loaded.key()) else {
            return notes.push(Note::SettledNothing);
        };
        let mastership = found.event.as_ref().is_some_and(decides_mastership);
        let waits = !matches!(lane_of(&found), Lane::Applied) && !mastership;
        if self.settled.contains_key(&target) || !waits {
            return notes.push(Note::SettledNothing);
        }
        self.settled.insert(target, Settlement { reapplied, by: loaded.reference });
        if !reapplied {
            return;
        }
        self.fold_or_wait(&found, notes);
        // What waited for it may be applied now, and what waited for that.
        let mut waiting = std::mem::take(&mut self.orphans);
        loop {
            let before = waiting.len();
            for reference in std::mem::take(&mut waiting) {
                match find(&reference) {
                    Some(orphan) if self.fold_unless_orphan(&orphan, notes) => {}
                    _ => waiting.push(reference),
                }
            }
            if waiting.len() == before {
                break;
            }
        }
        self.orphans = waiting;
    }

    fn fold_or_wait(&mut self, loaded: &Loaded, notes: &mut Vec<Note>) {
        if !self.fold_unless_orphan(loaded, notes) {
            self.orphans.push(loaded.reference);
        }
    }

    /// False where it is an orphan still.
    fn fold_unless_orphan(&mut self, loaded: &Loaded, notes: &mut Vec<Note>) -> bool {
        let Some(event) = &loaded.event else { return true };
        let touches = event.touches();
        let orphan = self.is_orphan(loaded, event, &touches);
        if !orphan {
            self.fold(loaded, event, &touches, notes);
        }
        !orphan
    }
}

/// What an event settles, and whether it counts after all.
pub(super) fn settles(event: &Event) -> Option<(EventRef, bool)> {
    match event {
        Event::Reapplied(e) => Some((e.event, true)),
        Event::Discarded(e) => Some((e.event, false)),
        _ => None,
    }
}

/// True for promotions, seals and votes. What they decided was decided then: it can't come about later.
pub(crate) fn decides_mastership(event: &Event) -> bool {
    matches!(event, Event::Promoted(_) | Event::Sealed(_) | Event::Voted(_))
}
