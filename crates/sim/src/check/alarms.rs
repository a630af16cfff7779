//! Alarms about what can't be are raised only where it was done: a fork where two copies ran, nothing forged, no views
//! that differ, and no report that makes no sense.

use super::Check;
use crate::world::{Fact, World};

/// What no fault of a simulation can lead to.
const NEVER: &[&str] = &["event.forged", "views.differ", "event.unreadable"];

pub(super) struct Alarms;

impl Check for Alarms {
    fn name(&self) -> &'static str {
        "no-false-alarm"
    }

    fn see(&mut self, world: &mut World, fact: &Fact) -> Result<(), String> {
        match fact {
            Fact::Alarm { at, code, text } => {
                let copies = world.machines.iter().any(|m| m.is_twin) || world.marks.has("disk.restored");
                let false_fork = *code == "feed.forked" && !copies;
                if NEVER.contains(code) || false_fork {
                    return Err(format!("{} raises {code}: {text}", world.machines[*at].name()));
                }
                Ok(())
            }
            Fact::BadReport { host, text } => Err(format!("a report of host {host} is refused: {text}")),
            Fact::Unnoticed { what } => Err(what.clone()),
            _ => Ok(()),
        }
    }
}
