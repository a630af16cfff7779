//! Taking connections: many handshakes at once, none of which can hold up another, and no more than there is room for.

use crate::close::CloseReason;
use crate::connection::{Connection, WELCOME, canonical};
use crate::endpoint::Shared;
use crate::key::Fingerprint;
use crate::said::SaidAlready;
use crate::service::{JOIN_MS, Service};
use crate::verifier::{Accept, Seen};
use quinn::{Incoming, ServerConfig};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

/// Handshakes that are under way at once; each costs about 1 ms of a core.
const HANDSHAKES: usize = 256;
/// From how many handshakes on a client must first show that its address is its own (QUIC's retry), so that forged
/// ones take no room.
const HANDSHAKES_TRUSTING: usize = 64;
/// How long a handshake may take, in ms.
const HANDSHAKE_MS: u64 = 5_000;
/// Connections that wait to be taken by the service.
const ARRIVALS: usize = 256;

/// Connections as they come in. When this is dropped, the endpoint takes no more.
pub struct Arrivals(mpsc::Receiver<Connection>);

impl Arrivals {
    /// The next connection; none when the endpoint has stopped.
    pub async fn next(&mut self) -> Option<Connection> {
        self.0.recv().await
    }
}

pub(crate) fn start(shared: Arc<Shared>, config: ServerConfig) -> (AbortHandle, Arrivals) {
    let (arrived, arrivals) = mpsc::channel(ARRIVALS);
    let task = shared.options.runtime.clone().spawn(accept(shared, config, arrived)).abort_handle();
    (task, Arrivals(arrivals))
}

async fn accept(shared: Arc<Shared>, config: ServerConfig, arrived: mpsc::Sender<Connection>) {
    let service = shared.options.service;
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
    let said = Arc::new(SaidAlready::default());
    loop {
        let incoming = tokio::select! {
            incoming = shared.quinn.accept() => incoming,
            () = arrived.closed() => return,
        };
        let Some(incoming) = incoming else { return };
        let remote = canonical(incoming.remote_address());
        let under_way = HANDSHAKES - handshakes.available_permits();
        if under_way >= HANDSHAKES_TRUSTING && !incoming.remote_address_validated() {
            // Fails only where a retry was used already, and then the address is validated.
            let _ = incoming.retry();
            continue;
        }
        let room = handshakes.clone().try_acquire_owned();
        let (Ok(room), true) = (room, shared.quinn.open_connections() < service.connections()) else {
            tracing::warn!(%remote, %service, "refused a connection: this side has as many as it takes");
            incoming.refuse();
            continue;
        };
        let (shared, config, arrived, said) = (shared.clone(), config.clone(), arrived.clone(), said.clone());
        shared.options.runtime.clone().spawn(async move {
            let seen = Seen::default();
            match timeout(Duration::from_millis(HANDSHAKE_MS), welcome(&shared, config, incoming, &seen, arrived)).await
            {
                Ok(Ok(())) => {}
                Ok(Err(why)) => log_refusal(&said, remote, service, &seen, &why),
                Err(_) => log_refusal(&said, remote, service, &seen, "the handshake took too long"),
            }
            drop(room);
        });
    }
}

async fn welcome(
    shared: &Shared,
    mut config: ServerConfig,
    incoming: Incoming,
    seen: &Seen,
    arrived: mpsc::Sender<Connection>,
) -> Result<(), String> {
    let service = shared.options.service;
    let accept = match service {
        Service::Join => Accept::Anyone,
        _ => Accept::Members(shared.options.roster.clone(), service.clients()),
    };
    let crypto = shared.tls.server(service, accept.clone(), seen.clone()).map_err(|e| e.to_string())?;
    config.crypto = Arc::new(crypto);
    let quinn = incoming.accept_with(Arc::new(config)).map_err(|e| e.to_string())?.await.map_err(|e| e.to_string())?;
    let connection = shared.admit(quinn, &accept)?;
    let Ok(place) = arrived.try_reserve() else {
        connection.close(CloseReason::Busy);
        return Err("too many connections wait to be taken".into());
    };
    let mut stream = connection.quinn().open_uni().await.map_err(|e| e.to_string())?;
    stream.write_all(&[WELCOME]).await.map_err(|e| e.to_string())?;
    // Fails only where the stream is closed already.
    let _ = stream.finish();
    tracing::debug!(peer = %connection.peer(), %service, "connected");
    if service == Service::Join {
        let inner = Arc::downgrade(connection.inner());
        connection.runtime().spawn(async move {
            sleep(Duration::from_millis(JOIN_MS)).await;
            if let Some(inner) = inner.upgrade() {
                inner.close(CloseReason::TookTooLong);
            }
        });
    }
    place.send(connection);
    Ok(())
}

fn log_refusal(said: &SaidAlready, remote: SocketAddr, service: Service, seen: &Seen, why: &str) {
    if !said.is_new(remote.ip(), seen.get().map_or(why.to_string(), |(key, refusal)| format!("{key} {refusal:?}"))) {
        return;
    }
    match seen.get() {
        Some((key, Some(refusal))) => {
            let key = Fingerprint::of(key);
            tracing::warn!(%remote, %service, %key, "refused a connection: {refusal}");
        }
        // Escaped: it may quote what the other side wrote.
        _ => tracing::info!(%remote, %service, ?why, "a connection did not come about"),
    }
}
