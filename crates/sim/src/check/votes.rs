//! A vote is never taken back: whoever another broker has heard voting for one candidate never votes for another one under
//! the same number. So nobody hears of a vote that is not on its voter's disk.

use super::Check;
use crate::world::{Fact, World};
use hostler_events::Event;
use hostler_log::EventLog;
use hostler_model::BrokerId;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

#[derive(Default)]
pub(super) struct Votes(BTreeMap<(BrokerId, u64), BrokerId>);

impl Votes {
    fn look(&mut self, world: &World) -> Result<(), String> {
        for machine in &world.machines {
            let mut wrong = None;
            let _ = machine.disk.log.scan(&mut |stored| {
                if let Ok(Event::Voted(vote)) = stored.event() {
                    let voter = stored.header().feed.broker;
                    let first = *self.0.entry((voter, vote.n)).or_insert(vote.candidate);
                    if first != vote.candidate {
                        wrong = Some(format!(
                            "{voter} has voted for {first} and for {} in epoch {}",
                            vote.candidate, vote.n
                        ));
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            });
            if let Some(wrong) = wrong {
                return Err(wrong);
            }
        }
        Ok(())
    }
}

impl Check for Votes {
    fn name(&self) -> &'static str {
        "votes-are-kept"
    }

    fn see(&mut self, world: &mut World, fact: &Fact) -> Result<(), String> {
        // What is on a disk that is being lost counts as well: another broker may have heard it.
        match fact {
            Fact::DiskLost { .. } => self.look(world),
            Fact::ToldUnstored { at, event, is_vote: true } => {
                Err(format!("{} tells of its vote {event}, which is not on its disk", world.machines[*at].name()))
            }
            _ => Ok(()),
        }
    }

    fn healed(&mut self, world: &mut World) -> Result<(), String> {
        self.look(world)
    }
}
