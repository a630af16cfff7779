//! The world of the scenarios: a server that gives every frame back, and who calls it.

use super::{Start, Trace, address};
use crate::{CloseReason, Closed, ConnectError, Connection, EndpointOptions, Link, MemberKey, Roster, Service, Trust};
use bytes::Bytes;
use hostler_model::MemberRole;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use turmoil::{Builder, Sim};

/// Who listens, and who calls.
pub(super) const SERVER: &str = "server";
pub(super) const CALLER: &str = "caller";
/// Where the server listens.
pub(super) const SERVICE: Service = Service::Peer;
/// How long a scenario may take, on its own clock.
const LASTS: Duration = Duration::from_secs(60);
/// How long a datagram takes. A wide range would put many of them in another order, which QUIC takes for loss.
const LATENCY: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(4)];
/// Datagrams that a socket of the simulation holds.
const SOCKET_DATAGRAMS: usize = 4_096;

/// One side's key, and whom it lets in.
#[derive(Clone)]
pub(super) struct Side {
    pub(super) key: Arc<MemberKey>,
    pub(super) roster: Arc<Roster>,
}

impl Side {
    pub(super) fn options(&self) -> EndpointOptions {
        let (key, roster) = (self.key.clone(), self.roster.clone());
        EndpointOptions { service: SERVICE, key, roster, runtime: Handle::current() }
    }
}

/// Two brokers that know each other, each with a roster of its own.
pub(super) struct World {
    pub(super) seed: u64,
    pub(super) trace: Trace,
    pub(super) server: Side,
    pub(super) caller: Side,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let keys = [1, 2].map(|i| Arc::new(MemberKey::from_seed(&[i; 32])));
        let both = [(keys[0].public(), [1; 16]), (keys[1].public(), [2; 16])];
        let [server, caller] = keys.map(|key| {
            let roster = Arc::new(Roster::new());
            roster.set(MemberRole::Broker, both);
            Side { key, roster }
        });
        Self { seed, trace: Trace::default(), server, caller }
    }

    /// A network with the server on it.
    pub(super) fn network(&self, adjust: impl FnOnce(&mut Builder)) -> Sim<'static> {
        let mut builder = Builder::new();
        builder
            .rng_seed(self.seed)
            .simulation_duration(LASTS)
            .min_message_latency(LATENCY[0])
            .max_message_latency(LATENCY[1])
            .udp_capacity(SOCKET_DATAGRAMS);
        adjust(&mut builder);
        let mut sim = builder.build();
        let (side, seed, trace) = (self.server.clone(), self.seed, self.trace.clone());
        let starts = Rc::new(Cell::new(0));
        sim.host(SERVER, move || {
            starts.set(starts.get() + 1);
            let start = Start { name: SERVER, number: starts.get(), seed, trace: trace.clone() };
            let side = side.clone();
            async move {
                serve(start, side).await;
                Ok(())
            }
        });
        sim
    }

    /// Who calls.
    pub(super) fn caller(&self) -> Caller {
        let start = Start { name: CALLER, number: 1, seed: self.seed, trace: self.trace.clone() };
        Caller { start, side: self.caller.clone() }
    }
}

async fn serve(start: Start, side: Side) {
    let (_endpoint, mut arrivals) = start.listener(side.options()).await;
    start.note(format_args!("listens, start {}", start.number));
    while let Some(connection) = arrivals.next().await {
        start.note(format_args!("let in {}", connection.peer()));
        tokio::spawn(echo(start.clone(), connection));
    }
}

/// Gives every frame back.
async fn echo(start: Start, connection: Connection) {
    while let Ok(mut link) = connection.accept_link().await {
        loop {
            match link.recv().await {
                Ok(Some(frame)) => {
                    start.note(format_args!("a frame of {}", frame.len()));
                    if link.send(frame).await.is_err() {
                        break;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    start.note(&error);
                    break;
                }
            }
        }
    }
    start.note(connection.closed().await);
}

/// Who calls.
pub(super) struct Caller {
    pub(super) start: Start,
    pub(super) side: Side,
}

impl Caller {
    /// A connection to the server, and what came of it in the trace.
    pub(super) async fn call(&self, endpoint: &crate::Endpoint) -> Result<Connection, ConnectError> {
        let called = endpoint.connect_to(address(SERVER, SERVICE.port()), Trust::AnyBroker).await;
        match &called {
            Ok(connection) => self.start.note(format_args!("connected to {}", connection.peer())),
            Err(error) => self.start.note(error),
        }
        called
    }

    /// Calls again until it is let in.
    pub(super) async fn call_until_in(&self, endpoint: &crate::Endpoint) -> Connection {
        loop {
            if let Ok(connection) = self.call(endpoint).await {
                return connection;
            }
        }
    }

    /// Sends a frame and waits for it to come back.
    pub(super) async fn there_and_back(&self, link: &mut Link, frame: Bytes) {
        link.send(frame.clone()).await.unwrap();
        assert_eq!(link.recv().await.unwrap(), Some(frame));
    }

    /// Waits for a connection's end and says why.
    pub(super) async fn end(&self, connection: &Connection) -> Closed {
        let closed = connection.closed().await;
        self.start.note(&closed);
        closed
    }
}

/// Whether the peer closed it for this reason.
pub(super) fn is_closed_for(closed: &Closed, wanted: CloseReason) -> bool {
    matches!(closed, Closed::ByPeer { reason, .. } if *reason == wanted)
}
