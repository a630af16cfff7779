//! The hash tables of the machine: keyed by its seed, so that nobody outside can make entries collide, and yet the same
//! in two runs with the same seed.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hasher};

/// Builds hashers that have taken in the seed first.
#[derive(Clone, Debug)]
pub(super) struct Seeded(DefaultHasher);

impl Seeded {
    pub(super) fn new(seed: &[u8; 32]) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(seed);
        Self(hasher)
    }
}

impl BuildHasher for Seeded {
    type Hasher = DefaultHasher;
    fn build_hasher(&self) -> DefaultHasher {
        self.0.clone()
    }
}

/// Takes the first eight bytes of an id as its hash: for tables whose ids this machine drew itself, so that nobody could
/// choose them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DrawnHere(u64);

impl Hasher for DrawnHere {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 ^= u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A hash table whose ids this machine drew itself.
pub(super) type DrawnTable<K, V> = HashMap<K, V, BuildHasherDefault<DrawnHere>>;

/// A hash table of the machine.
pub(super) type Table<K, V> = HashMap<K, V, Seeded>;
