//! A disabled broker seats nobody: not after it knows that it is disabled.

use super::Check;
use crate::world::{Fact, World};

/// What was asked before is answered within this time, in ms.
const GRACE_MS: u64 = 1_000;

pub(super) struct Disabled;

impl Check for Disabled {
    fn name(&self) -> &'static str {
        "disabled-seats-nobody"
    }

    fn see(&mut self, world: &mut World, fact: &Fact) -> Result<(), String> {
        let Fact::Seated { by, disabled_since: Some(since) } = fact else { return Ok(()) };
        let known_ms = world.now_ms - since;
        if known_ms <= GRACE_MS {
            return Ok(());
        }
        Err(format!(
            "{} has known for {known_ms} ms that it is disabled, and seats somebody",
            world.machines[*by].name()
        ))
    }
}
