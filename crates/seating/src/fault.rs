//! Faults that a test plants, to show that its check finds them. They can be planted with the feature `planted-faults`
//! only, which no program that is shipped has: without it, [`Planted::is`] is always false.

/// Something that the machine of a site or of a host does wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(not(feature = "planted-faults"), allow(unreachable_pub))] // others name it to plant it
pub enum Fault {
    /// A broker counts a seat against its host for ever.
    SeatKept,
    /// A broker hands out a seat again although its session has begun.
    SeatHandedOutAgain,
    /// A broker does not look whether a user has a session.
    SessionOverlooked,
    /// A host takes more people than its hard cap.
    CapIgnored,
    /// A host takes a ticket whose session has ended.
    TicketTakenTwice,
}

/// The fault that is planted, if any.
pub(crate) type Planted = hostler_model::Planted<Fault>;
