//! Faults that a scenario of the folder `negative` plants: each a small change in the behaviour of a real machine, by its
//! name. Only builds with the feature `planted-faults` can plant any.

#[cfg(feature = "planted-faults")]
mod place;

use hostler_node::Node;
use hostler_seating::{Admission, Site};

/// A planted fault: its place in [`NAMES`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Planted(usize);

/// True where this build can plant faults.
pub const CAN_PLANT: bool = cfg!(feature = "planted-faults");

/// All names.
pub const NAMES: &[&str] = &[
    "answered_unstored",
    "cap_ignored",
    "clock_ahead_ignored",
    "epoch_reused",
    "forgot_but_votes",
    "frontier_short",
    "future_folded",
    "halt_ignored",
    "heads_ignored",
    "incarnation_reused",
    "late_at_end",
    "no_majority",
    "one_disk_too_many",
    "removal_ignored",
    "resume_unwritten",
    "revokes_all",
    "seal_ignored",
    "seat_handed_out_again",
    "seat_kept",
    "sent_unstored",
    "session_overlooked",
    "stale_home",
    "stored_said_early",
    "superseded_applied",
    "ticket_taken_twice",
    "tie_by_arrival",
    "too_early",
    "vote_sent_unstored",
    "voted_twice",
];

/// The fault of this name.
#[must_use]
pub fn find(name: &str) -> Option<Planted> {
    NAMES.iter().position(|n| *n == name).filter(|_| CAN_PLANT).map(Planted)
}

/// True where it is this one.
pub(crate) fn is(planted: Option<Planted>, name: &str) -> bool {
    planted.is_some_and(|p| NAMES[p.0] == name)
}

/// Into the machines of a broker.
#[cfg_attr(not(feature = "planted-faults"), allow(unused_variables))] // there is nothing to plant then
pub(crate) fn plant(planted: Option<Planted>, node: &mut Node, site: &mut Site) {
    #[cfg(feature = "planted-faults")]
    match planted.and_then(|p| place::of(NAMES[p.0])) {
        Some(place::Place::Node(fault)) => node.plant(fault),
        Some(place::Place::Views(fault)) => node.plant_in_views(fault),
        Some(place::Place::Seating(fault)) => site.plant(fault),
        None => {}
    }
}

/// Into the machine of an agent.
#[cfg_attr(not(feature = "planted-faults"), allow(unused_variables))] // there is nothing to plant then
pub(crate) fn plant_agent(planted: Option<Planted>, agent: &mut Admission) {
    #[cfg(feature = "planted-faults")]
    if let Some(place::Place::Seating(fault)) = planted.and_then(|p| place::of(NAMES[p.0])) {
        agent.plant(fault);
    }
}
