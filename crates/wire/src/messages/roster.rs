//! The list of brokers, as agents and gateways keep it: whom to connect to and by which keys to know them.

use hostler_events::payload::BrokerAddresses;
use hostler_model::{BrokerId, Epoch, Hlc, Name, PublicKey};
use serde::{Deserialize, Serialize};

/// One broker of the site.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BrokerEntry {
    /// Its id.
    pub id: BrokerId,
    /// Its name.
    pub name: Name,
    /// Its key.
    pub key: PublicKey,
    /// Where it listens.
    pub addresses: BrokerAddresses,
    /// Whether it takes work.
    pub enabled: bool,
}

/// The brokers of the site, by priority. A structural order: agents and gateways refuse one of a lower epoch than they
/// have seen, and keep the last one on disk.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BrokerList {
    /// The mastership under which it is valid.
    pub epoch: Epoch,
    /// When it last changed, by the log: within one epoch the later list counts, so that a broker that lags behind
    /// can't bring an old one back.
    pub changed: Hlc,
    /// The brokers.
    pub brokers: Vec<BrokerEntry>,
}
