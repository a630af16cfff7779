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
    /// The distance of the other members' wall clocks from this broker's stopwatch, in ms.
    clocks: BTreeMap<BrokerId, i128>,
    /// What most of the members' clocks show at least, by the same measure; this broker's own is not needed for it.
    most: Option<i128>,
    /// The later of that and this broker's clock, when it was looked at last.
    believed: i128,
}

impl Heard {
    pub(crate) fn new(now: Now) -> Self {
        let (offset, since) = (offset(now), now.mono);
        Self {
            last: BTreeMap::new(),
            since,
            now: since,
            offset,
            jumped: None,
            clocks: BTreeMap::new(),
            most: None,
            believed: offset,
        }
    }

    /// Somebody said something.
    pub(crate) fn hear(&mut self, now: Now, from: BrokerId) {
        self.last.insert(from, now);
    }

    /// A broker has said what its clock shows. Where no other member is known, which is so where all is from the future,
    /// whoever says something counts as one.
    pub(crate) fn hear_clock(&mut self, now: Mono, from: BrokerId, shows: Wall, others: &BTreeSet<BrokerId>) {
        self.clocks.insert(from, offset(Now { wall: shows, mono: now }));
        self.clocks.retain(|broker, _| others.is_empty() || others.contains(broker));
        let others = others.len().max(self.clocks.len());
        let mut latest_first: Vec<i128> = self.clocks.values().copied().collect();
        latest_first.sort_unstable_by(|a, b| b.cmp(a));
        self.most = latest_first.get(others.div_ceil(2)).copied();
        self.believed = self.believed.max(self.most.unwrap_or(self.believed));
    }

    /// Looks at the clock. True where what [`Self::wall`] says was set back.
    pub(crate) fn watch_clock(&mut self, now: Now) -> bool {
        let offset = offset(now);
        if (offset - self.offset).unsigned_abs() >= u128::from(JUMP_MS) {
            self.jumped = Some(now.mono);
        }
        (self.offset, self.now) = (offset, now.mono);
        let before = std::mem::replace(&mut self.believed, self.most.map_or(offset, |most| most.max(offset)));
        self.believed + i128::from(JUMP_MS) <= before
    }

    /// True where most of the members' clocks were heard.
    pub(crate) fn knows_the_time(&self) -> bool {
        self.most.is_some()
    }

    /// What is from the future is so by this: the clock when it was looked at last, or, where that is behind most of the
    /// members' clocks, those. A broker whose clock is set back by a day must not forget a day: who was removed, whose
    /// key was revoked, which hosts there are.
    pub(crate) fn wall(&self) -> Wall {
        self.at(self.believed)
    }

    /// When the clock was last looked at.
    pub(crate) fn now(&self) -> Mono {
        self.now
    }

    /// The moment at which the clock was last looked at, on both clocks.
    pub(crate) fn present(&self) -> Now {
        Now { wall: self.at(self.offset), mono: self.now }
    }

    fn at(&self, offset: i128) -> Wall {
        Wall(u64::try_from(i128::from(self.now.0) + offset).unwrap_or(0))
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
    fn most_clocks_are_believed_where_this_one_is_behind() {
        const HOUR: u64 = 3_600_000;
        let day = 24 * HOUR;
        let others: BTreeSet<BrokerId> = (1..=4).map(|n| BrokerId([n; 16])).collect();
        // How many other members there are, what each of those that said something shows, and what is believed.
        for (members, clocks, believed) in [
            (0, vec![], day),
            (0, vec![2 * day], day),
            (0, vec![2 * day, 3 * day], 2 * day),
            (1, vec![2 * day], day),
            (2, vec![2 * day], day),
            (2, vec![2 * day, 3 * day], 2 * day),
            (2, vec![2 * day, HOUR], day),
            (2, vec![HOUR, HOUR], day),
            (3, vec![4 * day, 3 * day], day),
            (3, vec![4 * day, 3 * day, 2 * day], 2 * day),
            (4, vec![4 * day, 3 * day], day),
            (4, vec![4 * day, 3 * day, 2 * day, HOUR], 2 * day),
            (2, vec![2 * day, 3 * day, 4 * day], 2 * day),
        ] {
            let at = |wall, mono| Now { wall: Wall(wall), mono: Mono(mono) };
            let mut heard = Heard::new(at(day, 0));
            let others = others.iter().copied().take(members).collect();
            for (n, shows) in (1..).zip(&clocks) {
                heard.hear_clock(Mono(0), BrokerId([n; 16]), Wall(*shows), &others);
            }
            let case = format!("{members} others, {clocks:?}");
            assert!(!heard.watch_clock(at(day + 1_000, 1_000)), "{case}");
            assert_eq!(heard.wall(), Wall(believed + 1_000), "{case}");
            // Set back by half a day: only where the others do not say otherwise it counts.
            let set_back = heard.watch_clock(at(day / 2, 2_000));
            assert_eq!(set_back, believed == day && heard.most.is_none_or(|most| most < i128::from(day)), "{case}");
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
