//! Nothing counts before its time: no broker has an event in its views whose time is further ahead of its own clock, and
//! of most of the brokers' clocks, than events are held for.

use super::Check;
use crate::world::{Fact, World};
use hostler_model::limits::HELD_AHEAD_MS;
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Future {
    /// The latest that each machine's clock has ever shown.
    latest: BTreeMap<usize, u64>,
    /// How far most of the clocks have ever been ahead of the run's time, in ms, at least: a broker whose clock is set
    /// back goes by them, and, alone, by what they showed last.
    most: u64,
}

impl Check for Future {
    fn name(&self) -> &'static str {
        "nothing-from-the-future"
    }

    fn see(&mut self, world: &mut World, fact: &Fact) -> Result<(), String> {
        match fact {
            // A clock that is set back had shown this before.
            Fact::ClockJumps { at, showed } => {
                let latest = self.latest.entry(*at).or_default();
                *latest = (*latest).max(*showed);
                return Ok(());
            }
            Fact::Second => {}
            _ => return Ok(()),
        }
        let mut shown: Vec<u64> = world.machines.iter().map(|machine| machine.now(world.now_ms).wall.0).collect();
        shown.sort_unstable_by(|a, b| b.cmp(a));
        let most = shown.get(shown.len() / 2).copied().unwrap_or(0);
        self.most = self.most.max(most.saturating_sub(world.now_ms));
        let most = self.most + world.now_ms;
        for (at, machine) in world.machines.iter().enumerate() {
            let wall = machine.now(world.now_ms).wall.0;
            let latest = self.latest.entry(at).or_default();
            *latest = (*latest).max(wall);
            let Some(process) = &machine.process else { continue };
            for (_, timeline) in process.node.views().timelines() {
                // The order begins with the epoch, so this is not always the latest; most of the time it is.
                let Some(last) = timeline.entries().last() else { continue };
                let ahead_ms = last.key.hlc.wall.0.saturating_sub(most.max(*latest));
                if ahead_ms > HELD_AHEAD_MS {
                    let (name, event) = (machine.name(), last.loaded.reference);
                    return Err(format!(
                        "{name} counts {event}, which is {ahead_ms} ms ahead of its clock, and of most"
                    ));
                }
            }
        }
        Ok(())
    }
}
