//! Superseded and quarantined events: what was kept instead of lost, and what became of it.

use crate::state::decides_mastership;
use crate::{Lane, Loaded, Settlement, Timeline};
use std::sync::Arc;

/// A superseded or quarantined event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetAside {
    /// The event.
    pub loaded: Arc<Loaded>,
    /// Superseded or quarantined, and by what.
    pub lane: Lane,
    /// How it was settled; `None` while it waits.
    pub settled: Option<Settlement>,
    /// False for promotions, seals and votes, and what only settles others: they are shown, and nothing can be done
    /// about them.
    pub can_be_settled: bool,
}

impl SetAside {
    /// True where an administrator should decide about it.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.can_be_settled && self.settled.is_none()
    }
}

/// All superseded and quarantined events of a site, in their order.
#[must_use]
pub fn set_aside(timeline: &Timeline) -> Vec<SetAside> {
    let settled = &timeline.state().settled;
    timeline
        .set_aside()
        .map(|e| SetAside {
            loaded: e.loaded.clone(),
            lane: e.lane,
            settled: settled.get(&e.loaded.reference).copied(),
            can_be_settled: can_be_settled(&e.loaded),
        })
        .collect()
}

/// True for an event that can be re-applied or discarded once it is superseded or quarantined.
#[must_use]
pub fn can_be_settled(loaded: &Loaded) -> bool {
    use hostler_events::Event;
    let settles = matches!(loaded.event, Some(Event::Reapplied(_) | Event::Discarded(_)));
    !settles && !loaded.event.as_ref().is_some_and(decides_mastership)
}
