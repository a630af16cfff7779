//! A gateway with some fake brokers.

use crate::fake_broker::FakeBroker;
use crate::log_lines;
use hostler_gateway::{Gateway, GatewayConfig, GatewayLimits};
use hostler_model::{BrokerId, Epoch, GatewayId, Hlc};
use hostler_wire::messages::gateway::GatewayToBroker;
use hostler_wire::messages::roster::BrokerList;
use hostler_wire::{KeyRing, MemberKey};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub(crate) const GATEWAY: GatewayId = GatewayId([0x67; 16]);
const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.expect("it takes too long")
}

/// Looks again and again.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "not reached in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn gateway_key() -> Arc<MemberKey> {
    Arc::new(MemberKey::from_seed(&[0x67; 32]))
}

pub(crate) fn broker(number: u8) -> FakeBroker {
    FakeBroker::start(number, (&gateway_key(), GATEWAY))
}

pub(crate) fn epoch(n: u64) -> Epoch {
    Epoch { n, hlc: Hlc::default(), broker: BrokerId([1; 16]) }
}

pub(crate) fn list(n: u64, brokers: &[&FakeBroker]) -> BrokerList {
    BrokerList {
        epoch: epoch(n),
        changed: Default::default(),
        brokers: brokers.iter().map(|b| b.entry.clone()).collect(),
    }
}

pub(crate) struct Site {
    pub(crate) gateway: Gateway,
    pub(crate) dir: TempDir,
}

impl Site {
    /// A gateway that is connected to all these brokers, whose list has epoch 1.
    pub(crate) async fn start(brokers: &mut [FakeBroker]) -> Self {
        Self::start_with(brokers, GatewayLimits::default()).await
    }

    pub(crate) async fn start_with(brokers: &mut [FakeBroker], limits: GatewayLimits) -> Self {
        let all = list(1, &brokers.iter().collect::<Vec<_>>());
        brokers.iter().for_each(|b| b.welcomes_with(&all));
        let site = Self::start_alone(all, limits, tempfile::tempdir().unwrap()).await;
        site.connects_to(brokers.len()).await;
        for broker in brokers {
            assert!(matches!(soon(broker.hears()).await, GatewayToBroker::Hello { gateway: GATEWAY, .. }));
        }
        site
    }

    /// A gateway that need not be connected to anybody.
    pub(crate) async fn start_alone(brokers: BrokerList, limits: GatewayLimits, dir: TempDir) -> Self {
        Self::start_with_keys(brokers, limits, dir, gateway_key(), None).await
    }

    /// The same with these keys.
    pub(crate) async fn start_with_keys(
        brokers: BrokerList,
        limits: GatewayLimits,
        dir: TempDir,
        key: Arc<MemberKey>,
        key_ring: Option<KeyRing>,
    ) -> Self {
        log_lines::begin();
        let config = GatewayConfig {
            id: GATEWAY,
            key,
            key_ring,
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            advertised: None,
            data_dir: dir.path().into(),
            brokers,
            limits,
        };
        Self { gateway: Gateway::start(config).await.unwrap(), dir }
    }

    pub(crate) async fn connects_to(&self, brokers: usize) {
        until("connected to the brokers", || self.gateway.connected_brokers() == brokers).await;
    }

    pub(crate) fn at(&self) -> SocketAddr {
        self.gateway.addresses()[0]
    }

    /// A client that has sent this.
    pub(crate) async fn client(&self, bytes: &[u8]) -> Client {
        let mut stream = TcpStream::connect(self.at()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        Client(stream)
    }
}

pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    /// Both ends.
    pub(crate) fn at(&self) -> (SocketAddr, SocketAddr) {
        (self.0.local_addr().unwrap(), self.0.peer_addr().unwrap())
    }

    pub(crate) async fn reads(&mut self, bytes: usize) -> Vec<u8> {
        let mut read = vec![0; bytes];
        soon(self.0.read_exact(&mut read)).await.unwrap();
        read
    }

    /// So many bytes, or fewer where the gateway closes before.
    pub(crate) async fn reads_or_end(&mut self, bytes: usize) -> Vec<u8> {
        let mut read = Vec::new();
        let _ = soon((&mut self.0).take(bytes as u64).read_to_end(&mut read)).await;
        read
    }

    /// All that comes until the gateway closes; a reset counts as closing.
    pub(crate) async fn reads_to_the_end(&mut self) -> Vec<u8> {
        let mut read = Vec::new();
        let _ = soon(self.0.read_to_end(&mut read)).await;
        read
    }

    /// Sends this through to the echoing host and gets it back.
    pub(crate) async fn echoes(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
        assert_eq!(self.reads(bytes.len()).await, bytes);
    }
}

/// The one line in the log about how the connection between these two ended.
pub(crate) async fn ending_of(client: (SocketAddr, SocketAddr)) -> String {
    until("the log line", || !endings(client).is_empty()).await;
    let mut lines = endings(client);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

fn endings(client: (SocketAddr, SocketAddr)) -> Vec<String> {
    log_lines::about(client).into_iter().filter(|line| line.contains("a connection has ended")).collect()
}

/// What FreeRDP sends for `/u:<name> /sec:tls`.
pub(crate) fn hello_of(name: &str) -> Vec<u8> {
    use hostler_rdp::{ConnectionRequest, NegotiationRequest, Protocols, Routing};
    let negotiation = Some(NegotiationRequest::offering(Protocols::TLS));
    ConnectionRequest { routing: Routing::UserName(name.into()), negotiation }.encode().unwrap()
}

/// What it sends for a routing token.
pub(crate) fn hello_with(token: &[u8]) -> Vec<u8> {
    use hostler_rdp::{ConnectionRequest, NegotiationRequest, Protocols, Routing};
    let negotiation = Some(NegotiationRequest::offering(Protocols::TLS));
    ConnectionRequest { routing: Routing::Token(token.into()), negotiation }.encode().unwrap()
}
