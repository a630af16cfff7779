//! Two lives of one master don't both count: one that goes on in a new incarnation says so before its first structural
//! event there, and what it wrote before and does not know is superseded by that. Everyday events may stand before it: a
//! restored disk may lack the promotion, so that the broker does not know yet that it is the master.

use super::Check;
use crate::world::World;
use hostler_events::{Class, Event};
use hostler_views::{Entry, Lane};

pub(super) struct Resumes;

impl Check for Resumes {
    fn name(&self) -> &'static str {
        "masters-resume"
    }

    fn healed(&mut self, world: &mut World) -> Result<(), String> {
        // They have the same events; one is enough, where they do.
        let Some(at) = world.members().first().copied() else { return Ok(()) };
        let Some(process) = &world.machines[at].process else { return Ok(()) };
        for (_, timeline) in process.node.views().timelines() {
            let entries = timeline.entries();
            let is_promotion = |e: &Entry| matches!(e.loaded.event, Some(Event::Promoted(_)));
            for entry in entries {
                let (epoch, feed) = (entry.key.epoch, entry.loaded.reference.feed);
                let structural = entry.loaded.header.class == Class::Structural && entry.lane == Lane::Applied;
                if !structural || epoch.broker != feed.broker || is_promotion(entry) {
                    continue;
                }
                let began = entries.iter().find(|e| is_promotion(e) && e.key.epoch == epoch);
                let earlier = began.is_some_and(|e| e.key.incarnation < feed.incarnation);
                let says_so = |e: &Entry| {
                    let at = e.loaded.reference;
                    let resumes = matches!(e.loaded.event, Some(Event::Resumed(_)));
                    resumes && e.key.epoch == epoch && at.feed == feed && at.seq <= entry.loaded.reference.seq
                };
                if earlier && !entries.iter().any(says_so) {
                    let event = entry.loaded.reference;
                    return Err(format!("{event} is applied, and its master has not said that it goes on"));
                }
            }
        }
        Ok(())
    }
}
