//! Sets of hosts by their row, as bits: a thousand hosts are sixteen words.

/// A host's place in the tables of a site's machine. It keeps its row as long as the machine knows it.
pub type Row = u32;

/// A set of rows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HostSet {
    words: Vec<u64>,
    len: u32,
}

impl HostSet {
    /// How many are in it.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// True where nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// True where `row` is in it.
    #[must_use]
    pub fn contains(&self, row: Row) -> bool {
        self.words.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Puts `row` in, or takes it out.
    pub fn set(&mut self, row: Row, present: bool) {
        let at = row as usize / 64;
        if at >= self.words.len() {
            if !present {
                return;
            }
            self.words.resize(at + 1, 0);
        }
        let bit = 1 << (row % 64);
        match (self.words[at] & bit != 0, present) {
            (false, true) => self.len += 1,
            (true, false) => self.len -= 1,
            _ => return,
        }
        self.words[at] ^= bit;
    }

    /// How many are in this set and in `other` (`None`: everything is).
    #[must_use]
    pub fn count_within(&self, other: Option<&Self>) -> u32 {
        match other {
            None => self.len,
            Some(other) => self.words.iter().zip(&other.words).map(|(a, b)| (a & b).count_ones()).sum(),
        }
    }

    /// Those in this set and in `other` (`None`: everything is), in ascending order.
    pub fn within<'a>(&'a self, other: Option<&'a Self>) -> impl Iterator<Item = Row> + 'a {
        self.words.iter().zip(0u32..).flat_map(move |(word, at)| {
            let mut left = other.map_or(*word, |other| word & other.words.get(at as usize).copied().unwrap_or(0));
            std::iter::from_fn(move || {
                (left != 0).then(|| {
                    let bit = left.trailing_zeros();
                    left &= left - 1;
                    at * 64 + bit
                })
            })
        })
    }
}

impl FromIterator<Row> for HostSet {
    fn from_iter<I: IntoIterator<Item = Row>>(rows: I) -> Self {
        let mut set = Self::default();
        rows.into_iter().for_each(|row| set.set(row, true));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets() {
        let mut a: HostSet = [0, 63, 64, 200].into_iter().collect();
        let b: HostSet = [63, 200, 500].into_iter().collect();
        assert_eq!((a.len(), a.count_within(None), a.count_within(Some(&b))), (4, 4, 2));
        assert_eq!(a.within(Some(&b)).collect::<Vec<_>>(), [63, 200]);
        assert_eq!(b.within(Some(&a)).collect::<Vec<_>>(), [63, 200]);
        assert_eq!(a.within(None).collect::<Vec<_>>(), [0, 63, 64, 200]);
        for (row, present, len) in [(63, false, 3), (63, false, 3), (900, false, 3), (1, true, 4), (1, true, 4)] {
            a.set(row, present);
            assert_eq!((a.contains(row), a.len()), (present, len));
        }
        assert!(HostSet::default().is_empty() && !a.contains(100_000));
    }
}
