//! At most one automatic master for each number of an epoch.

use super::Check;
use crate::world::{Fact, World};
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
        if *self.0.entry(epoch.n).or_insert(*hash) != *hash {
            return Err(format!("epoch {} has two automatic masters", epoch.n));
        }
        if !world.marks.has("promotion.automatic") {
            world.marks.hit("promotion.automatic");
        }
        Ok(())
    }
}
