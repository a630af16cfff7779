//! Scenario files and whole folders of them: read, run, judged and explained. It is what a command line shows; here is
//! the only place of this crate that touches the disk.

mod explain;
mod files;
mod verdict;

pub use explain::Failure;
pub use files::{Entry, SuiteError, load};
pub use verdict::{CaughtBy, HEADINGS, Verdict};

use crate::run::{Campaign, Detail, Prepared, Progress};
use std::path::PathBuf;
use std::time::Instant;

/// From so many seeds on a scenario must have reached what it names: fewer may miss it by chance.
pub const ENOUGH: u64 = 20;

/// How scenarios are run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The first seed.
    pub first: u64,
    /// How many; a resolved plan is run with its own and no other.
    pub seeds: u64,
    /// On so many threads.
    pub jobs: usize,
    /// Each seed twice, which must give the same digest.
    pub twice: bool,
    /// Show all of a failing run, with messages; of a run alone also where nothing fails.
    pub trace: bool,
    /// Where plans of failures are written.
    pub plans: PathBuf,
}

impl Options {
    /// The seeds of this scenario: how many, and the first.
    #[must_use]
    pub fn seeds_of(&self, entry: &Entry) -> (u64, u64) {
        match entry.scenario.seed {
            Some(own) => (1, own),
            None => (self.seeds, self.first),
        }
    }
}

/// Runs a scenario with all its seeds. `progress` is told of every run; `says` of what takes long afterwards.
///
/// # Errors
/// Where the farm can't be made, or a plan can't be written.
pub fn run(
    entry: &Entry,
    options: &Options,
    progress: Progress<'_>,
    says: &dyn Fn(&str),
) -> Result<Verdict, SuiteError> {
    let begun = Instant::now();
    let prepared = Prepared::new(entry.scenario.clone())
        .map_err(|error| SuiteError::Farm { path: entry.path.clone(), what: error.to_string() })?;
    let (seeds, first) = options.seeds_of(entry);
    let planted = entry.scenario.expect.planted.is_some();
    let campaign = Campaign { first, seeds, jobs: options.jobs, twice: options.twice, stops_at_violation: planted };
    let summary = campaign.run(&prepared, progress);
    let mut verdict = Verdict::new(entry, &summary);
    if !verdict.is_caught() {
        verdict.failures = explain::explain(entry, &prepared, &summary.failures, options, says)?;
    }
    if options.trace && seeds == 1 && summary.failures.is_empty() {
        verdict.timeline = prepared.run(first, Detail::Messages).timeline;
    }
    verdict.took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(verdict)
}
