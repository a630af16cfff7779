//! What a broker tells the others of is on its disk: what is told and lost could be written again, as something else.

use super::Check;
use crate::world::{Fact, World};

pub(super) struct Told;

impl Check for Told {
    fn name(&self) -> &'static str {
        "told-is-stored"
    }

    fn see(&mut self, world: &mut World, fact: &Fact) -> Result<(), String> {
        match fact {
            Fact::ToldUnstored { at, event, is_vote: false } => {
                Err(format!("{} tells of {event}, which is not on its disk", world.machines[*at].name()))
            }
            _ => Ok(()),
        }
    }
}
