//! What was acknowledged is there after the healing: on one disk it survives a restart, on two the loss of one. And the
//! number of disks in the answer is true.

use super::Check;
use crate::world::{Fact, World};
use hostler_events::EventRef;
use std::collections::{BTreeMap, BTreeSet};

/// How long it may take from a disk to the answer that counts it, in ms.
const ON_THE_WAY_MS: u64 = 2_000;

#[derive(Default)]
pub(super) struct Acknowledged {
    /// On which machines' disks each was when it was acknowledged, and still is.
    kept: BTreeMap<EventRef, BTreeSet<usize>>,
    /// When disks were lost.
    lost: Vec<u64>,
}

fn has(world: &World, at: usize, event: &EventRef) -> bool {
    world.machines[at].disk.event(event).is_some()
}

impl Check for Acknowledged {
    fn name(&self) -> &'static str {
        "acknowledged-is-kept"
    }

    fn see(&mut self, world: &mut World, fact: &Fact) -> Result<(), String> {
        match fact {
            Fact::Acknowledged { at, events, durable_on } => {
                for event in events {
                    let holders: BTreeSet<usize> =
                        (0..world.machines.len()).filter(|m| has(world, *m, event)).collect();
                    // Whoever said that it has it may have lost its disk since.
                    let lost = self.lost.iter().filter(|at| world.now_ms - **at <= ON_THE_WAY_MS).count();
                    if ((holders.len() + lost) as u32) < *durable_on {
                        let name = world.machines[*at].name();
                        return Err(format!(
                            "{name} answered that {event} is durable on {durable_on} disks; it is on {}",
                            holders.len()
                        ));
                    }
                    self.kept.insert(*event, holders);
                }
            }
            Fact::DiskLost { at } => {
                self.lost.push(world.now_ms);
                for holders in self.kept.values_mut() {
                    // Whoever got it later keeps it as well.
                    holders.remove(at);
                }
                let gone: Vec<EventRef> = self.kept.iter().filter(|(_, h)| h.is_empty()).map(|(e, _)| *e).collect();
                for event in gone {
                    let others = (0..world.machines.len()).filter(|m| m != at && has(world, *m, &event));
                    let others: BTreeSet<usize> = others.collect();
                    if others.is_empty() {
                        self.kept.remove(&event);
                    } else {
                        self.kept.insert(event, others);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn healed(&mut self, world: &mut World) -> Result<(), String> {
        let members: Vec<usize> = world.members();
        for (event, holders) in &self.kept {
            // What a broker alone had when it was removed stays with it, until it comes back.
            if !holders.iter().any(|at| members.contains(at)) {
                continue;
            }
            for at in &members {
                if !has(world, *at, event) {
                    return Err(format!(
                        "{event} was acknowledged, and {} does not have it",
                        world.machines[*at].name()
                    ));
                }
            }
        }
        Ok(())
    }
}
