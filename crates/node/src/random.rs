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

    /// Where this start's numbers for messages begin. An earlier start's are others: an answer to what was asked before a
    /// restart must not pass for the answer to what was asked after it.
    pub(crate) fn first_number(&self) -> u64 {
        let [a, b, c, d, e, f, ..] = *blake3::keyed_hash(&self.seed, b"numbers").as_bytes();
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    /// A generator for one use.
    pub(crate) fn generator(&mut self) -> StdRng {
        self.drawn += 1;
        StdRng::from_seed(*blake3::keyed_hash(&self.seed, &self.drawn.to_le_bytes()).as_bytes())
    }
}
