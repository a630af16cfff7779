//! What a gateway is told when it starts. Everything else comes from the brokers.

use hostler_model::{Address, GatewayId};
use hostler_wire::messages::roster::BrokerList;
use hostler_wire::{KeyRing, MemberKey};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// Connections of clients that a gateway carries at once, unless told otherwise.
const CONNECTIONS: usize = 10_000;
/// The same from one address, unless told otherwise: an office behind one address, but not all that there is.
const CONNECTIONS_PER_ADDRESS: usize = 256;

/// What a gateway needs.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// Who it is.
    pub id: GatewayId,
    /// Its key, by which brokers know it.
    pub key: Arc<MemberKey>,
    /// The files of the key, where it can be replaced while the gateway runs.
    pub key_ring: Option<KeyRing>,
    /// Where RDP clients are taken, on TCP.
    pub listen: Vec<SocketAddr>,
    /// What clients are told to connect to, where that differs from the addresses above; only shown here.
    pub advertised: Option<Address>,
    /// Where the list of brokers is kept. The directory must exist.
    pub data_dir: PathBuf,
    /// The brokers, as this gateway was told when it joined. A list kept in `data_dir` under the same epoch or a later
    /// one counts instead.
    pub brokers: BrokerList,
    /// How many clients.
    pub limits: GatewayLimits,
}

/// How many clients a gateway takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GatewayLimits {
    /// Connections at once. Fewer where the process may not open as many files: each takes two.
    pub connections: usize,
    /// Connections at once from one IPv4 address, or from one IPv6 network of 64 bits.
    pub per_address: usize,
}

impl Default for GatewayLimits {
    fn default() -> Self {
        Self { connections: CONNECTIONS, per_address: CONNECTIONS_PER_ADDRESS }
    }
}
