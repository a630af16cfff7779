//! Lines that say how far things are, with the time since the beginning.

use std::time::{Duration, Instant};

/// The beginning.
pub(super) struct Progress(Instant);

impl Progress {
    pub(super) fn new() -> Self {
        Self(Instant::now())
    }

    /// One more thing is done.
    pub(super) fn say(&self, text: &str) {
        println!("[{:>7}] {text}", seconds(self.0.elapsed()));
    }

    /// How long it has taken so far.
    pub(super) fn so_far(&self) -> String {
        seconds(self.0.elapsed())
    }
}

/// A time span as the lines show it.
pub(super) fn seconds(span: Duration) -> String {
    format!("{:.2} s", span.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (ms, want) in [(0, "0.00 s"), (1_234, "1.23 s"), (61_000, "61.00 s")] {
            assert_eq!(seconds(Duration::from_millis(ms)), want);
        }
    }
}
