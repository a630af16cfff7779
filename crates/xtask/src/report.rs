//! What a command found: one line for each thing it looked at, and the totals.

use std::fmt;

/// How one check or one step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    /// With what is wrong and what to do.
    Failed(String),
    /// With the reason why it can't run here.
    Skipped(String),
}

impl Outcome {
    /// Failed with all of `problems`, one a line; ok where there are none.
    pub(crate) fn from_problems(problems: &[String]) -> Self {
        if problems.is_empty() { Self::Ok } else { Self::Failed(problems.join("\n")) }
    }

    /// Ok if `passed`, else failed with `otherwise`.
    pub(crate) fn from_passed(passed: bool, otherwise: &str) -> Self {
        if passed { Self::Ok } else { Self::Failed(otherwise.to_owned()) }
    }
}

/// How many passed, failed and were skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// The outcomes of a command, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Report {
    lines: Vec<(String, Outcome)>,
}

impl Report {
    pub(crate) fn add(&mut self, name: impl Into<String>, outcome: Outcome) {
        self.lines.push((name.into(), outcome));
    }

    pub(crate) fn add_all(&mut self, other: Self) {
        self.lines.extend(other.lines);
    }

    pub(crate) fn counts(&self) -> Counts {
        let count =
            |wanted: fn(&Outcome) -> bool| self.lines.iter().filter(|(_, outcome)| wanted(outcome)).count() as u64;
        Counts {
            passed: count(|outcome| matches!(outcome, Outcome::Ok)),
            failed: count(|outcome| matches!(outcome, Outcome::Failed(_))),
            skipped: count(|outcome| matches!(outcome, Outcome::Skipped(_))),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, outcome) in &self.lines {
            let (word, detail) = match outcome {
                Outcome::Ok => ("ok", ""),
                Outcome::Failed(detail) => ("FAILED", detail.as_str()),
                Outcome::Skipped(detail) => ("skipped", detail.as_str()),
            };
            let mut details = detail.lines();
            let line = format!("  {name:width$}  {word:7}  {}", details.next().unwrap_or(""));
            writeln!(f, "{}", line.trim_end())?;
            for more in details {
                writeln!(f, "  {:width$}  {:7}  {more}", "", "")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_shows_every_line_and_counts_them() {
        let mut report = Report::default();
        report.add("format", Outcome::Ok);
        report.add("layers", Outcome::from_problems(&["one".to_owned(), "two".to_owned()]));
        report.add("advisories", Outcome::Skipped("no network".to_owned()));
        assert_eq!(
            report.to_string(),
            "  format      ok\n  layers      FAILED   one\n                       two\n  advisories  skipped  no network\n"
        );
        assert_eq!(report.counts().to_string(), "1 passed, 1 failed, 1 skipped");
    }
}
