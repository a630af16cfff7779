//! A ticket starts at most one session.

use super::Check;
use crate::world::{Fact, World};
use hostler_model::TicketId;
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Tickets(BTreeMap<TicketId, usize>);

impl Check for Tickets {
    fn name(&self) -> &'static str {
        "ticket-is-taken-once"
    }

    fn see(&mut self, _world: &mut World, fact: &Fact) -> Result<(), String> {
        let Fact::Began { host, ticket: Some(ticket), user, .. } = fact else { return Ok(()) };
        match self.0.insert(*ticket, *host) {
            Some(before) => Err(format!(
                "a ticket of {user} has started a session on h{} and another one on h{}",
                before + 1,
                host + 1
            )),
            None => Ok(()),
        }
    }
}
