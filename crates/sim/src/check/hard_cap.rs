//! No host has more sessions than its hard cap.

use super::Check;
use crate::world::{Fact, World};

pub(super) struct HardCap;

impl Check for HardCap {
    fn name(&self) -> &'static str {
        "hard-cap"
    }

    fn see(&mut self, world: &mut World, fact: &Fact) -> Result<(), String> {
        let Fact::Began { host, .. } = fact else { return Ok(()) };
        let (number, host) = (host + 1, &world.hosts[*host]);
        let (live, cap) = (host.live.len(), host.config.hard_cap as usize);
        if live > cap { Err(format!("h{number} has {live} sessions; its hard cap is {cap}")) } else { Ok(()) }
    }
}
