//! A superseded event is never applied and always listed, with what superseded it. The rules once more, in the design's
//! words and without any care for speed. Of what is quarantined it is only looked at whether its revocation or removal did
//! not know it; that and orphans are left to the views' own tests.

use super::Check;
use crate::world::World;
use hostler_events::{Class, Event, EventRef, Frontier};
use hostler_views::{Entry, Lane};

pub(super) struct Superseded;

impl Check for Superseded {
    fn name(&self) -> &'static str {
        "superseded-is-listed"
    }

    fn healed(&mut self, world: &mut World) -> Result<(), String> {
        for at in world.members() {
            let name = world.machines[at].name();
            let Some(process) = &world.machines[at].process else { continue };
            let mut marks = Vec::new();
            for (_, timeline) in process.node.views().timelines() {
                let entries = timeline.entries();
                // Quarantined promotions do not count; which those are, the views say.
                let effective = effective(entries);
                for entry in entries {
                    match entry.lane {
                        Lane::Superseded { .. } if is_promotion(entry) => marks.push("epoch.superseded"),
                        Lane::Superseded { .. } => marks.push("event.superseded"),
                        Lane::Quarantined { .. } => marks.push("event.quarantined"),
                        Lane::Orphaned => marks.push("event.orphaned"),
                        Lane::Applied => {}
                    }
                    if let Some(wrong) = wrong(entries, &effective, entry) {
                        return Err(format!("{name}: {wrong}"));
                    }
                }
            }
            marks.into_iter().for_each(|mark| world.marks.hit(mark));
        }
        Ok(())
    }
}

fn is_promotion(entry: &Entry) -> bool {
    matches!(entry.loaded.event, Some(Event::Promoted(_)))
}

/// The promotions that count, the highest first.
fn effective(entries: &[Entry]) -> Vec<&Entry> {
    let mut effective: Vec<&Entry> = Vec::new();
    for promotion in entries.iter().rev().filter(|e| is_promotion(e)) {
        let aside = matches!(promotion.lane, Lane::Quarantined { .. });
        // A promotion whose author knew of its own removal does not count either; the views' lane says so.
        let by_itself = matches!(promotion.lane, Lane::Superseded { by: None });
        if !aside && !by_itself && effective.iter().all(|above| knows(above, &promotion.loaded.reference)) {
            effective.push(promotion);
        }
    }
    effective
}

fn knows(entry: &Entry, reference: &EventRef) -> bool {
    let none = Frontier::default();
    entry.loaded.header.frontier.as_ref().unwrap_or(&none).contains(&reference.feed, reference.seq)
}

fn wrong(entries: &[Entry], effective: &[&Entry], entry: &Entry) -> Option<String> {
    if entry.loaded.header.class != Class::Structural {
        return match entry.lane {
            Lane::Superseded { .. } => Some(format!("{} is not structural, and superseded", entry.loaded.reference)),
            Lane::Quarantined { by } => {
                let reference = &entry.loaded.reference;
                let knew = entries.iter().any(|e| e.loaded.reference == by && knows(e, reference));
                knew.then(|| format!("{reference} is quarantined by {by}, which knew it"))
            }
            _ => None,
        };
    }
    let reference = &entry.loaded.reference;
    let lacked = effective.iter().find(|p| p.key.epoch > entry.key.epoch && !knows(p, reference));
    match (entry.lane, lacked) {
        (Lane::Applied, Some(by)) => {
            Some(format!("{reference} is applied, although epoch {} does not know it", by.key.epoch.n))
        }
        (Lane::Quarantined { by }, _) if entries.iter().any(|e| e.loaded.reference == by && knows(e, reference)) => {
            Some(format!("{reference} is quarantined by {by}, which knew it"))
        }
        (Lane::Superseded { by: Some(by) }, _) if !entries.iter().any(|e| e.loaded.reference == by) => {
            Some(format!("{reference} is superseded by {by}, which nobody has"))
        }
        _ => None,
    }
}
