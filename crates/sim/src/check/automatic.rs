//! At most one automatic master for each number of an epoch; and none at all while everything is in order.

use super::Check;
use crate::world::{BLAME_MS, Fact, World};
use hostler_events::Hash;
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Automatic(BTreeMap<u64, Hash>);

impl Check for Automatic {
    fn name(&self) -> &'static str {
        "one-automatic-master"
    }

    fn see(&mut self, world: &mut World, fact: &Fact) -> Result<(), String> {
        let Fact::Promoted { epoch, hash, automatic } = fact else { return Ok(()) };
        if !automatic {
            return Ok(());
        }
        if world.calm_ms() > 2 * BLAME_MS {
            let calm_ms = world.calm_ms();
            return Err(format!("epoch {} begins automatically; nothing has been wrong for {calm_ms} ms", epoch.n));
        }
        if *self.0.entry(epoch.n).or_insert(*hash) != *hash {
            return Err(format!("epoch {} has two automatic masters", epoch.n));
        }
        if !world.marks.has("promotion.automatic") {
            world.marks.hit("promotion.automatic");
        }
        Ok(())
    }
}
