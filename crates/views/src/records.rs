//! What the views hold about each thing.

use hostler_events::EventRef;
use hostler_events::payload::{Audience, BrokerAddresses, Grant, PromotionKind};
use hostler_model::{
    Address, AdminId, BrokerId, Epoch, Hlc, HostId, Launch, MemberRole, Name, PublicKey, SiteId, UserId, UserName, Wall,
};
use serde::{Deserialize, Serialize};

/// A value, and the event that gave it: a later edit names that event as its base.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Field<T> {
    /// The value.
    pub value: T,
    /// The event that gave it.
    pub edit: EventRef,
}

impl<T> Field<T> {
    pub(crate) fn new(value: T, edit: EventRef) -> Self {
        Self { value, edit }
    }
}

/// A site.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Site {
    /// Its name.
    pub name: Name,
    /// Since when.
    pub created: Hlc,
    /// The broker that joined as its first; `None` for the main site, and until there is one.
    pub founder: Option<Founder>,
}

/// The first broker of a site, as the main site knows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Founder {
    /// The broker.
    pub broker: BrokerId,
    /// Its name.
    pub name: Name,
    /// Its key when it joined.
    pub key: PublicKey,
    /// Where it listened then.
    pub addresses: BrokerAddresses,
}

/// Who is master, and since when.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mastership {
    /// The epoch.
    pub epoch: Epoch,
    /// The promotion.
    pub promotion: EventRef,
    /// How it began.
    pub kind: PromotionKind,
    /// Who may vote on the next.
    pub voters: Vec<BrokerId>,
    /// Set where the master has stopped for a successor.
    pub sealed: Option<Seal>,
    /// The former master, where it lost the mastership without anybody's wish and may get it back by itself.
    pub hands_back: Option<BrokerId>,
}

/// The master has stopped, so that another can take over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Seal {
    /// Who shall take over.
    pub successor: BrokerId,
    /// The event that says so.
    pub event: EventRef,
}

/// A broker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Broker {
    /// Its name.
    pub name: Name,
    /// Its key.
    pub key: PublicKey,
    /// Where it listens.
    pub addresses: BrokerAddresses,
    /// Whether it takes work.
    pub enabled: bool,
    /// Whether it takes work only when an active one is gone.
    pub standby: bool,
    /// Since when it is a member.
    pub joined: Hlc,
    /// True once it was removed: its events still need its key.
    pub removed: bool,
}

/// A session host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Host {
    /// Its name.
    pub name: Field<Name>,
    /// Its agent's key.
    pub key: Field<PublicKey>,
    /// Where gateways reach its RDP.
    pub address: Field<Address>,
    /// Whether it takes nobody new.
    pub drain: Field<bool>,
    /// The most sessions; the agent's own figure if `None`.
    pub hard_cap: Field<Option<u32>>,
    /// Logons at the same time; the agent's own figure if `None`.
    pub logon_slots: Field<Option<u32>>,
    /// Since when.
    pub joined: Hlc,
}

/// A gateway.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Gateway {
    /// Its name.
    pub name: Field<Name>,
    /// Its key.
    pub key: Field<PublicKey>,
    /// Where clients reach it.
    pub address: Field<Address>,
    /// Since when.
    pub joined: Hlc,
}

/// A published item.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Item {
    /// Its name.
    pub name: Field<Name>,
    /// What starts.
    pub launch: Field<Launch>,
    /// Who may use it.
    pub audience: Field<Audience>,
    /// Where it runs; everywhere if `None`.
    pub hosts: Field<Option<Vec<HostId>>>,
    /// Whether those get it who don't say what they want.
    pub default: Field<bool>,
    /// Since when.
    pub published: Hlc,
}

/// A user.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct User {
    /// Their name.
    pub name: UserName,
    /// Since when.
    pub added: Hlc,
}

/// A group of users.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: Field<Name>,
    /// Its members; removed users may still stand in it.
    pub members: Field<Vec<UserId>>,
    /// Since when.
    pub added: Hlc,
}

/// An administrator.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Admin {
    /// Their name.
    pub name: Name,
    /// Argon2id hash of their password, in PHC form.
    pub password_hash: String,
    /// What they may do.
    pub grants: Vec<Grant>,
    /// Whether they may work.
    pub enabled: bool,
    /// Since when.
    pub added: Hlc,
    /// When their password or their right to work last changed: what they proved before is worth nothing.
    pub credentials_since: Hlc,
}

/// A join token.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct JoinToken {
    /// What may join with it.
    pub role: MemberRole,
    /// The site whose first broker joins with it; `None` for one that joins this site.
    pub founds: Option<SiteId>,
    /// Where alone it can be redeemed.
    pub issuer: BrokerId,
    /// What proves the secret.
    pub verifier: [u8; 32],
    /// Until when.
    pub expires: Wall,
    /// The join that used it.
    pub used: Option<EventRef>,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Since when.
    pub created: Hlc,
}

/// A program's right to act for an administrator.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ApiToken {
    /// For whom.
    pub admin: AdminId,
    /// What it is for.
    pub label: Name,
    /// BLAKE3 hash of the secret.
    pub secret_hash: [u8; 32],
    /// Until when.
    pub expires: Option<Wall>,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Since when.
    pub created: Hlc,
}

/// How a superseded or quarantined event was settled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Settlement {
    /// True where it counts after all.
    pub reapplied: bool,
    /// The event that settled it.
    pub by: EventRef,
}
