//! The roles that a member of a farm can have, and the ports that each role talks to.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a member of the farm is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberRole {
    /// Answers for a site.
    Broker,
    /// Takes client connections.
    Gateway,
    /// Runs on a session host.
    Agent,
}

impl fmt::Display for MemberRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Broker => "broker",
            Self::Gateway => "gateway",
            Self::Agent => "agent",
        })
    }
}

impl FromStr for MemberRole {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "broker" => Ok(Self::Broker),
            "gateway" => Ok(Self::Gateway),
            "agent" => Ok(Self::Agent),
            other => Err(format!("{other:?} is no role: use broker, gateway or agent")),
        }
    }
}

/// The default ports, one per level of trust, so that a firewall can tell them apart.
pub mod ports {
    /// UDP: joining the farm; anyone with a join token.
    pub const JOIN: u16 = 20_001;
    /// TCP: console, REST and portal for administrators and users; UDP: resolving and redeeming seats for gateways.
    pub const ACCESS: u16 = 20_002;
    /// UDP: reports, seats and orders; session hosts.
    pub const AGENT: u16 = 20_003;
    /// UDP: gossip, log and forwarded commands; brokers.
    pub const PEER: u16 = 20_030;
    /// TCP: RDP, on a gateway and on a session host.
    pub const RDP: u16 = 3_389;
}
