//! Structural events: authored by the master only.

use crate::EventRef;
use hostler_model::{Address, AdminId, BrokerId, Name, PublicKey, SiteId, TokenId, Wall};
use serde::{Deserialize, Serialize};

/// How a mastership began.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromotionKind {
    /// The first broker of a site.
    First,
    /// The former master agreed.
    Planned,
    /// An administrator decided it without the former master.
    Forced,
    /// A majority of the voters had not heard the former master for the configured time.
    Automatic,
}

/// What the author of a promotion knew about one other broker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// Which broker.
    pub broker: BrokerId,
    /// Whether it answered.
    pub reachable: bool,
    /// When it was last heard, if ever.
    pub last_heard: Option<Wall>,
}

/// A broker became the master: the event's epoch begins.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Promoted {
    /// How.
    pub kind: PromotionKind,
    /// Who may vote on its successor.
    pub voters: Vec<BrokerId>,
    /// What was known about the others.
    pub evidence: Vec<Evidence>,
    /// The master that was lost, where it was forced.
    pub lost: Option<BrokerId>,
    /// Why, in the words of whoever decided it.
    pub reason: String,
}

/// The master goes on in a new incarnation, in the same epoch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Resumed {}

/// The master stops: until a higher epoch begins it authors no structural event, so that its successor has all of them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sealed {
    /// Who shall take over.
    pub successor: BrokerId,
}

/// The farm began.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FarmCreated {
    /// Its name.
    pub name: Name,
}

/// A site began.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SiteCreated {
    /// The site.
    pub site: SiteId,
    /// Its name.
    pub name: Name,
}

/// A token was given out with which the first broker of a site joins.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SiteOpened {
    /// The site.
    pub site: SiteId,
    /// The token's id.
    pub token: TokenId,
    /// The broker of the main site where it can be redeemed.
    pub issuer: BrokerId,
    /// What proves the secret.
    pub verifier: [u8; 32],
    /// Until when.
    pub expires: Wall,
}

/// A site's first broker joined. It begins the site itself, in its own feed: a broker writes for its own site only.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SiteFounded {
    /// The site.
    pub site: SiteId,
    /// The broker.
    pub broker: BrokerId,
    /// Its key: nobody in the farm could check what it writes without it.
    pub key: PublicKey,
    /// With which token.
    pub token: TokenId,
    /// The broker's name.
    pub name: Name,
    /// Where it listens.
    pub addresses: BrokerAddresses,
}

/// Where a broker listens: one port per level of trust.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BrokerAddresses {
    /// UDP: joining.
    pub join: Address,
    /// TCP: HTTPS; UDP: gateways.
    pub access: Address,
    /// UDP: agents.
    pub agent: Address,
    /// UDP: brokers.
    pub peer: Address,
}

/// A broker joined the site, at the end of the list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BrokerJoined {
    /// The broker.
    pub broker: BrokerId,
    /// Its name.
    pub name: Name,
    /// Its key.
    pub key: PublicKey,
    /// Where it listens.
    pub addresses: BrokerAddresses,
    /// With which token; the first broker needs none.
    pub token: Option<TokenId>,
    /// True where it takes work only when an active one is gone.
    pub standby: bool,
}

/// A broker takes work.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BrokerEnabled {
    /// The broker.
    pub broker: BrokerId,
}

/// A broker keeps the log and takes no brokering work.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BrokerDisabled {
    /// The broker.
    pub broker: BrokerId,
}

/// A broker is no longer a member. What it wrote and the author of this had not seen is quarantined until it joins again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BrokerRemoved {
    /// The broker.
    pub broker: BrokerId,
}

/// The priority list is now this one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BrokersOrdered {
    /// All brokers of the site, the first in line first.
    pub order: Vec<BrokerId>,
}

/// A broker has another key now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BrokerKeyReplaced {
    /// The broker.
    pub broker: BrokerId,
    /// Its key in every incarnation later than those that the author of this had seen.
    pub key: PublicKey,
}

/// What an administrator may do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads everything, log included.
    Auditor,
    /// Sees and ends sessions, finds out why.
    HelpDesk,
    /// Hosts, gateways, published items, users and tokens.
    Operator,
    /// Everything, but for forcing a promotion.
    Owner,
    /// Forces a promotion where the master is lost. A right of its own: it says nothing about the others.
    Promoter,
}

impl Role {
    /// The role as people write it, and as JSON has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auditor => "auditor",
            Self::HelpDesk => "help_desk",
            Self::Operator => "operator",
            Self::Owner => "owner",
            Self::Promoter => "promoter",
        }
    }
}

/// A role, in the whole farm or in one site.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// What they may do.
    pub role: Role,
    /// Where; everywhere if `None`.
    pub site: Option<SiteId>,
}

/// An administrator was added, enabled.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AdminAdded {
    /// The administrator.
    pub admin: AdminId,
    /// Their name.
    pub name: Name,
    /// Argon2id hash of the password, in PHC form.
    pub password_hash: String,
    /// What they may do.
    pub grants: Vec<Grant>,
}

/// An administrator has other roles now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AdminGranted {
    /// The administrator.
    pub admin: AdminId,
    /// What they may do.
    pub grants: Vec<Grant>,
}

/// An administrator has another password now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AdminPasswordSet {
    /// The administrator.
    pub admin: AdminId,
    /// Argon2id hash of the password, in PHC form.
    pub password_hash: String,
}

/// A disabled administrator may work again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AdminEnabled {
    /// The administrator.
    pub admin: AdminId,
}

/// A program may act for an administrator.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ApiTokenCreated {
    /// The token.
    pub token: TokenId,
    /// For whom it acts.
    pub admin: AdminId,
    /// What it is for.
    pub label: Name,
    /// BLAKE3 hash of the secret.
    pub secret_hash: [u8; 32],
    /// Until when.
    pub expires: Option<Wall>,
}

/// A farm-wide setting has another value now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SettingSet {
    /// Its key, for instance `sessions.one_per_user`.
    pub key: String,
    /// Its value; the default if `None`.
    pub value: Option<String>,
}

/// A superseded or quarantined event counts after all. Has the class of that event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reapplied {
    /// Which event.
    pub event: EventRef,
}

/// A superseded or quarantined event is settled without counting. Has the class of that event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Discarded {
    /// Which event.
    pub event: EventRef,
    /// Why.
    pub reason: String,
}
