//! A mastership's identity.

use crate::{BrokerId, Hlc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The triple of the promotion that started a mastership. All three parts take part in every comparison: two
/// promotions may have the same number, in two halves of a network.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Epoch {
    /// One more than the highest that the promoted broker knew.
    pub n: u64,
    /// When the promotion was authored.
    pub hlc: Hlc,
    /// Who was promoted, and by that became the author.
    pub broker: BrokerId,
}

impl Epoch {
    /// Before any promotion was seen.
    pub const NONE: Self = Self { n: 0, hlc: Hlc { wall: crate::Wall(0), counter: 0 }, broker: BrokerId([0; 16]) };
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.n, self.broker.short())
    }
}
