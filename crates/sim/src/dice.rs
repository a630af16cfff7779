//! Chance, by a seed. Every place that needs some has dice of its own, named by a label: what one place draws changes
//! nothing for another, so a plan with a fault less is otherwise the same plan.

use crate::scenario::{Range, Ratio};
use rand::distr::uniform::SampleUniform;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

/// Chance, by a seed and a label.
#[derive(Debug)]
pub struct Dice(StdRng);

impl Dice {
    /// The dice of this label in the run with this seed.
    #[must_use]
    pub fn new(seed: u64, label: &str, number: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes()).update(&number.to_le_bytes()).update(label.as_bytes());
        Self(StdRng::from_seed(*hasher.finalize().as_bytes()))
    }

    /// A number from a range.
    pub fn between<T: SampleUniform + PartialOrd + Copy>(&mut self, range: Range<T>) -> T {
        if range.0 < range.1 { self.0.random_range(range.0..=range.1) } else { range.0 }
    }

    /// True in that share of all cases.
    pub fn happens(&mut self, share: Ratio) -> bool {
        share.of > 0 && (share.of == share.out_of || self.0.random_range(0..share.out_of) < share.of)
    }

    /// One place of so many.
    pub fn index(&mut self, count: usize) -> usize {
        if count < 2 { 0 } else { self.0.random_range(0..count) }
    }

    /// One of these.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let index = self.index(of.len());
        of.get(index)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}
