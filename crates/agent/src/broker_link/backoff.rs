//! How long to wait before the next try: longer each time, and never exactly as long as the others wait, so that a
//! thousand agents do not come back to a restarted broker in one moment.

use rand::RngExt;
use std::time::Duration;

const FIRST_MS: u64 = 100;
const LONGEST_MS: u64 = 2_000;

/// The pauses between tries.
#[derive(Debug)]
pub(super) struct Backoff {
    next_ms: u64,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next_ms: FIRST_MS }
    }

    /// The next pause: up to a quarter shorter than the doubling says.
    pub(super) fn next(&mut self) -> Duration {
        let ms = self.next_ms;
        self.next_ms = (ms * 2).min(LONGEST_MS);
        Duration::from_millis(rand::rng().random_range(ms - ms / 4..=ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_within_2_s() {
        let mut backoff = Backoff::new();
        for ms in [100, 200, 400, 800, 1_600, 2_000, 2_000] {
            let pause = backoff.next().as_millis();
            assert!((ms - ms / 4..=ms).contains(&pause), "{pause} for {ms}");
        }
    }
}
