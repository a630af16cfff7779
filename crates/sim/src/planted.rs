//! Faults that a scenario of the folder `negative` plants: each a small change in the behaviour of a real machine, by its
//! name. Only builds with the feature `planted-faults` can plant any.

use hostler_node::Node;
use hostler_seating::{Admission, Site};

/// A planted fault: its place in [`NAMES`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Planted(usize);

/// True where this build can plant faults.
pub const CAN_PLANT: bool = cfg!(feature = "planted-faults");

/// All names.
pub const NAMES: &[&str] = &["stale_home"];

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
pub(crate) fn plant(_planted: Option<Planted>, _node: &mut Node, _site: &mut Site) {}

/// Into the machine of an agent.
pub(crate) fn plant_agent(_planted: Option<Planted>, _agent: &mut Admission) {}
