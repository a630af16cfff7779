//! No disk has a gap in a feed, a broken chain or a wrong signature: the check that `hostler log verify` makes.

use super::Check;
use crate::world::World;
use hostler_log::EventLog;
use hostler_log::verify::Verifier;
use std::ops::ControlFlow;

pub(super) struct Feeds;

impl Check for Feeds {
    fn name(&self) -> &'static str {
        "feeds-have-no-gap"
    }

    fn healed(&mut self, world: &mut World) -> Result<(), String> {
        // They have the same events; one is enough, where they do.
        let Some(at) = world.members().first().copied() else { return Ok(()) };
        let machine = &world.machines[at];
        let mut verifier = Verifier::new(crate::world::broker_id, Some(machine.disk.log.heads()));
        let scanned = machine.disk.log.scan(&mut |event| {
            verifier.take(Some((event.header().feed, event.header().seq)), event.bytes().clone());
            ControlFlow::Continue(())
        });
        scanned.map_err(|error| error.to_string())?;
        let mut examined = verifier.finish();
        let signatures = examined.check_signatures(0..examined.events().len());
        match examined.conclude(signatures).first() {
            Some(finding) => Err(format!("the log of {}: {finding}", machine.name())),
            None => Ok(()),
        }
    }
}
