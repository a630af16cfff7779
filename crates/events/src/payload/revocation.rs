//! Revocations: any broker authors them, and nothing supersedes them.

use hostler_model::{AdminId, BrokerId, GatewayId, HostId, TokenId};
use serde::{Deserialize, Serialize};

/// An administrator may do nothing until enabled again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AdminDisabled {
    /// The administrator.
    pub admin: AdminId,
}

/// An administrator is gone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AdminRemoved {
    /// The administrator.
    pub admin: AdminId,
}

/// A session host is no longer a member.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HostRemoved {
    /// The host.
    pub host: HostId,
}

/// A gateway is no longer a member.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GatewayRemoved {
    /// The gateway.
    pub gateway: GatewayId,
}

/// A join token or an API token is worth nothing any more.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TokenRevoked {
    /// The token.
    pub token: TokenId,
}

/// A broker's key was stolen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BrokerCompromised {
    /// The broker.
    pub broker: BrokerId,
}
