//! The numbers of epochs count up: a promotion has a higher one than every promotion that it knew.

use super::Check;
use crate::world::World;
use hostler_events::Event;
use hostler_views::Entry;

pub(super) struct Epochs;

impl Check for Epochs {
    fn name(&self) -> &'static str {
        "epochs-count-up"
    }

    fn healed(&mut self, world: &mut World) -> Result<(), String> {
        // They have the same events; one is enough, where they do.
        let Some(at) = world.members().first().copied() else { return Ok(()) };
        let Some(process) = &world.machines[at].process else { return Ok(()) };
        for (_, timeline) in process.node.views().timelines() {
            let promoted = |e: &&Entry| matches!(e.loaded.event, Some(Event::Promoted(_)));
            let promotions: Vec<&Entry> = timeline.entries().iter().filter(promoted).collect();
            for later in &promotions {
                let knew = |e: &&&Entry| {
                    let known = later.loaded.header.frontier.as_ref();
                    let r = e.loaded.reference;
                    r != later.loaded.reference && known.is_some_and(|f| f.contains(&r.feed, r.seq))
                };
                if let Some(earlier) = promotions.iter().filter(knew).find(|e| e.key.epoch.n >= later.key.epoch.n) {
                    return Err(format!(
                        "the promotion {} begins epoch {}, and knew one of epoch {}",
                        later.loaded.reference, later.key.epoch.n, earlier.key.epoch.n
                    ));
                }
            }
        }
        Ok(())
    }
}
