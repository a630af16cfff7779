//! Ids: 16 bytes, shown as 26 lower-case base32 characters. An id is never reused.
//!
//! The id of a broker, a gateway or a host is the fingerprint of the first Ed25519 key that it ever had; the ids of
//! other things are 128 random bits. A key can be replaced later, the id stays.

use data_encoding::{BASE32_NOPAD, DecodeError};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Why a text is not an id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IdError {
    /// Characters outside base32, or a wrong length.
    #[error("{0:?} is not an id: an id has 26 characters out of a–z and 2–7")]
    Malformed(String),
}

/// 128 random bits, drawn by whoever has a source of randomness and handed to the machines that have none.
pub type Random = [u8; 16];

fn text(bytes: &[u8; 16]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

fn parse(s: &str) -> Result<[u8; 16], IdError> {
    let bytes: Result<Vec<u8>, DecodeError> = BASE32_NOPAD.decode(s.trim().to_ascii_uppercase().as_bytes());
    bytes.ok().and_then(|b| b.try_into().ok()).ok_or_else(|| IdError::Malformed(s.chars().take(64).collect()))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// The first eight characters: enough for people to tell a few apart, never to look something up.
            #[must_use]
            pub fn short(&self) -> String {
                text(&self.0).chars().take(8).collect()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&text(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.short())
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(s: &str) -> Result<Self, IdError> {
                parse(s).map(Self)
            }
        }

        // Text where people read it (JSON, TOML), 16 plain bytes where machines do (the log, the links).
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                if s.is_human_readable() { s.collect_str(self) } else { self.0.serialize(s) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                if d.is_human_readable() {
                    let s = String::deserialize(d)?;
                    s.parse().map_err(serde::de::Error::custom)
                } else {
                    <[u8; 16]>::deserialize(d).map(Self)
                }
            }
        }
    )+};
}

ids! {
    /// A site of the farm.
    SiteId,
    /// A broker: the fingerprint of its first key.
    BrokerId,
    /// A gateway: the fingerprint of its first key.
    GatewayId,
    /// A session host, and the agent on it: the fingerprint of the agent's first key.
    HostId,
    /// A published item: a desktop or an application.
    ItemId,
    /// A user.
    UserId,
    /// A group of users.
    GroupId,
    /// An administrator.
    AdminId,
    /// A join token or an administrator's API token.
    TokenId,
    /// A seat: a place reserved for one user on one host.
    SeatId,
    /// A ticket: a signed permission to take one seat.
    TicketId,
    /// A user's session on a host, named by its agent.
    SessionId,
}

/// The least part of an id by which a thing is found, in characters.
const PREFIX: usize = 6;

/// The ids that people mean by the beginning of one, from the lowest to the highest; `None` where no id begins so, or it
/// is too short to tell ids apart. Comparing ids with these is much faster than writing each of them out.
#[must_use]
pub fn beginning_with<I: FromStr>(text: &str) -> Option<RangeInclusive<I>> {
    let text = text.trim();
    if text.chars().count() < PREFIX {
        return None;
    }
    // The last character holds three bits only.
    let lowest = format!("{text:a<26}").parse().ok()?;
    let highest = if text.len() < 26 { format!("{text:7<25}4").parse().ok()? } else { text.parse().ok()? };
    Some(lowest..=highest)
}

/// Anything that an event can touch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thing {
    /// A site; the farm itself is touched through its main site.
    Site(SiteId),
    /// A broker.
    Broker(BrokerId),
    /// A gateway.
    Gateway(GatewayId),
    /// A session host.
    Host(HostId),
    /// A published item.
    Item(ItemId),
    /// A user.
    User(UserId),
    /// A group of users.
    Group(GroupId),
    /// An administrator.
    Admin(AdminId),
    /// A join token or an API token.
    Token(TokenId),
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site(id) => write!(f, "site {}", id.short()),
            Self::Broker(id) => write!(f, "broker {}", id.short()),
            Self::Gateway(id) => write!(f, "gateway {}", id.short()),
            Self::Host(id) => write!(f, "host {}", id.short()),
            Self::Item(id) => write!(f, "item {}", id.short()),
            Self::User(id) => write!(f, "user {}", id.short()),
            Self::Group(id) => write!(f, "group {}", id.short()),
            Self::Admin(id) => write!(f, "administrator {}", id.short()),
            Self::Token(id) => write!(f, "token {}", id.short()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_their_text_form() {
        let id = HostId([0xA5; 16]);
        let text = id.to_string();
        assert_eq!((text.len(), text.parse(), id.short().len()), (26, Ok(id), 8));
        assert_eq!(text.to_uppercase().parse(), Ok(id), "case does not matter");
        for bad in ["", "abc", "0000000000000000000000000!", "äöü"] {
            assert_eq!(bad.parse::<HostId>(), Err(IdError::Malformed(bad.into())));
        }
    }

    #[test]
    fn the_beginning_of_an_id_means_those_that_begin_so() {
        let id = HostId([0xA5; 16]);
        let text = id.to_string();
        for length in 0..=26 {
            let range = beginning_with::<HostId>(&text[..length]);
            assert_eq!(range.as_ref().is_some_and(|r| r.contains(&id)), length >= PREFIX, "{length}");
            let Some(range) = range else { continue };
            for edge in [range.start(), range.end()] {
                assert!(edge.to_string().starts_with(&text[..length]), "{edge}");
            }
            let next = |id: &HostId, step: i8| {
                HostId(u128::from_be_bytes(id.0).wrapping_add_signed(step.into()).to_be_bytes())
            };
            for outside in [next(range.start(), -1), next(range.end(), 1)] {
                assert!(!outside.to_string().starts_with(&text[..length]), "{outside}");
            }
        }
        let upper = format!(" {} ", text.to_uppercase());
        assert_eq!(beginning_with(&upper), Some(id..=id));
        for none in ["aaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaa0", "aaaaa!", "äöüäöü", ""] {
            assert_eq!(beginning_with::<HostId>(none), None, "{none:?}");
        }
    }
}
