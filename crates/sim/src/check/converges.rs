//! When everything is mended, the brokers become one farm within the time that the scenario gives: the same events, the
//! same views, one master.

use super::Check;
use crate::world::World;

pub(super) struct Converges;

impl Check for Converges {
    fn name(&self) -> &'static str {
        "converges"
    }

    fn healed(&mut self, world: &mut World) -> Result<(), String> {
        match world.torn() {
            Some(why) => Err(format!("{} ms after everything was mended: {why}", world.plan.heal.within_ms)),
            None => Ok(()),
        }
    }
}
