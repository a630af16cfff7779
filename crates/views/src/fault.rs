//! Faults that a test plants, to show that its check finds them. They can be planted with the feature `planted-faults`
//! only, which no program that is shipped has: without it, [`Planted::is`] is always false.

/// Something that the views do wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(not(feature = "planted-faults"), allow(unreachable_pub))] // others name it to plant it
pub enum Fault {
    /// An event that comes late is folded behind all others.
    LateAtEnd,
    /// Events of one moment stay in the order in which they came.
    TieByArrival,
    /// What was superseded is applied.
    SupersededApplied,
    /// A revocation counts against what it knew as well.
    RevokesAll,
}

/// The fault that is planted, if any.
pub(crate) type Planted = hostler_model::Planted<Fault>;
