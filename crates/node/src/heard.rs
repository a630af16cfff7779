//! Who was heard when, and whether this broker's clock can be believed.

use hostler_model::{BrokerId, Mono, Now, Wall};
use std::collections::{BTreeMap, BTreeSet};

/// A broker that said nothing for so long does not answer, in ms; heads come every second.
const ANSWERS_MS: u64 = 3_000;
/// A jump of the wall clock by so much is not drift, in ms.
const JUMP_MS: u64 = 2_000;
/// No decision without an administrator's word for so long after a jump, in ms.
const AFTER_JUMP_MS: u64 = 30_000;

/// Who was heard when.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    last: BTreeMap<BrokerId, Now>,
    /// Since when everybody may be missed: the start, or when somebody became the master.
    since: Mono,
    now: Mono,
    /// The wall clock's distance from the stopwatch, in ms.
    offset: i128,
    jumped: Option<Mono>,
}

impl Heard {
    pub(crate) fn new(now: Now) -> Self {
        Self { last: BTreeMap::new(), since: now.mono, now: now.mono, offset: offset(now), jumped: None }
    }

    /// Somebody said something.
    pub(crate) fn hear(&mut self, now: Now, from: BrokerId) {
        self.last.insert(from, now);
    }

    /// Looks at the clock. True where it was set back.
    pub(crate) fn watch_clock(&mut self, now: Now) -> bool {
        let offset = offset(now);
        let back = offset + i128::from(JUMP_MS) <= self.offset;
        if (offset - self.offset).unsigned_abs() >= u128::from(JUMP_MS) {
            self.jumped = Some(now.mono);
        }
        self.offset = offset;
        self.now = now.mono;
        back
    }

    /// When the clock was last looked at.
    pub(crate) fn now(&self) -> Mono {
        self.now
    }

    /// The moment at which the clock was last looked at, on both clocks.
    pub(crate) fn present(&self) -> Now {
        let wall = i128::from(self.now.0) + self.offset;
        Now { wall: Wall(u64::try_from(wall).unwrap_or(0)), mono: self.now }
    }

    /// True where the clock jumped a moment ago.
    pub(crate) fn has_jumped(&self, now: Mono) -> bool {
        self.jumped.is_some_and(|at| now.since(at) < AFTER_JUMP_MS)
    }

    /// Somebody else is to be listened to from now on.
    pub(crate) fn listen_anew(&mut self, now: Mono) {
        self.since = now;
    }

    /// For how long a broker has said nothing, in ms.
    pub(crate) fn silent_ms(&self, now: Mono, broker: BrokerId) -> u64 {
        let last = self.last.get(&broker).map_or(Mono(0), |at| at.mono);
        now.since(last.max(self.since))
    }

    /// When a broker was last heard, if ever.
    pub(crate) fn last(&self, broker: BrokerId) -> Option<Wall> {
        self.last.get(&broker).map(|at| at.wall)
    }

    /// True where a broker was heard a moment ago.
    pub(crate) fn answers(&self, now: Mono, broker: BrokerId) -> bool {
        self.last.get(&broker).is_some_and(|at| now.since(at.mono) < ANSWERS_MS)
    }

    /// Those who were heard a moment ago.
    pub(crate) fn answering(&self, now: Mono) -> BTreeSet<BrokerId> {
        self.last.keys().copied().filter(|b| self.answers(now, *b)).collect()
    }
}

fn offset(now: Now) -> i128 {
    i128::from(now.wall.0) - i128::from(now.mono.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_and_drift() {
        let at = |wall, mono| Now { wall: Wall(wall), mono: Mono(mono) };
        for (second, third, jumped) in [
            (at(1_001_000, 1_000), at(1_002_000, 2_000), false),
            (at(1_003_000, 1_000), at(1_004_000, 2_000), true),
            (at(998_999, 1_000), at(999_999, 2_000), true),
            // Two seconds in two steps are drift, as far as this can see.
            (at(1_002_000, 1_000), at(1_004_000, 2_000), false),
            (at(1_003_000, 1_000), at(1_034_000, 32_000), false),
        ] {
            let mut heard = Heard::new(at(1_000_000, 0));
            heard.watch_clock(second);
            heard.watch_clock(third);
            assert_eq!(heard.has_jumped(third.mono), jumped, "{second:?} {third:?}");
        }
    }

    #[test]
    fn silence_begins_with_the_mastership() {
        let (one, at) = (BrokerId([1; 16]), |mono| Now { wall: Wall(mono), mono: Mono(mono) });
        let mut heard = Heard::new(at(100));
        assert_eq!((heard.silent_ms(Mono(600), one), heard.last(one)), (500, None));
        heard.hear(at(1_000), one);
        assert_eq!((heard.silent_ms(Mono(1_600), one), heard.last(one)), (600, Some(Wall(1_000))));
        assert!(heard.answers(Mono(3_999), one) && !heard.answers(Mono(4_000), one));
        heard.listen_anew(Mono(5_000));
        assert_eq!(heard.silent_ms(Mono(5_100), one), 100);
    }
}
