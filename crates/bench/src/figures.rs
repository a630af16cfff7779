//! The figures of a run: chapters with rows, and what the plots show. How they are written is the `book`'s.

use crate::samples::{Samples, Short};
use std::fmt;

/// What is wanted of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// Ours, as a part of the other's, is at least this.
    RatioAtLeast(f64),
    /// Ours, as a part of the other's, is at most this.
    RatioAtMost(f64),
    /// Ours is at least this.
    AtLeast(f64),
    /// Ours is at most this.
    AtMost(f64),
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RatioAtLeast(wanted) => write!(f, "≥ {wanted}×"),
            Self::RatioAtMost(wanted) => write!(f, "≤ {wanted}×"),
            Self::AtLeast(wanted) => write!(f, "≥ {}", Short(*wanted)),
            Self::AtMost(wanted) => write!(f, "≤ {}", Short(*wanted)),
        }
    }
}

/// One line of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// What was measured, with its unit.
    pub(crate) what: String,
    /// Ours.
    pub(crate) ours: Samples,
    /// The other's, where there is one.
    pub(crate) peer: Option<Samples>,
    /// What is wanted.
    pub(crate) goal: Option<Goal>,
}

impl Row {
    /// A row without another side.
    pub(crate) fn alone(what: impl Into<String>, ours: Samples) -> Self {
        Self { what: what.into(), ours, peer: None, goal: None }
    }

    /// A row with both sides.
    pub(crate) fn beside(what: impl Into<String>, ours: Samples, peer: Samples) -> Self {
        Self { what: what.into(), ours, peer: Some(peer), goal: None }
    }

    /// The same with a goal.
    #[must_use]
    pub(crate) fn wants(mut self, goal: Goal) -> Self {
        self.goal = Some(goal);
        self
    }

    /// Ours as a part of the other's, where that says something.
    #[must_use]
    pub(crate) fn ratio(&self) -> Option<f64> {
        self.peer.as_ref().map(|peer| self.ours.median() / peer.median()).filter(|ratio| ratio.is_finite())
    }

    /// Whether the goal is reached; `None` where there is none.
    #[must_use]
    pub(crate) fn reached(&self) -> Option<bool> {
        let ratio = self.ratio().unwrap_or(f64::NAN);
        self.goal.map(|goal| match goal {
            Goal::RatioAtLeast(wanted) => ratio >= wanted,
            Goal::RatioAtMost(wanted) => ratio <= wanted,
            Goal::AtLeast(wanted) => self.ours.median() >= wanted,
            Goal::AtMost(wanted) => self.ours.median() <= wanted,
        })
    }

    /// What stands above the cells. A table without another side has no columns for one.
    #[must_use]
    pub(crate) fn head(peer: &str) -> [String; 6] {
        let ratio = if peer.is_empty() { "" } else { "ratio" };
        ["", "Hostler", peer, ratio, "goal", ""].map(str::to_owned)
    }

    /// The cells of its line.
    #[must_use]
    pub(crate) fn cells(&self) -> [String; 6] {
        let range = |samples: &Samples| match samples.rounds() {
            0 | 1 => Short(samples.median()).to_string(),
            _ => {
                let (least, most) = samples.range();
                format!("{} ({}–{})", Short(samples.median()), Short(least), Short(most))
            }
        };
        [
            self.what.clone(),
            range(&self.ours),
            self.peer.as_ref().map(range).unwrap_or_default(),
            self.ratio().map(|ratio| format!("{ratio:.2}×")).unwrap_or_default(),
            self.goal.map(|goal| goal.to_string()).unwrap_or_default(),
            match self.reached() {
                Some(true) => "reached".to_owned(),
                Some(false) => "missed".to_owned(),
                None => String::new(),
            },
        ]
    }
}

/// A plot: one line, or one group of bars, for each side.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plot {
    /// The file's name, without its end.
    pub(crate) file: String,
    /// What it shows.
    pub(crate) title: String,
    /// What goes to the right.
    pub(crate) x: String,
    /// What goes up.
    pub(crate) y: String,
    /// The places on the axis to the right.
    pub(crate) places: Vec<String>,
    /// Each side's name and its values, one for each place.
    pub(crate) sides: Vec<(String, Vec<f64>)>,
    /// Where a goal is, on the axis that goes up.
    pub(crate) goal: Option<f64>,
}

/// Everything about one comparison.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Chapter {
    /// Its heading.
    pub(crate) title: String,
    /// What was measured, and how.
    pub(crate) how: String,
    /// Who the other is; empty where there is none.
    pub(crate) peer: String,
    /// The table.
    pub(crate) rows: Vec<Row>,
    /// The plots.
    pub(crate) plots: Vec<Plot>,
    /// What has to be known of the figures: who was the bottleneck, what limits.
    pub(crate) remarks: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_about_medians() {
        let row = || Row::beside("x", [4.0, 2.0, 3.0].into_iter().collect(), Samples::exactly(2.0));
        for (goal, reached, text) in [
            (Goal::RatioAtLeast(1.5), true, "≥ 1.5×"),
            (Goal::RatioAtLeast(1.6), false, "≥ 1.6×"),
            (Goal::RatioAtMost(1.5), true, "≤ 1.5×"),
            (Goal::RatioAtMost(1.4), false, "≤ 1.4×"),
            (Goal::AtLeast(3.0), true, "≥ 3.00"),
            (Goal::AtMost(2.9), false, "≤ 2.90"),
        ] {
            let row = row().wants(goal);
            assert_eq!((row.reached(), goal.to_string().as_str()), (Some(reached), text));
        }
        assert_eq!(row().cells(), ["x", "3.00 (2.00–4.00)", "2.00", "1.50×", "", ""].map(str::to_owned));
        assert_eq!(Row::alone("y", Samples::exactly(1.0)).wants(Goal::RatioAtLeast(1.0)).reached(), Some(false));
    }
}
