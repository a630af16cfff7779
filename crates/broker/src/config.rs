//! What a broker needs to run: what is local to its machine. Everything else is in the log.

use hostler_model::{BrokerId, PublicKey, SiteId};
use hostler_wire::{KeyRing, MemberKey};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// Where a broker listens on its machine: one port per level of trust.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listen {
    /// UDP: joining.
    pub join: SocketAddr,
    /// TCP: HTTPS; UDP: gateways.
    pub access: SocketAddr,
    /// UDP: agents.
    pub agent: SocketAddr,
    /// UDP: brokers.
    pub peer: SocketAddr,
}

/// What a broker needs to run.
#[derive(Clone)]
pub struct BrokerConfig {
    /// This broker.
    pub me: BrokerId,
    /// Its site.
    pub site: SiteId,
    /// Its key.
    pub key: Arc<MemberKey>,
    /// The files of the key, where it can be replaced while the broker runs.
    pub key_ring: Option<KeyRing>,
    /// Where its log is.
    pub data_dir: PathBuf,
    /// The configuration file that it was started with: it goes into backups.
    pub config_file: Option<PathBuf>,
    /// Where it listens.
    pub listen: Listen,
    /// Brokers that it knows from the token with which it joined, until it has the log.
    pub trusted: Vec<TrustedBroker>,
}

/// A broker that is known before the log is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustedBroker {
    /// Its id.
    pub id: BrokerId,
    /// Its key.
    pub key: PublicKey,
    /// Whether it takes work; where it does not, it may have been removed, and is no peer before the log says so.
    pub enabled: bool,
    /// Where it talks to other brokers.
    pub peer: hostler_model::Address,
}
