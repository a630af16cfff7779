//! What came of the simulated users' visits so far.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The time over which logons a second are counted.
const RATE_OVER: Duration = Duration::from_secs(10);
/// Logons that are remembered for the rate and the median.
const REMEMBERED: usize = 4_096;

/// The counters.
pub(super) struct Tally(Mutex<Counts>);

struct Counts {
    begun: Instant,
    logons: u64,
    failures: u64,
    connected: u64,
    /// When the last logons were done, and how long they took.
    recent: VecDeque<(Instant, Duration)>,
    last_failure: Option<String>,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Counts {
            begun: Instant::now(),
            logons: 0,
            failures: 0,
            connected: 0,
            recent: VecDeque::new(),
            last_failure: None,
        }))
    }

    pub(super) fn logged_on(&self, took: Duration) {
        let mut counts = self.counts();
        counts.logons += 1;
        counts.connected += 1;
        if counts.recent.len() >= REMEMBERED {
            counts.recent.pop_front();
        }
        counts.recent.push_back((Instant::now(), took));
    }

    /// A logon or a connection failed.
    pub(super) fn failed(&self, why: String) {
        let mut counts = self.counts();
        counts.failures += 1;
        counts.last_failure = Some(why);
    }

    /// The connection of a user who was logged on broke off.
    pub(super) fn broke_off(&self, why: String) {
        self.gone();
        self.failed(why);
    }

    /// A user has gone.
    pub(super) fn gone(&self) {
        self.counts().connected -= 1;
    }

    /// The last failure, each once.
    pub(super) fn last_failure(&self) -> Option<String> {
        self.counts().last_failure.take()
    }

    /// All of it in a line.
    pub(super) fn line(&self) -> String {
        self.counts().line(Instant::now())
    }

    /// Nothing in here leaves the counters half changed, so a panic elsewhere does not spoil them.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    #[expect(clippy::cast_precision_loss)]
    fn line(&self, now: Instant) -> String {
        let over = now.saturating_duration_since(self.begun).min(RATE_OVER).as_secs_f64();
        let recent = self.recent.iter().filter(|(at, _)| now.saturating_duration_since(*at) <= RATE_OVER);
        let mut took: Vec<Duration> = recent.map(|(_, took)| *took).collect();
        let rate = if over > 0.0 { took.len() as f64 / over } else { 0.0 };
        let middle = took.len() / 2;
        let median = if took.is_empty() { Duration::ZERO } else { *took.select_nth_unstable(middle).1 };
        format!(
            "{} logons ({rate:.1}/s, median {} ms), {} failures, {} connected",
            self.logons,
            median.as_millis(),
            self.failures,
            self.connected
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line() {
        let tally = Tally::new();
        let begun = tally.counts().begun;
        let line = |tally: &Tally, at_s| tally.counts().line(begun + Duration::from_secs(at_s));
        assert_eq!(line(&tally, 0), "0 logons (0.0/s, median 0 ms), 0 failures, 0 connected");
        for (at_s, took_ms) in [(1, 900), (5, 100), (11, 500), (12, 300)] {
            tally.logged_on(Duration::from_millis(took_ms));
            tally.counts().recent.back_mut().unwrap().0 = begun + Duration::from_secs(at_s);
        }
        tally.broke_off("oh".into());
        tally.failed("no".into());
        assert_eq!(line(&tally, 5), "4 logons (0.8/s, median 500 ms), 2 failures, 3 connected");
        assert_eq!(line(&tally, 15), "4 logons (0.3/s, median 300 ms), 2 failures, 3 connected");
        assert_eq!((tally.last_failure().as_deref(), tally.last_failure()), (Some("no"), None));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let tally = Tally::new();
        (0..REMEMBERED + 10).for_each(|_| tally.logged_on(Duration::ZERO));
        assert_eq!(tally.counts().recent.len(), REMEMBERED);
    }
}
