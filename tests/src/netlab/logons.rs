//! People who come to the gateway at a steady pace, whatever happens to the farm meanwhile, and how each fared.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};

use super::space::Space;
use crate::farm::{Knock, knock};

/// How long somebody waits for the host's first answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// How one fared.
#[derive(Clone, Debug)]
pub struct Logon {
    /// Who.
    pub user: String,
    /// When they came, after the stream's begin.
    pub at: Duration,
    /// How long the answer took.
    pub took: Duration,
    /// Let in, or what else happened.
    pub outcome: Result<Knock, String>,
}

/// A stream of logons that goes on until it is asked for its results.
#[derive(Debug)]
pub struct Logons {
    over: Arc<AtomicBool>,
    driver: Option<JoinHandle<Vec<Logon>>>,
    begun: Instant,
}

impl Logons {
    pub(super) fn begin(from: &Space, door: SocketAddr, users: Vec<String>, every: Duration) -> Self {
        let (over, begun) = (Arc::new(AtomicBool::new(false)), Instant::now());
        let (stop, space) = (over.clone(), from.clone());
        let driver = thread::spawn(move || {
            let mut coming = Vec::new();
            let names = users.iter().cycle().zip(0_u32..).take_while(|_| !stop.load(Ordering::Relaxed));
            for (user, number) in names {
                let (user, space, at) = (user.clone(), space.clone(), begun.elapsed());
                // Each on a thread of its own: who has to wait must not hold up the next.
                coming.push(thread::spawn(move || {
                    let outcome = space.run(|| knock(door, &format!("Cookie: mstshash={user}"), PATIENCE));
                    let took = begun.elapsed().saturating_sub(at);
                    Logon { user, at, took, outcome: outcome.map_err(|error| format!("{error:#}")) }
                }));
                // The pace: the next one is due at a fixed moment, however long this one took to begin.
                thread::sleep((every * (number + 1)).saturating_sub(begun.elapsed()));
            }
            coming.into_iter().filter_map(|logon| logon.join().ok()).collect()
        });
        Self { over, driver: Some(driver), begun }
    }

    /// How long people have been coming.
    pub fn so_far(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Nobody comes any more; how all have fared.
    pub fn end(mut self) -> Result<Vec<Logon>> {
        self.over.store(true, Ordering::Relaxed);
        let driver = self.driver.take().ok_or_else(|| anyhow!("the stream has ended"))?;
        driver.join().map_err(|_| anyhow!("the stream of logons has panicked"))
    }

    /// The same, where all must have been let in; how many, and how long the slowest took.
    pub fn end_with_all_let_in(self) -> Result<(usize, Duration)> {
        let logons = self.end()?;
        let refused: Vec<&Logon> = logons.iter().filter(|logon| logon.outcome != Ok(Knock::LetIn)).collect();
        ensure!(refused.is_empty(), "{} of {} were not let in: {refused:#?}", refused.len(), logons.len());
        Ok((logons.len(), logons.iter().map(|logon| logon.took).max().unwrap_or_default()))
    }
}

impl Drop for Logons {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
