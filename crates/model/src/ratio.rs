//! Shares without floating point.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Thousandths of a whole: 1,000 is all of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PerMille(pub u16);

impl PerMille {
    /// All of it.
    pub const FULL: Self = Self(1_000);

    /// True for a share that can exist.
    #[must_use]
    pub fn is_valid(self) -> bool {
        self <= Self::FULL
    }
}

impl fmt::Display for PerMille {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} %", self.0 / 10, self.0 % 10)
    }
}
