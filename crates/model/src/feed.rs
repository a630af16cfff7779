//! The name of one broker's sequence of events.

use crate::BrokerId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One life of a broker's data: a broker whose disk was restored from a copy must not go on where the copy ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Incarnation {
    /// 1 for the first; a new one takes the next.
    pub ordinal: u32,
    /// Tells apart two that were opened from the same copy.
    pub random: u64,
}

/// One broker's hash-chained sequence of events in one incarnation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Feed {
    /// Whose events.
    pub broker: BrokerId,
    /// In which life.
    pub incarnation: Incarnation,
}

impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}-{:x}", self.broker.short(), self.incarnation.ordinal, self.incarnation.random)
    }
}
