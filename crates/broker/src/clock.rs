//! The machine's clocks, for the machines that have none.

use hostler_model::{Mono, Now, Wall};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Both clocks of this process.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Default for Clock {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock {
    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
        let wall = Wall(u64::try_from(wall).unwrap_or(u64::MAX));
        let mono = Mono(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX));
        Now { wall, mono }
    }
}
