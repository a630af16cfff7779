//! Random numbers that a copy of the node draws again in the same way: the library's generator can't be copied.

use rand::SeedableRng;
use rand::rngs::StdRng;

/// A seed, and how many generators were made of it.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    seed: [u8; 32],
    drawn: u64,
}

impl Random {
    /// The numbers that this seed gives.
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0 }
    }

    /// A generator for one use.
    pub(crate) fn generator(&mut self) -> StdRng {
        self.drawn += 1;
        StdRng::from_seed(*blake3::keyed_hash(&self.seed, &self.drawn.to_le_bytes()).as_bytes())
    }
}
