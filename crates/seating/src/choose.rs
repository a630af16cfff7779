//! The hot decision: which host for somebody who has no place yet. A pure function of the board, the item's hosts, what
//! the request excludes, the time and some randomness.

use crate::board::Board;
use crate::explanation::Exclusion;
use crate::host_set::{HostSet, Row};
use hostler_model::Mono;
use rand::Rng;

/// Up to so many eligible hosts are all looked at. Beyond that a sample gives nearly the same balance, and brokers that
/// decide at the same moment do not all find the same best host.
pub const LOOK_AT_ALL: u32 = 32;

/// How many are sampled otherwise (the power of several choices: Mitzenmacher, 2001).
pub const SAMPLE: usize = 5;

/// How many rows are drawn from the whole board before the eligible ones are gathered instead.
const DRAWS: u32 = 48;

/// A host that was looked at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Scored {
    /// Lower is better.
    pub score: u32,
    /// Random: it decides between equal scores.
    pub tie: u32,
    /// The host.
    pub row: Row,
}

/// What was looked at, the best first.
#[derive(Clone, Debug)]
pub struct Choice {
    /// How many were eligible, of which a sample was looked at where there are many.
    pub eligible: u32,
    scored: [Scored; LOOK_AT_ALL as usize],
    len: usize,
}

impl Choice {
    /// The hosts that were looked at, the best first; none where no host can take anybody.
    #[must_use]
    pub fn scored(&self) -> &[Scored] {
        &self.scored[..self.len]
    }

    fn add(&mut self, row: Row, board: &Board, now: Mono, rng: &mut impl Rng) {
        if let Some(slot) = self.scored.get_mut(self.len) {
            *slot = Scored { score: board.figures(row).score(now), tie: rng.next_u32(), row };
            self.len += 1;
        }
    }
}

/// Looks for the best host.
///
/// - `published`: the hosts that have the item; `None` for all.
/// - `not`: hosts that this request excludes, few of them.
pub fn choose(
    board: &mut Board,
    published: Option<&HostSet>,
    not: &[(Row, Exclusion)],
    now: Mono,
    rng: &mut impl Rng,
) -> Choice {
    let mut choice = Choice { eligible: 0, scored: [Scored::default(); LOOK_AT_ALL as usize], len: 0 };
    let open = |board: &Board, row: Row| {
        board.eligible().contains(row)
            && published.is_none_or(|p| p.contains(row))
            && not.iter().all(|(out, _)| *out != row)
    };
    let mut excluded = 0;
    for (at, (row, _)) in not.iter().enumerate() {
        let first = not[..at].iter().all(|(earlier, _)| earlier != row);
        excluded += u32::from(first && board.eligible().contains(*row) && published.is_none_or(|p| p.contains(*row)));
    }
    choice.eligible = board.eligible().count_within(published) - excluded;
    if choice.eligible == 0 {
        return choice;
    }
    if choice.eligible <= LOOK_AT_ALL {
        let board = &*board;
        for row in board.eligible().within(published).filter(|row| not.iter().all(|(out, _)| out != row)) {
            choice.add(row, board, now, rng);
        }
    } else {
        board.capacity();
        sample(&mut choice, board, open, now, rng);
        if choice.len < SAMPLE {
            gather(&mut choice, board, published, not, now, rng);
        }
    }
    choice.scored[..choice.len].sort_unstable();
    choice
}

/// Draws rows by capacity until enough of them are open.
fn sample(choice: &mut Choice, board: &mut Board, open: impl Fn(&Board, Row) -> bool, now: Mono, rng: &mut impl Rng) {
    // Drawing is a waste where few of the rows are open.
    if u64::from(choice.eligible) * 8 < board.rows() as u64 {
        return;
    }
    for _ in 0..DRAWS {
        let capacity = board.capacity();
        let drawn = below(capacity.last().copied().unwrap_or_default(), rng);
        let row = Row::try_from(capacity.partition_point(|sum| *sum <= drawn)).unwrap_or(Row::MAX);
        if open(board, row) && choice.scored().iter().all(|s| s.row != row) {
            choice.add(row, board, now, rng);
            if choice.len == SAMPLE {
                return;
            }
        }
    }
}

