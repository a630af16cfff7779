//! The hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014): wall time that never goes back and that
//! is later than everything that was seen.

use crate::Wall;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A moment in hybrid time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Hlc {
    /// Wall time, raised to whatever was seen.
    pub wall: Wall,
    /// Tells moments with the same wall time apart.
    pub counter: u32,
}

impl fmt::Display for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.wall.0, self.counter)
    }
}

/// Gives out hybrid times. Whoever owns it hands in what other clocks said, and the wall time.
#[derive(Clone, Debug, Default)]
pub struct HlcClock {
    last: Hlc,
}

impl HlcClock {
    /// A clock that has seen `last`.
    #[must_use]
    pub fn after(last: Hlc) -> Self {
        Self { last }
    }

    /// The greatest time given out or seen.
    #[must_use]
    pub fn last(&self) -> Hlc {
        self.last
    }

    /// A time later than all before it.
    pub fn tick(&mut self, wall: Wall) -> Hlc {
        self.last = if wall > self.last.wall {
            Hlc { wall, counter: 0 }
        } else if let Some(counter) = self.last.counter.checked_add(1) {
            Hlc { wall: self.last.wall, counter }
        } else {
            Hlc { wall: self.last.wall.plus(1), counter: 0 }
        };
        self.last
    }

    /// Takes note of a time that another clock gave out.
    pub fn observe(&mut self, seen: Hlc) {
        self.last = self.last.max(seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_later_than_all_before_it() {
        let mut clock = HlcClock::default();
        let hlc = |wall, counter| Hlc { wall: Wall(wall), counter };
        assert_eq!(clock.tick(Wall(5)), hlc(5, 0));
        assert_eq!(clock.tick(Wall(5)), hlc(5, 1));
        assert_eq!(clock.tick(Wall(3)), hlc(5, 2), "the wall clock went back");
        clock.observe(hlc(9, 7));
        assert_eq!(clock.tick(Wall(6)), hlc(9, 8), "another clock is ahead");
        clock.observe(hlc(9, u32::MAX));
        assert_eq!(clock.tick(Wall(6)), hlc(10, 0), "the counter is used up");
    }
}
