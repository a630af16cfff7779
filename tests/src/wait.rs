//! Waiting for something to become true: look, and look again, until a deadline. Tests never sleep for a fixed time.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Calls `probe` until it gives a value. Fails when it fails, and when `within` has passed.
pub fn until<T>(what: &str, within: Duration, mut probe: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(value) = probe()? {
            return Ok(value);
        }
        if started.elapsed() >= within {
            bail!("{what}: not within {within:?}");
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Calls `probe` until it says yes.
pub fn until_true(what: &str, within: Duration, mut probe: impl FnMut() -> Result<bool>) -> Result<()> {
    until(what, within, || Ok(probe()?.then_some(())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_failure_and_deadline() {
        let mut left = 3;
        let value = until("counting", Duration::from_secs(10), || {
            left -= 1;
            Ok((left == 0).then_some("done"))
        });
        assert_eq!(value.unwrap(), "done");
        let failed = until_true("failing", Duration::from_secs(10), || bail!("broken"));
        assert_eq!(failed.unwrap_err().to_string(), "broken");
        let late = until_true("the moon", Duration::ZERO, || Ok(false));
        assert_eq!(late.unwrap_err().to_string(), "the moon: not within 0ns");
    }
}
