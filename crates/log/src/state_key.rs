//! What a broker must not forget and what is no event.

use std::fmt;

/// The names of the small durable values. Names that are on disks are never used for something else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum StateKey {
    /// The incarnation in which this broker authors.
    Incarnation,
    /// Which votes this broker gave: on the disk before they are sent.
    Votes,
    /// The greatest hybrid time that this broker gave out or saw.
    Clock,
    /// Which site this broker belongs to, and how it finds the others before it has their events.
    Membership,
}

impl StateKey {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Incarnation, Self::Votes, Self::Clock, Self::Membership];

    /// The name under which it is stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Incarnation => "incarnation",
            Self::Votes => "votes",
            Self::Clock => "clock",
            Self::Membership => "membership",
        }
    }
}

impl fmt::Display for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
