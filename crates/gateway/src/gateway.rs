//! Putting a gateway together, and taking it apart again in order.

use crate::broker_keeper::{Keeper, OFFERS};
use crate::brokers::Brokers;
use crate::config::{GatewayConfig, GatewayLimits};
use crate::connection::Shared;
use crate::kept_list::{KeptList, KeptListError};
use crate::key_links::GatewayLinks;
use crate::listener::{Door, listen};
use crate::metrics::Metrics;
use crate::open_files::room_for_connections;
use crate::places::Places;
use crate::splice::{PipePool, prepare};
use hostler_wire::{Dialer, EndpointError, EndpointOptions, Roster, Service, rotate};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout;

/// How long connections go on after the gateway was told to stop, in ms.
const DRAIN_MS: u64 = 10_000;
/// How long they may then take to end, and so may the links to the brokers, in ms.
const END_MS: u64 = 1_000;

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// A port.
    #[error(
        "can't take RDP clients at {at}/tcp: {source}; is another process using it, or is a port below 1024 not \
             allowed for this user?"
    )]
    Listen {
        /// Address and port.
        at: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// Nothing to do.
    #[error("the gateway has no address to take RDP clients at: name at least one")]
    NoAddress,
    /// Nobody to ask.
    #[error("the gateway knows no broker: join the farm again (hostler join)")]
    NoBrokers,
    /// No room.
    #[error("this process may not open enough files for even one connection: raise its limit (LimitNOFILE, ulimit -n)")]
    NoFiles,
    /// The list of brokers.
    #[error(transparent)]
    KeptList(#[from] KeptListError),
    /// The socket towards the brokers.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
}

/// Runs a gateway until `shutdown` is done, and then for as long as its connections take, 10 s at most. Must be called
/// on a multi-threaded runtime, which carries the clients' bytes.
///
/// # Errors
/// Where the gateway can't start.
pub async fn run(config: GatewayConfig, shutdown: impl Future<Output = ()>) -> Result<(), GatewayError> {
    let gateway = Gateway::start(config).await?;
    shutdown.await;
    gateway.stop().await;
    Ok(())
}

/// A running gateway. Dropping it closes its ports and ends its connections; [`Gateway::stop`] is the polite way.
pub struct Gateway {
    addresses: Vec<SocketAddr>,
    listeners: Vec<JoinHandle<()>>,
    keeper: JoinHandle<()>,
    brokers: Arc<Brokers>,
    metrics: Arc<Metrics>,
    places: Arc<Places>,
    stopped: watch::Sender<bool>,
    dialer: Arc<Dialer>,
    rotating: Option<AbortHandle>,
    sessions: mpsc::Receiver<()>,
}

impl Gateway {
    /// Starts it: it takes clients when this returns, and connects to the brokers meanwhile.
    ///
    /// # Errors
    /// Where a port is taken, the kept list of brokers is damaged, or the system has no room.
    pub async fn start(config: GatewayConfig) -> Result<Self, GatewayError> {
        let GatewayConfig { id, key, key_ring, listen: at, advertised, data_dir, brokers: given, limits } = config;
        let kept = KeptList::open(&data_dir, given)?;
        if kept.list.brokers.is_empty() {
            return Err(GatewayError::NoBrokers);
        }
        let places = Places::new(connections(limits)?, limits.per_address);
        let sockets = bind(&at).await?;
        let (runtime, roster) = (Handle::current(), Arc::new(Roster::new()));
        let options = EndpointOptions {
            service: Service::Gateway,
            key: key.clone(),
            roster: roster.clone(),
            runtime: runtime.clone(),
        };
        let dialer = Arc::new(Dialer::open(options, None)?);
        let metrics = Arc::new(Metrics::default());
        let brokers = Arc::new(Brokers::new(metrics.clone()));
        let (offers, offered) = mpsc::channel(OFFERS);
        let (alive, sessions) = mpsc::channel(1);
        let keeper = Keeper {
            id,
            roster,
            brokers: brokers.clone(),
            metrics: metrics.clone(),
            dialer: dialer.clone(),
            runtime: runtime.clone(),
            epoch: watch::Sender::new(kept.epoch),
            kept,
            offers,
            alive,
        };
        let keeper = runtime.spawn(keeper.run(offered));
        let rotating = key_ring.map(|ring| {
            let links = GatewayLinks(brokers.clone());
            runtime.spawn(rotate(ring, id.0, key, dialer.clone(), links)).abort_handle()
        });
        let shared = Shared { brokers: brokers.clone(), pipes: PipePool::new(), metrics: metrics.clone() };
        let (stopped, is_stopped) = watch::channel(false);
        let door = Arc::new(Door {
            shared: Arc::new(shared),
            places: places.clone(),
            last_id: AtomicU64::new(0),
            stopped: is_stopped,
        });
        let (mut addresses, mut listeners) = (Vec::new(), Vec::new());
        for (at, socket) in sockets {
            tracing::info!(gateway = %id.short(), %at, "taking RDP clients");
            addresses.push(at);
            listeners.push(runtime.spawn(listen(socket, at, door.clone())));
        }
        if let Some(advertised) = advertised {
            tracing::info!(gateway = %id.short(), address = %advertised, "clients are told to connect here");
        }
        Ok(Self { addresses, listeners, keeper, brokers, metrics, places, stopped, dialer, rotating, sessions })
    }

    /// Where it takes clients, with the ports that the system chose.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Its counters.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// How many brokers it is connected to now.
    #[must_use]
    pub fn connected_brokers(&self) -> usize {
        self.brokers.connected()
    }

    /// Takes no more clients, lets the connections go on for a while, ends the rest, and says goodbye to the brokers.
    pub async fn stop(self) {
        self.stop_within(Duration::from_millis(DRAIN_MS)).await;
    }

    /// The same with another time for connections to go on.
    pub async fn stop_within(mut self, drain: Duration) {
        for listener in self.listeners.drain(..) {
            listener.abort();
            // Only then is the port closed.
            let _ = listener.await;
        }
        let carrying = self.metrics.counts().carrying;
        tracing::info!(carrying, wait_ms = drain.as_millis() as u64, "stopping: no more clients are taken");
        if !self.places.all_free(drain).await {
            self.stopped.send_replace(true);
            if !self.places.all_free(Duration::from_millis(END_MS)).await {
                tracing::warn!("some connections did not end in time");
            }
        }
        self.leave_brokers().await;
    }

    async fn leave_brokers(&mut self) {
        self.keeper.abort();
        let _ = (&mut self.keeper).await;
        // With the links their sessions end.
        self.brokers.set_links(Vec::new());
        let _ = timeout(Duration::from_millis(END_MS), self.sessions.recv()).await;
        self.dialer.close().await;
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(rotating) = &self.rotating {
            rotating.abort();
        }
        self.keeper.abort();
        self.listeners.iter().for_each(JoinHandle::abort);
        self.stopped.send_replace(true);
        self.brokers.set_links(Vec::new());
    }
}

/// As many connections as are wanted, or as fit.
fn connections(limits: GatewayLimits) -> Result<usize, GatewayError> {
    let room = match room_for_connections() {
        Ok(room) => room,
        Err(error) => {
            tracing::warn!(%error, "the system does not say how many files this process may open");
            limits.connections
        }
    };
    if room == 0 {
        return Err(GatewayError::NoFiles);
    }
    if room < limits.connections {
        tracing::warn!(room, wanted = limits.connections, "fewer connections fit than are wanted: raise LimitNOFILE");
    }
    Ok(room.min(limits.connections))
}

async fn bind(at: &[SocketAddr]) -> Result<Vec<(SocketAddr, TcpListener)>, GatewayError> {
    if at.is_empty() {
        return Err(GatewayError::NoAddress);
    }
    let mut sockets = Vec::with_capacity(at.len());
    for &at in at {
        let bound = async {
            let socket = TcpListener::bind(at).await?;
            prepare(&socket)?;
            Ok((socket.local_addr()?, socket))
        };
        sockets.push(bound.await.map_err(|source| GatewayError::Listen { at, source })?);
    }
    Ok(sockets)
}