/// Lists what is open and draws from that.
fn gather(
    choice: &mut Choice,
    board: &Board,
    published: Option<&HostSet>,
    not: &[(Row, Exclusion)],
    now: Mono,
    rng: &mut impl Rng,
) {
    let mut open: Vec<(u64, Row)> = board
        .eligible()
        .within(published)
        .filter(|row| not.iter().all(|(out, _)| out != row) && choice.scored().iter().all(|s| s.row != *row))
        .map(|row| (u64::from(board.figures(row).cap), row))
        .collect();
    let mut total: u64 = open.iter().map(|(capacity, _)| capacity).sum();
    while choice.len < SAMPLE && !open.is_empty() {
        let mut drawn = below(total, rng);
        let at = open
            .iter()
            .position(|(capacity, _)| {
                let hit = drawn < *capacity;
                drawn = drawn.saturating_sub(*capacity);
                hit
            })
            .unwrap_or(0);
        let (capacity, row) = open.swap_remove(at);
        total -= capacity;
        choice.add(row, board, now, rng);
    }
}

/// A number below `bound`, 0 where `bound` is 0; the bias is below 2⁻³² for anything that is counted here.
fn below(bound: u64, rng: &mut impl Rng) -> u64 {
    u64::try_from((u128::from(rng.next_u64()) * u128::from(bound)) >> 64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::{Figures, Standing};
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use std::collections::BTreeMap;

    fn board(hosts: impl IntoIterator<Item = (u32, u32, bool)>) -> Board {
        let mut board = Board::default();
        for (row, (taken, cap, eligible)) in (0..).zip(hosts) {
            let standing = if eligible { Standing::Eligible } else { Standing::Excluded(Exclusion::Draining) };
            board.set(row, Figures { taken, cap, slots: 4, ..Figures::default() }, standing);
        }
        board
    }

    fn draws(board: &mut Board, published: Option<&HostSet>, not: &[Row], times: u32) -> BTreeMap<Row, u32> {
        let mut rng = StdRng::from_seed([1; 32]);
        let not: Vec<_> = not.iter().map(|row| (*row, Exclusion::Refused)).collect();
        let mut counts = BTreeMap::new();
        for _ in 0..times {
            let choice = choose(board, published, &not, Mono(0), &mut rng);
            let scored = choice.scored();
            assert!(scored.windows(2).all(|w| w[0] < w[1]), "in order, and none twice");
            if let Some(best) = scored.first() {
                *counts.entry(best.row).or_default() += 1;
            }
        }
        counts
    }

    #[test]
    fn few_hosts_are_all_looked_at() {
        let mut board = board([(5, 10, true), (1, 10, true), (0, 10, false), (1, 10, true)]);
        let even = draws(&mut board, None, &[], 1_000);
        assert_eq!(even.keys().copied().collect::<Vec<_>>(), [1, 3]);
        assert!(even.values().all(|n| (400..600).contains(n)), "ties at random: {even:?}");
        assert_eq!(draws(&mut board, None, &[1], 10), [(3, 10)].into());
        assert_eq!(draws(&mut board, Some(&[0, 2].into_iter().collect()), &[], 10), [(0, 10)].into());
        assert_eq!(draws(&mut board, Some(&[2].into_iter().collect()), &[], 10), [].into());
        assert_eq!(draws(&mut board, None, &[0, 1, 3, 3], 10), [].into());
    }

    #[test]
    fn many_hosts_are_sampled_by_capacity() {
        let mut rng = StdRng::from_seed([2; 32]);
        let mut board = board((0..100).map(|n| (0, if n < 50 { 10 } else { 30 }, true)));
        let mut seen = [0u32; 2];
        for _ in 0..2_000 {
            let choice = choose(&mut board, None, &[], Mono(0), &mut rng);
            assert_eq!((choice.eligible, choice.scored().len()), (100, SAMPLE));
            choice.scored().iter().for_each(|s| seen[usize::from(s.row >= 50)] += 1);
        }
        assert!((2_200..2_900).contains(&seen[0]), "a quarter of 10,000 draws: {seen:?}");
    }

    #[test]
    fn the_rare_open_ones_among_many_are_found() {
        // 40 of 1,000 have the item, and 36 of 1,000 are eligible at all: in both cases more than are all looked at.
        let published: HostSet = (0..40).map(|n| n * 25).collect();
        let mut all = board((0..1_000).map(|_| (0, 10, true)));
        assert!(draws(&mut all, Some(&published), &[], 4_000).keys().copied().eq(published.within(None)));
        let mut few = board((0..1_000).map(|n| (0, 10, n >= 964)));
        assert!(draws(&mut few, None, &[], 4_000).keys().copied().eq(964..1_000));
        let mut heavy = board((0..100).map(|n| (0, if n == 0 { 100_000 } else { 1 }, true)));
        let mut rng = StdRng::from_seed([3; 32]);
        let choice = choose(&mut heavy, None, &[], Mono(0), &mut rng);
        assert_eq!(choice.scored().len(), SAMPLE, "one huge host does not hide the others");
    }
}
