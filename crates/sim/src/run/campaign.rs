//! Many seeds of one scenario, on several threads.

use super::{Detail, Outcome, Prepared, SAME_DIGEST, Violation};
use crate::marks::Marks;
use crate::stats::Stats;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Many runs of one scenario.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The first seed.
    pub first: u64,
    /// How many.
    pub seeds: u64,
    /// On so many threads.
    pub jobs: usize,
    /// Each seed is run twice, and must come to the same digest.
    pub twice: bool,
    /// A scenario that plants a fault is done once that was found.
    pub stops_at_violation: bool,
}

/// What was done since the last call.
pub type Progress<'a> = &'a (dyn Fn(&Stats) + Sync);

/// What came of many runs.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// In numbers.
    pub stats: Stats,
    /// What was reached.
    pub marks: Marks,
    /// The failures, by seed; the lowest first.
    pub failures: Vec<(u64, Violation)>,
    /// Digest of the digests, in the order of the seeds.
    pub digest: [u8; 32],
}

impl Summary {
    fn take(&mut self, outcome: Outcome) {
        self.stats.add(&outcome.stats);
        self.marks.add(&outcome.marks);
        self.failures.extend(outcome.violation.map(|violation| (outcome.seed, violation)));
    }
}

/// The digest of each run, by its seed.
type Digests = Vec<(u64, [u8; 32])>;

impl Campaign {
    /// Runs them. The outcome does not depend on the number of threads.
    #[must_use]
    pub fn run(&self, prepared: &Prepared, progress: Progress<'_>) -> Summary {
        let next = AtomicU64::new(0);
        let stop = AtomicBool::new(false);
        // Of each run only its digest is kept by itself: there may be a hundred thousand.
        let done: Mutex<(Summary, Digests)> = Mutex::default();
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= self.seeds || stop.load(Ordering::Relaxed) {
                            break;
                        }
                        let outcome = self.one(prepared, self.first + number);
                        progress(&outcome.stats);
                        if outcome.violation.is_some() && self.stops_at_violation {
                            stop.store(true, Ordering::Relaxed);
                        }
                        if let Ok(mut done) = done.lock() {
                            done.1.push((outcome.seed, outcome.digest));
                            done.0.take(outcome);
                        }
                    }
                });
            }
        });
        let (mut summary, mut digests) = done.into_inner().unwrap_or_default();
        summary.failures.sort_by_key(|(seed, _)| *seed);
        digests.sort_unstable();
        let mut hasher = blake3::Hasher::new();
        for (_, digest) in digests {
            hasher.update(&digest);
        }
        summary.digest = *hasher.finalize().as_bytes();
        summary
    }

    fn one(&self, prepared: &Prepared, seed: u64) -> Outcome {
        let mut outcome = prepared.run(seed, Detail::Figures);
        if self.twice && outcome.violation.is_none() {
            let again = prepared.run(seed, Detail::Figures);
            if again.digest != outcome.digest {
                let what = "the same seed has come to two digests".to_owned();
                outcome.violation = Some(Violation { invariant: SAME_DIGEST, what, at_ms: again.stats.simulated_ms });
            }
        }
        outcome
    }
}
