//! Who may connect: the keys of the farm's members, as the views hold them now. The services keep it up to date; the
//! verifiers ask it at every handshake, and endpoints close what it no longer holds.

use hostler_model::{BrokerId, GatewayId, HostId, MemberRole, PublicKey};
use std::collections::HashMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};
use tokio::sync::watch;

/// A member of the farm: its role and its id in one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Member {
    /// A broker.
    Broker(BrokerId),
    /// A gateway.
    Gateway(GatewayId),
    /// The agent of a session host.
    Agent(HostId),
}

impl Member {
    /// The member with this role and id.
    #[must_use]
    pub fn new(role: MemberRole, id: [u8; 16]) -> Self {
        match role {
            MemberRole::Broker => Self::Broker(BrokerId(id)),
            MemberRole::Gateway => Self::Gateway(GatewayId(id)),
            MemberRole::Agent => Self::Agent(HostId(id)),
        }
    }

    /// What it is.
    #[must_use]
    pub fn role(&self) -> MemberRole {
        match self {
            Self::Broker(_) => MemberRole::Broker,
            Self::Gateway(_) => MemberRole::Gateway,
            Self::Agent(_) => MemberRole::Agent,
        }
    }

    /// Its id, without the role.
    #[must_use]
    pub fn id(&self) -> [u8; 16] {
        match self {
            Self::Broker(id) => id.0,
            Self::Gateway(id) => id.0,
            Self::Agent(id) => id.0,
        }
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker(id) => write!(f, "broker {}", id.short()),
            Self::Gateway(id) => write!(f, "gateway {}", id.short()),
            Self::Agent(id) => write!(f, "agent {}", id.short()),
        }
    }
}

/// Why the roster does not let a key in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotOnRoster {
    /// Nobody's key: never joined, removed, or of another farm.
    #[error("the key is no member's: it never joined this farm, or was removed")]
    Unknown,
    /// A member's, but not one that belongs here.
    #[error("the key is that of {0}, which has no business on this port")]
    OtherRole(Member),
}

type Keys = HashMap<PublicKey, [u8; 16]>;

#[derive(Default)]
struct Books {
    brokers: Keys,
    gateways: Keys,
    agents: Keys,
}

impl Books {
    fn of(&self, role: MemberRole) -> &Keys {
        match role {
            MemberRole::Broker => &self.brokers,
            MemberRole::Gateway => &self.gateways,
            MemberRole::Agent => &self.agents,
        }
    }

    fn find(&self, role: MemberRole, key: &PublicKey) -> Option<Member> {
        self.of(role).get(key).map(|id| Member::new(role, *id))
    }
}

const ROLES: [MemberRole; 3] = [MemberRole::Broker, MemberRole::Gateway, MemberRole::Agent];

/// The keys that may connect, by role. Shared; changed at any time.
pub struct Roster {
    books: RwLock<Books>,
    changes: watch::Sender<u64>,
}

impl Default for Roster {
    fn default() -> Self {
        Self { books: RwLock::default(), changes: watch::Sender::new(0) }
    }
}

impl Roster {
    /// A roster that lets nobody in.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces all keys of one role. A member may have two keys while one replaces the other. Links of keys that are
    /// gone end at once.
    pub fn set(&self, role: MemberRole, keys: impl IntoIterator<Item = (PublicKey, [u8; 16])>) {
        let new: Keys = keys.into_iter().collect();
        let mut books = self.books.write().unwrap_or_else(PoisonError::into_inner);
        if *books.of(role) == new {
            return;
        }
        match role {
            MemberRole::Broker => books.brokers = new,
            MemberRole::Gateway => books.gateways = new,
            MemberRole::Agent => books.agents = new,
        }
        drop(books);
        self.changes.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// Whose key this is, among these roles.
    ///
    /// # Errors
    /// Where it is nobody's, or a member's with another role.
    pub fn find(&self, roles: &[MemberRole], key: &PublicKey) -> Result<Member, NotOnRoster> {
        let books = self.books.read().unwrap_or_else(PoisonError::into_inner);
        let among = |roles: &[MemberRole]| roles.iter().find_map(|role| books.find(*role, key));
        among(roles).ok_or_else(|| among(&ROLES).map_or(NotOnRoster::Unknown, NotOnRoster::OtherRole))
    }

    /// Whether this is still that member's key.
    #[must_use]
    pub fn holds(&self, member: &Member, key: &PublicKey) -> bool {
        self.find(&[member.role()], key) == Ok(*member)
    }

    /// Says when the roster has changed; the number itself means nothing.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let books = self.books.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("Roster")
            .field("brokers", &books.brokers.len())
            .field("gateways", &books.gateways.len())
            .field("agents", &books.agents.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_its_role_only() {
        let (broker, agent, nobody) = (PublicKey([1; 32]), PublicKey([2; 32]), PublicKey([3; 32]));
        let roster = Roster::new();
        let changes = roster.changes();
        roster.set(MemberRole::Broker, [(broker, [1; 16])]);
        roster.set(MemberRole::Agent, [(agent, [2; 16])]);
        let (b, a) = (Member::Broker(BrokerId([1; 16])), Member::Agent(HostId([2; 16])));
        for (roles, key, expected) in [
            (&[MemberRole::Broker][..], broker, Ok(b)),
            (&[MemberRole::Agent], agent, Ok(a)),
            (&[MemberRole::Gateway, MemberRole::Agent], agent, Ok(a)),
            (&[MemberRole::Gateway], agent, Err(NotOnRoster::OtherRole(a))),
            (&[MemberRole::Agent], broker, Err(NotOnRoster::OtherRole(b))),
            (&[MemberRole::Agent], nobody, Err(NotOnRoster::Unknown)),
            (&[], agent, Err(NotOnRoster::OtherRole(a))),
        ] {
            assert_eq!(roster.find(roles, &key), expected);
        }
        assert_eq!(*changes.borrow(), 2);
        roster.set(MemberRole::Agent, [(agent, [2; 16])]);
        assert_eq!(*changes.borrow(), 2, "the same again is no change");
        roster.set(MemberRole::Agent, []);
        assert_eq!((*changes.borrow(), roster.find(&[MemberRole::Agent], &agent)), (3, Err(NotOnRoster::Unknown)));
        assert!(roster.holds(&b, &broker) && !roster.holds(&a, &agent));
    }
}
