//! Joining the farm, port 20001/udp: one request, one answer.

use super::roster::BrokerList;
use crate::join_proof::JoinProof;
use hostler_events::payload::BrokerAddresses;
use hostler_model::{Address, MemberRole, Name, PublicKey, SiteId, TokenId};
use serde::{Deserialize, Serialize};

/// Where a new member can be reached.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum JoinAs {
    /// A broker, with its ports.
    Broker(BrokerAddresses),
    /// A gateway; where clients reach it.
    Gateway(Address),
    /// A session host; where gateways reach its RDP.
    Agent(Address),
}

impl JoinAs {
    /// The role that the token must be for.
    #[must_use]
    pub fn role(&self) -> MemberRole {
        match self {
            Self::Broker(_) => MemberRole::Broker,
            Self::Gateway(_) => MemberRole::Gateway,
            Self::Agent(_) => MemberRole::Agent,
        }
    }
}

/// Somebody wants to join.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct JoinRequest {
    /// The program's version.
    pub version: String,
    /// The token.
    pub token: TokenId,
    /// What it wants to be.
    pub join_as: JoinAs,
    /// The name that it wants.
    pub name: Name,
    /// Its key; the link's key must be the same.
    pub key: PublicKey,
    /// Proof of the token's secret, bound to this link: the bytes of a [`JoinProof`].
    #[serde(deserialize_with = "proof_bytes")]
    pub proof: Vec<u8>,
}

/// A proof has one length; anything else is refused before somebody looks at it.
fn proof_bytes<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let bytes = Vec::<u8>::deserialize(deserializer)?;
    match JoinProof::from_bytes(&bytes) {
        Some(_) => Ok(bytes),
        None => Err(serde::de::Error::invalid_length(bytes.len(), &"the 64 bytes of a join proof")),
    }
}

/// It is a member now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Joined {
    /// The farm's name.
    pub farm: Name,
    /// The site.
    pub site: SiteId,
    /// The name that it got.
    pub name: Name,
    /// The brokers of the site.
    pub brokers: BrokerList,
    /// On how many disks its membership is, of how many.
    pub durable_on: (u32, u32),
}

/// Why somebody does not become a member.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
pub enum JoinRefusal {
    /// No such token, or a wrong secret: one answer for both.
    #[error("the broker does not accept this token: it is wrong, or it was revoked; create a new one")]
    Unknown,
    /// Used before.
    #[error("this token was used already: one token is for one member; create a new one")]
    Used,
    /// Too late.
    #[error("this token has expired; create a new one")]
    Expired,
    /// For another role.
    #[error("this token is for a {token}, not for a {wanted}; create one with: hostler token create {wanted}")]
    Role {
        /// The token's role.
        token: MemberRole,
        /// What wanted to join.
        wanted: MemberRole,
    },
    /// The broker can't author the event now.
    #[error("the broker can't take in a new member now: {0}")]
    NotNow(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_events::codec;

    #[test]
    fn a_proof_of_another_length_is_refused() {
        let request = |bytes| JoinRequest {
            version: "1".into(),
            token: TokenId([1; 16]),
            join_as: JoinAs::Agent("rdsh:3389".parse().unwrap()),
            name: "rdsh".parse().unwrap(),
            key: PublicKey([2; 32]),
            proof: vec![3; bytes],
        };
        for (bytes, good) in [(0, false), (63, false), (64, true), (65, false), (10_000, false)] {
            let read = codec::decode::<JoinRequest>(&codec::encode(&request(bytes)).unwrap());
            assert_eq!(read.is_ok_and(|read| read == request(bytes)), good, "{bytes}");
        }
    }
}
