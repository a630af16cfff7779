//! A planned promotion loses nothing: it supersedes no event. Only judged where nothing else can have been lost: no
//! promotion without the master, and no copy of a disk.

use super::Check;
use crate::world::World;
use hostler_events::Event;
use hostler_events::payload::PromotionKind;
use hostler_views::Lane;

pub(super) struct Planned;

impl Check for Planned {
    fn name(&self) -> &'static str {
        "planned-loses-nothing"
    }

    fn healed(&mut self, world: &mut World) -> Result<(), String> {
        // What a master wrote in the future its own resume does not know.
        let held = world.marks.has("event.held");
        let copies = held || world.machines.iter().any(|m| m.is_twin || m.gone) || world.marks.has("disk.restored");
        if copies {
            return Ok(());
        }
        for at in world.members() {
            let name = world.machines[at].name();
            let Some(process) = &world.machines[at].process else { continue };
            for (_, timeline) in process.node.views().timelines() {
                let entries = timeline.entries();
                let without_master = |e: &hostler_views::Entry| match &e.loaded.event {
                    Some(Event::Promoted(p)) => matches!(p.kind, PromotionKind::Forced | PromotionKind::Automatic),
                    _ => false,
                };
                if entries.iter().any(without_master) {
                    continue;
                }
                let lost = entries.iter().find(|e| matches!(e.lane, Lane::Superseded { by: Some(_) }));
                if let Some(lost) = lost {
                    let event = lost.loaded.reference;
                    return Err(format!("{name}: {event} is superseded, although every promotion was planned"));
                }
            }
        }
        Ok(())
    }
}
