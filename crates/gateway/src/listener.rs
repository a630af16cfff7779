//! Taking clients' connections on one address, and turning away those that are too many.

use crate::connection::{Shared, Visit};
use crate::metrics::count;
use crate::places::{NoPlace, Places};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// How long to wait after an error of the system (out of files, out of memory), in ms.
const PAUSE_MS: u64 = 100;
/// How often it is said that connections are refused, in ms: a flood of them must not flood the log.
const COMPLAIN_MS: u64 = 1_000;

/// What listeners share.
pub(crate) struct Door {
    pub(crate) shared: Arc<Shared>,
    pub(crate) places: Arc<Places>,
    pub(crate) last_id: AtomicU64,
    /// True when connections must end.
    pub(crate) stopped: watch::Receiver<bool>,
}

/// Runs until it is aborted.
pub(crate) async fn listen(listener: TcpListener, at: SocketAddr, door: Arc<Door>) {
    let mut complaints = Complaints::default();
    loop {
        match listener.accept().await {
            Ok((client, from)) => door.enter(client, from, at, &mut complaints),
            Err(error) if is_the_clients(&error) => tracing::debug!(%error, "a client gave up while it was taken"),
            Err(error) => {
                complaints.complain(|refused| {
                    tracing::error!(%error, refused, "no connection can be taken now; has the process too many files?");
                });
                sleep(Duration::from_millis(PAUSE_MS)).await;
            }
        }
    }
}

impl Door {
    fn enter(self: &Arc<Self>, mut client: TcpStream, from: SocketAddr, at: SocketAddr, complaints: &mut Complaints) {
        let place = match self.places.take(from.ip()) {
            Ok(place) => place,
            Err(why) => return self.refuse(from, why, complaints),
        };
        count(&self.shared.metrics.accepted);
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let visit = Visit::begin(id, from, at);
        let door = self.clone();
        let serving = async move {
            visit.serve(&mut client, &door.shared, door.stopped.clone()).await;
            drop(place);
        };
        tokio::spawn(serving);
    }

    fn refuse(&self, from: SocketAddr, why: NoPlace, complaints: &mut Complaints) {
        count(&self.shared.metrics.over_limit);
        complaints.complain(|refused| tracing::warn!(client = %from, %why, refused, "connections are refused"));
    }
}

/// Errors of one connection, after which the next one can be taken.
fn is_the_clients(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

/// Says at most once in a while that something is refused, and then how often it was.
#[derive(Default)]
struct Complaints {
    last: Option<Instant>,
    refused: u64,
}

impl Complaints {
    fn complain(&mut self, say: impl FnOnce(u64)) {
        self.refused += 1;
        if self.last.is_none_or(|last| last.elapsed() >= Duration::from_millis(COMPLAIN_MS)) {
            say(self.refused);
            *self = Self { last: Some(Instant::now()), refused: 0 };
        }
    }
}
