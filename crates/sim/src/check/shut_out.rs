//! Who must not decide does not: a broker that was removed, one that has met an event that it can't read, and one whose
//! clock is far ahead of all others. Each may take a moment to notice.

use super::Check;
use crate::world::{Fact, World};
use hostler_events::{Class, EventRef};
use hostler_model::limits::CLOCK_REFUSE_AHEAD_MS;
use std::collections::BTreeMap;

/// How long it may take, in ms: what was asked before is answered within this time.
const GRACE_MS: u64 = 6_000;
/// How much further a clock must be ahead, in ms: brokers see each other's through the network.
const MARGIN_MS: u64 = 2_000;

#[derive(Default)]
pub(super) struct ShutOut {
    /// Since when, and why.
    since: BTreeMap<usize, (u64, &'static str)>,
}

/// Why a broker must not decide now.
fn reason(world: &World, at: usize) -> Option<&'static str> {
    let process = world.machines[at].process.as_ref()?;
    if process.node.removal().is_some() {
        return Some("was removed");
    }
    if process.node.views().halted_by().is_some() {
        return Some("has an event that it can't read");
    }
    let wall = |at: usize| world.machines[at].now(world.now_ms).wall.0;
    let others = || (0..world.machines.len()).filter(|other| *other != at && !world.machines[*other].gone);
    let far = |other: usize| wall(at) > wall(other) + CLOCK_REFUSE_AHEAD_MS + MARGIN_MS;
    // Only while all others can be asked what time it is.
    let ahead = world.calm_ms() > 0 && others().count() > 0 && others().all(far);
    ahead.then_some("has a clock that is far ahead")
}

impl Check for ShutOut {
    fn name(&self) -> &'static str {
        "shut-out-decides-nothing"
    }

    fn see(&mut self, world: &mut World, fact: &Fact) -> Result<(), String> {
        match fact {
            Fact::Second => {
                for at in 0..world.machines.len() {
                    match (reason(world, at), self.since.get(&at)) {
                        (Some(why), Some((_, before))) if why == *before => {}
                        (Some(why), _) => drop(self.since.insert(at, (world.now_ms, why))),
                        (None, _) => drop(self.since.remove(&at)),
                    }
                }
                Ok(())
            }
            Fact::Acknowledged { at, events, .. } => {
                let Some((since, why)) = self.since.get(at).filter(|(since, _)| world.now_ms - since > GRACE_MS) else {
                    return Ok(());
                };
                if reason(world, *at) != Some(why) {
                    // It has been put right within this second.
                    return Ok(());
                }
                let machine = &world.machines[*at];
                let own = |e: &EventRef| {
                    let written = || machine.disk.event(e).is_some_and(|e| e.header().class != Class::Revocation);
                    e.feed.broker == machine.id && written()
                };
                match events.iter().find(|e| own(e)) {
                    Some(event) => {
                        Err(format!("{} {why}, for {} ms, and writes {event}", machine.name(), world.now_ms - since))
                    }
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}
