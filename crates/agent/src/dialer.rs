//! The agent's QUIC socket, shared by the links to all brokers.

use hostler_model::{Address, BrokerId};
use hostler_wire::{CloseReason, ConnectError, Connection, Endpoint, EndpointError, EndpointOptions, Trust};
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::RwLock;
use tokio::time::timeout;

/// How long links that are just being dialled may hold up the end, in ms.
const CLOSE_MS: u64 = 1_000;

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the agent is being stopped")]
    Stopped,
}

/// The socket, until the agent stops.
pub(crate) struct Dialer(RwLock<Option<Endpoint>>);

impl Dialer {
    pub(crate) fn open(options: EndpointOptions, from: Option<IpAddr>) -> Result<Self, EndpointError> {
        Ok(Self(RwLock::new(Some(Endpoint::dialer(options, from)?))))
    }

    /// Connects to a broker, whose key must be the one on the roster.
    pub(crate) async fn connect(&self, to: &Address, broker: BrokerId) -> Result<Connection, DialError> {
        let endpoint = self.0.read().await;
        let endpoint = endpoint.as_ref().ok_or(DialError::Stopped)?;
        Ok(endpoint.connect(to, Trust::Broker(broker)).await?)
    }

    /// Tells the brokers that the agent stops.
    pub(crate) async fn close(&self) {
        let taken = timeout(Duration::from_millis(CLOSE_MS), self.0.write()).await.map(|mut endpoint| endpoint.take());
        match taken {
            Ok(Some(endpoint)) => endpoint.close(CloseReason::Stopping).await,
            Ok(None) => {}
            Err(_) => tracing::debug!("a link was being dialled to the last; the brokers see it end by its silence"),
        }
    }
}
