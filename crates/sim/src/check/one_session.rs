//! One session for a user and an item, where the policy says so, while the brokers agree on who is alive and nothing has
//! been wrong for a while.

use super::Check;
use crate::world::{BLAME_MS, Fact, World};

pub(super) struct OneSession;

impl Check for OneSession {
    fn name(&self) -> &'static str {
        "one-session"
    }

    fn see(&mut self, world: &mut World, fact: &Fact) -> Result<(), String> {
        let Fact::Began { user, item, .. } = fact else { return Ok(()) };
        let per_item = world.plan.cluster.per_item;
        let is = |s: &hostler_seating::FoundSession| !per_item || s.item == Some(*item);
        let on: Vec<String> = world
            .hosts
            .iter()
            .enumerate()
            .filter(|(_, h)| h.live.of(user).any(is))
            .map(|(n, _)| format!("h{}", n + 1))
            .collect();
        if on.len() > 1 && world.calm_ms() > 2 * BLAME_MS {
            return Err(format!("{user} has sessions for one item on {}", on.join(" and ")));
        }
        Ok(())
    }
}
