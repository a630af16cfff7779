//! Views that were built step by step are those that are built from the log at once.

use super::Check;
use crate::world::World;
use hostler_log::EventLog;
use hostler_views::{Loaded, Views};
use std::ops::ControlFlow;
use std::sync::Arc;

pub(super) struct Rebuilt;

impl Check for Rebuilt {
    fn name(&self) -> &'static str {
        "rebuilt-equals-incremental"
    }

    fn healed(&mut self, world: &mut World) -> Result<(), String> {
        for at in world.members() {
            let name = world.machines[at].name();
            let machine = &mut world.machines[at];
            let Some(process) = &mut machine.process else { continue };
            let folded = process.node.views().timelines().map(|(_, t)| t.entries().len()).sum::<usize>() as u64;
            if folded != machine.disk.log.count() {
                // Something is held until its time, or was written since.
                continue;
            }
            let mut events = Vec::new();
            let _ = machine.disk.log.scan(&mut |event| {
                events.push(Arc::new(Loaded::new(&event)));
                ControlFlow::Continue(())
            });
            let mut views = Views::default();
            views.insert(events);
            if views.digest() != process.node.digest() {
                return Err(format!("{name} has other views than its log gives at once"));
            }
        }
        Ok(())
    }
}
