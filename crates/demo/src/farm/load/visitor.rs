//! One simulated user, who logs on through the gateway, stays a while, and goes.

use super::super::plan::PASSWORD;
use super::tally::Tally;
use crate::client::connect;
use rand::{RngExt, rng};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// How long a user is away, in ms.
const AWAY_MS: Range<u64> = 1_000..6_000;
/// How long a user stays, in ms.
const STAY_MS: Range<u64> = 3_000..12_000;
/// The share of visits that end with the session, instead of a client that is just closed.
const LEAVES_FOR_GOOD: f64 = 0.5;
/// How long a logon may take.
const LOGON_WAIT: Duration = Duration::from_secs(30);

/// Somebody who has closed the client and wants the session to end.
pub(super) struct Leaving {
    pub(super) user: String,
    pub(super) done: oneshot::Sender<()>,
}

/// A simulated user.
pub(super) struct Visitor {
    pub(super) user: String,
    pub(super) gateway: SocketAddr,
    pub(super) tally: Arc<Tally>,
    pub(super) leaving: mpsc::Sender<Leaving>,
}

impl Visitor {
    /// Comes and goes for ever.
    pub(super) fn come_and_go(&self) {
        loop {
            sleep(Duration::from_millis(rng().random_range(AWAY_MS)));
            self.visit();
        }
    }

    fn visit(&self) {
        let begun = Instant::now();
        let desktop = match connect(self.gateway, &self.user, PASSWORD, None, LOGON_WAIT) {
            Ok(desktop) => desktop,
            Err(error) => return self.tally.failed(format!("{error:#}")),
        };
        self.tally.logged_on(begun.elapsed());
        let stay = Duration::from_millis(rng().random_range(STAY_MS));
        if desktop.wait_until(stay, |desktop| desktop.ended().is_some()) {
            let end = desktop.ended().unwrap_or_default();
            return self.tally.broke_off(format!("{}'s connection broke off: {end}", self.user));
        }
        drop(desktop);
        self.tally.gone();
        if rng().random_bool(LEAVES_FOR_GOOD) {
            let (done, ended) = oneshot::channel();
            // Nobody listens any more where the process is about to end.
            if self.leaving.blocking_send(Leaving { user: self.user.clone(), done }).is_ok() {
                let _ = ended.blocking_recv();
            }
        }
    }
}
