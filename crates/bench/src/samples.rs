//! What was measured several times, and what was measured of many things at once.

use std::fmt;
use std::time::Duration;

/// One figure, measured in several rounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// One round more.
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// A figure that has no rounds, as it comes out the same every time.
    #[must_use]
    pub(crate) fn exactly(value: f64) -> Self {
        Self(vec![value])
    }

    /// The middle one; of an even number the mean of the two in the middle. NaN of none.
    #[must_use]
    pub(crate) fn median(&self) -> f64 {
        let sorted = self.sorted();
        match sorted.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => sorted[n / 2],
            n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
        }
    }

    /// The least and the most.
    #[must_use]
    pub(crate) fn range(&self) -> (f64, f64) {
        let sorted = self.sorted();
        (sorted.first().copied().unwrap_or(f64::NAN), sorted.last().copied().unwrap_or(f64::NAN))
    }

    /// How many rounds there were.
    #[must_use]
    pub(crate) fn rounds(&self) -> usize {
        self.0.len()
    }

    /// Every round less something that was measured beside it.
    #[must_use]
    pub(crate) fn less(&self, base: f64) -> Self {
        self.0.iter().map(|value| value - base).collect()
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// How long each of many things took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Latencies(Vec<u32>);

impl Latencies {
    /// One thing more.
    pub(crate) fn push(&mut self, took: Duration) {
        self.0.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    /// All of several.
    #[must_use]
    pub(crate) fn joined(all: impl IntoIterator<Item = Self>) -> Self {
        let mut joined: Vec<u32> = all.into_iter().flat_map(|one| one.0).collect();
        joined.sort_unstable();
        Self(joined)
    }

    /// How many there were.
    #[must_use]
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// So many thousandths of them took no longer than this, in ms (the nearest rank). NaN of none. The whole must be
    /// in order, as [`Self::joined`] gives it.
    #[must_use]
    pub(crate) fn ms_at(&self, per_mille: usize) -> f64 {
        let rank = (self.0.len() * per_mille).div_ceil(1_000).max(1);
        self.0.get(rank - 1).map_or(f64::NAN, |micros| f64::from(*micros) / 1_000.0)
    }
}

/// A number with as many digits as say something.
pub(crate) struct Short(pub f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            v if v.is_nan() => "–".to_owned(),
            0.0 => "0".to_owned(),
            v if v.abs() >= 1_000.0 => grouped(v),
            v if v.abs() >= 100.0 => format!("{v:.0}"),
            v if v.abs() >= 10.0 => format!("{v:.1}"),
            v if v.abs() >= 1.0 => format!("{v:.2}"),
            v => format!("{v:.3}"),
        };
        f.pad(&text)
    }
}

fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |rest| ("-", rest));
    let mut text = String::from(sign);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ranges() {
        for (values, median, range) in [
            (&[3.0, 1.0, 2.0][..], 2.0, (1.0, 3.0)),
            (&[4.0, 1.0, 2.0, 3.0], 2.5, (1.0, 4.0)),
            (&[7.0], 7.0, (7.0, 7.0)),
        ] {
            let samples: Samples = values.iter().copied().collect();
            assert_eq!((samples.median(), samples.range()), (median, range), "{values:?}");
        }
        assert!(Samples::default().median().is_nan());
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let mut one = Latencies::default();
        (1..=100).rev().for_each(|ms| one.push(Duration::from_millis(ms)));
        let all = Latencies::joined([one, Latencies::default()]);
        let at: Vec<f64> = [0, 500, 990, 991, 1_000].map(|p| all.ms_at(p)).into();
        assert_eq!(at, [1.0, 50.0, 99.0, 100.0, 100.0]);
        assert!(Latencies::default().ms_at(500).is_nan());
    }

    #[test]
    fn numbers_say_no_more_than_they_know() {
        for (value, text) in [
            (1_234_567.8, "1,234,568"),
            (-1_000.0, "-1,000"),
            (123.4, "123"),
            (12.34, "12.3"),
            (1.2345, "1.23"),
            (0.12, "0.120"),
            (f64::NAN, "–"),
            (0.0, "0"),
        ] {
            assert_eq!(Short(value).to_string(), text);
        }
    }
}
