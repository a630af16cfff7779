//! The same events give the same views, in whatever order they came.

use super::Check;
use crate::world::{Fact, World};
use hostler_events::{Frontier, Hash};

/// How often it is looked at, in seconds of the simulation.
const EVERY: u64 = 5;

#[derive(Default)]
pub(super) struct SameViews {
    seconds: u64,
}

fn compare(world: &mut World) -> Result<(), String> {
    let mut seen: Vec<(Frontier, Hash, usize)> = Vec::new();
    for at in 0..world.machines.len() {
        if world.machines[at].older {
            continue;
        }
        let Some(process) = &mut world.machines[at].process else { continue };
        let (folded, digest) = (process.node.folded().clone(), process.node.digest());
        if let Some((.., other)) = seen.iter().find(|(f, d, _)| *f == folded && *d != digest) {
            let (a, b) = (world.machines[*other].name(), world.machines[at].name());
            return Err(format!("{a} and {b} have folded the same events and have different views"));
        }
        seen.push((folded, digest, at));
    }
    Ok(())
}

impl Check for SameViews {
    fn name(&self) -> &'static str {
        "same-events-same-views"
    }

    fn see(&mut self, world: &mut World, fact: &Fact) -> Result<(), String> {
        if !matches!(fact, Fact::Second) {
            return Ok(());
        }
        self.seconds += 1;
        if self.seconds.is_multiple_of(EVERY) { compare(world) } else { Ok(()) }
    }

    fn healed(&mut self, world: &mut World) -> Result<(), String> {
        compare(world)
    }
}
