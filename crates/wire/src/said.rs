//! What was logged a moment ago: a member whose key is refused tries again many times a second, and says nothing new.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a refusal is not repeated in the log.
const QUIET: Duration = Duration::from_secs(60);
/// Refusals that are remembered; where there are more, the log may repeat itself.
const REMEMBERED: usize = 256;

/// Remembers what was logged about whom.
#[derive(Default)]
pub(crate) struct SaidAlready(Mutex<HashMap<(IpAddr, String), Instant>>);

impl SaidAlready {
    /// True where this was not said about this address within the last minute.
    pub(crate) fn is_new(&self, about: IpAddr, text: String) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() >= REMEMBERED {
            said.retain(|_, at| at.elapsed() < QUIET);
            if said.len() >= REMEMBERED {
                said.clear();
            }
        }
        let now = Instant::now();
        let before = said.get(&(about, text.clone())).is_some_and(|at| now.duration_since(*at) < QUIET);
        if !before {
            said.insert((about, text), now);
        }
        !before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_said_once_about_each() {
        let said = SaidAlready::default();
        let (a, b) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let asked = [(a, "x"), (a, "x"), (a, "y"), (b, "x"), (b, "x")];
        let new: Vec<bool> = asked.iter().map(|(about, text)| said.is_new(*about, (*text).to_string())).collect();
        assert_eq!(new, [true, false, true, true, false]);
    }
}
