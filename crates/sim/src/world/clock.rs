//! A machine's clocks: both may run fast or slow, and the one for the calendar may be wrong and jump.

use hostler_model::{Mono, Now, Wall};

/// The calendar at the beginning of a run: 2023-11-14, 22:13:20 UTC.
pub(crate) const BEGIN: u64 = 1_700_000_000_000;
/// Where stopwatches stand at the beginning, in ms.
const STOPWATCH: u64 = 1_000_000;
const MILLION: i128 = 1_000_000;

/// A machine's clocks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    /// How far the calendar is off, in ms.
    pub(crate) skew_ms: i64,
    /// How fast both run, in parts in a million, since when, and what they had gained by then.
    ppm: i32,
    since_ms: u64,
    gained_ms: i64,
}

impl Clock {
    pub(crate) fn new(skew_ms: i64, ppm: i32) -> Self {
        Self { skew_ms, ppm, since_ms: 0, gained_ms: 0 }
    }

    fn gain_ms(&self, at_ms: u64) -> i64 {
        let ran = i128::from(at_ms.saturating_sub(self.since_ms)) * i128::from(self.ppm) / MILLION;
        self.gained_ms.saturating_add(i64::try_from(ran).unwrap_or(0))
    }

    pub(crate) fn now(&self, at_ms: u64) -> Now {
        let ran_ms = at_ms.saturating_add_signed(self.gain_ms(at_ms));
        let wall = (BEGIN + ran_ms).saturating_add_signed(self.skew_ms);
        Now { wall: Wall(wall), mono: Mono(STOPWATCH + ran_ms) }
    }

    /// When the stopwatch shows this.
    pub(crate) fn when(&self, at: Mono, now_ms: u64) -> u64 {
        let left_ms = at.since(self.now(now_ms).mono);
        let speed = (MILLION + i128::from(self.ppm)).max(1);
        let real = (i128::from(left_ms) * MILLION).div_euclid(speed) + i128::from(self.ppm != 0 && left_ms > 0);
        now_ms.saturating_add(u64::try_from(real).unwrap_or(u64::MAX))
    }

    pub(crate) fn drift(&mut self, at_ms: u64, ppm: i32) {
        (self.gained_ms, self.since_ms, self.ppm) = (self.gain_ms(at_ms), at_ms, ppm);
    }

    /// Somebody sets the calendar right, and it goes on at the right speed.
    pub(crate) fn set_right(&mut self, at_ms: u64) {
        self.drift(at_ms, 0);
        self.skew_ms = self.gained_ms.saturating_neg();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_run_and_are_set() {
        let mut clock = Clock::new(-500, 100);
        for (at_ms, wall, mono) in [(0, BEGIN - 500, 1_000_000), (10_000_000, BEGIN + 10_000_500, 11_001_000)] {
            assert_eq!(clock.now(at_ms), Now { wall: Wall(wall), mono: Mono(mono) }, "{at_ms}");
        }
        let due = clock.when(Mono(11_002_000), 10_000_000);
        assert_eq!((due, clock.now(due).mono >= Mono(11_002_000)), (10_001_000, true));
        clock.set_right(20_000_000);
        assert_eq!(clock.now(20_000_000).wall, Wall(BEGIN + 20_000_000));
        assert_eq!(clock.now(20_000_000).mono, Mono(21_002_000), "a stopwatch does not jump");
        assert_eq!(clock.when(Mono(21_002_005), 20_000_000), 20_000_005);
        assert_eq!(clock.when(Mono(0), 20_000_000), 20_000_000, "what is over is due now");
    }
}
