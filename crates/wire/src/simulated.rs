//! Members on a simulated network: the same endpoints, handshakes, links and timers as everywhere, on a clock of the
//! simulation's own and with its chance. For tests only. What crosses the network, and what members say of it, goes into
//! a trace; the same seed must give the same trace.

mod socket;
mod tests;
mod world;

use crate::acceptor::Arrivals;
use crate::endpoint::{Endpoint, EndpointOptions, Ground, server_config};
use crate::restart;
use crate::runtime::HandleRuntime;
use quinn::{EndpointConfig, ServerConfig};
use quinn_proto::{ConnectionId, ConnectionIdGenerator};
use socket::SimulatedSocket;
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Handle;

/// A connection's id, in bytes: as long as the real ones.
const ID_BYTES: usize = 8;

/// What happened, in order: the simulated time in µs, where, and what.
#[derive(Clone, Debug, Default)]
struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    fn add(&self, at: &str, what: impl Display) {
        // No simulation any more: this is how its end takes things down, in whatever order.
        let Some(now) = turmoil::sim_elapsed() else { return };
        self.0.lock().unwrap().push(format!("{:>9} {at}: {what}", now.as_micros()));
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// One start of a member's process: its name, which start it is, and the run's chance.
#[derive(Clone)]
struct Start {
    name: &'static str,
    number: u8,
    seed: u64,
    trace: Trace,
}

impl Start {
    /// An endpoint of this process. It has the whole machine: the port is the service's.
    async fn endpoint(&self, options: EndpointOptions, server: Option<ServerConfig>) -> Endpoint {
        let ip = turmoil::lookup(self.name);
        let at = SocketAddr::from(([0, 0, 0, 0], options.service.port()));
        let socket = SimulatedSocket::bind(self.name, at, self.trace.clone()).await.unwrap();
        let config = self.chance(restart::endpoint_config(&options.key, options.service));
        let runtime = Arc::new(HandleRuntime(Handle::current()));
        let quinn = quinn::Endpoint::new_with_abstract_socket(config, server, Arc::new(socket), runtime).unwrap();
        Endpoint::around(quinn, options, Some(ip), Ground::Simulation).unwrap()
    }

    async fn dialer(&self, options: EndpointOptions) -> Endpoint {
        self.endpoint(options, None).await
    }

    async fn listener(&self, options: EndpointOptions) -> (Endpoint, Arrivals) {
        let config = server_config(&options).unwrap();
        self.endpoint(options, Some(config.clone())).await.accept(config)
    }

    fn chance(&self, mut config: EndpointConfig) -> EndpointConfig {
        let (name, number) = (self.name, self.number);
        let bytes = blake3::hash(format!("{} {name} {number}", self.seed).as_bytes());
        config
            .rng_seed(Some(*bytes.as_bytes()))
            .cid_generator(move || Box::new(CountedIds { stem: format!("{name} {number}"), last: 0 }));
        config
    }

    fn note(&self, what: impl Display) {
        self.trace.add(self.name, what);
    }
}

/// Ids of connections without chance, none of which comes twice.
struct CountedIds {
    stem: String,
    last: u64,
}

impl ConnectionIdGenerator for CountedIds {
    fn generate_cid(&mut self) -> ConnectionId {
        self.last += 1;
        let hash = blake3::hash(format!("{} {}", self.stem, self.last).as_bytes());
        ConnectionId::new(&hash.as_bytes()[..ID_BYTES])
    }

    fn cid_len(&self) -> usize {
        ID_BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

fn address(name: &str, port: u16) -> SocketAddr {
    let ip: IpAddr = turmoil::lookup(name);
    SocketAddr::from((ip, port))
}
