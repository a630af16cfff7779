//! What administrators and joining members want done, and what comes of it.

use hostler_events::payload::{BrokerAddresses, Grant};
use hostler_events::{Class, EventRef};
use hostler_model::{Address, BrokerId, Launch, MemberRole, Name, PublicKey, Thing, TokenId, UserName, Wall};
use serde::{Deserialize, Serialize};

pub use crate::decide::settings::{PolicyKey, SettingKey};

/// What a published item shall be. Users, groups and hosts are given by name or id.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ItemSpec {
    /// Everybody whom the site knows.
    #[serde(default)]
    pub everyone: bool,
    /// These users.
    #[serde(default)]
    pub users: Vec<String>,
    /// The members of these groups.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Where it runs; everywhere if empty.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Whether those get it who don't say what they want.
    #[serde(default)]
    pub default: bool,
}

/// One command. Things are given by name or id, as people write them; whoever carries it out looks them up.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Command {
    /// Begins a site, which has no brokers yet.
    AddSite {
        /// Its name.
        name: Name,
    },
    /// A token was made for the first broker of a site; the secret stays where it was made.
    OpenSite {
        /// Which site.
        site: String,
        /// The token's id.
        token: TokenId,
        /// The broker of the main site where it can be redeemed.
        issuer: BrokerId,
        /// What proves the secret.
        verifier: [u8; 32],
        /// Until when.
        expires: Wall,
    },
    /// A token was made; the secret stays where it was made.
    CreateToken {
        /// Its id.
        token: TokenId,
        /// What may join with it.
        role: MemberRole,
        /// Where it can be redeemed.
        issuer: BrokerId,
        /// What proves the secret.
        verifier: [u8; 32],
        /// Until when.
        expires: Wall,
    },
    /// A token is worth nothing any more.
    RevokeToken {
        /// Its id, or the beginning of it.
        token: String,
    },
    /// A broker joins with a token.
    JoinBroker {
        /// The token.
        token: TokenId,
        /// Its id.
        broker: BrokerId,
        /// The name it wants.
        name: Name,
        /// Its key.
        key: PublicKey,
        /// Where it listens.
        addresses: BrokerAddresses,
    },
    /// A broker takes work again.
    EnableBroker {
        /// Which broker.
        broker: String,
    },
    /// A broker keeps the log and takes no work.
    DisableBroker {
        /// Which broker.
        broker: String,
    },
    /// Moves a broker one place in the priority list.
    MoveBroker {
        /// Which broker.
        broker: String,
        /// Towards the first in line, or away from it.
        up: bool,
    },
    /// A broker is no longer a member.
    RemoveBroker {
        /// Which broker.
        broker: String,
    },
    /// A broker's key was stolen.
    RevokeBroker {
        /// Which broker.
        broker: String,
    },
    /// A broker has another key from its next incarnation on.
    ReplaceBrokerKey {
        /// Which broker: only itself asks for it.
        broker: BrokerId,
        /// The key.
        key: PublicKey,
    },
    /// Another broker shall be the master; the present one hands over.
    Promote {
        /// Which broker.
        broker: String,
    },
    /// Another broker shall be the master although the present one does not answer.
    ForcePromotion {
        /// Which broker.
        broker: String,
        /// The name of the master that was lost.
        lost: String,
        /// Why.
        reason: String,
    },
    /// A gateway joins with a token.
    JoinGateway {
        /// The token.
        token: TokenId,
        /// Its id.
        gateway: hostler_model::GatewayId,
        /// The name it wants.
        name: Name,
        /// Its key.
        key: PublicKey,
        /// Where clients reach it.
        address: Address,
    },
    /// A session host joins with a token.
    JoinHost {
        /// The token.
        token: TokenId,
        /// Its id.
        host: hostler_model::HostId,
        /// The name it wants.
        name: Name,
        /// Its agent's key.
        key: PublicKey,
        /// Where gateways reach its RDP.
        address: Address,
    },
    /// Changes what is said of a host; `None` leaves a field as it is.
    ChangeHost {
        /// Which host.
        host: String,
        /// A new name.
        name: Option<Name>,
        /// Whether it takes nobody new.
        drain: Option<bool>,
        /// The most sessions; `Some(None)` goes back to the agent's own figure.
        hard_cap: Option<Option<u32>>,
        /// Logons at the same time; `Some(None)` goes back to the agent's own figure.
        logon_slots: Option<Option<u32>>,
        /// Where gateways reach its RDP.
        address: Option<Address>,
    },
    /// A host is no longer a member.
    RemoveHost {
        /// Which host.
        host: String,
    },
    /// A gateway is no longer a member.
    RemoveGateway {
        /// Which gateway.
        gateway: String,
    },
    /// A host's agent or a gateway gets another key: it asked for that itself, over its own link.
    ReplaceMemberKey {
        /// The host or the gateway.
        member: Thing,
        /// The new key.
        key: PublicKey,
    },
    /// Publishes an item.
    Publish {
        /// Its name.
        name: Name,
        /// What starts.
        launch: Launch,
        /// For whom and where.
        spec: ItemSpec,
    },
    /// Changes a published item; `None` leaves a field as it is.
    ChangeItem {
        /// Which item.
        item: String,
        /// A new name.
        name: Option<Name>,
        /// What starts.
        launch: Option<Launch>,
        /// For whom and where, all of it.
        spec: Option<ItemSpec>,
    },
    /// An item is no longer published.
    Unpublish {
        /// Which item.
        item: String,
    },
    /// Makes a user known.
    AddUser {
        /// Their name.
        name: UserName,
    },
    /// Forgets a user.
    RemoveUser {
        /// Who.
        user: String,
    },
    /// Begins a group.
    AddGroup {
        /// Its name.
        name: Name,
        /// Its members.
        members: Vec<String>,
    },
    /// Adds and removes members of a group.
    ChangeGroup {
        /// Which group.
        group: String,
        /// Who comes.
        add: Vec<String>,
        /// Who goes.
        remove: Vec<String>,
    },
    /// Ends a group.
    RemoveGroup {
        /// Which group.
        group: String,
    },
    /// Adds an administrator.
    AddAdmin {
        /// Their name.
        name: Name,
        /// Argon2id hash of the password, in PHC form.
        password_hash: String,
        /// What they may do.
        grants: Vec<Grant>,
    },
    /// Changes what an administrator may do.
    GrantAdmin {
        /// Who.
        admin: String,
        /// What they may do.
        grants: Vec<Grant>,
    },
    /// Changes an administrator's password.
    SetPassword {
        /// Who.
        admin: String,
        /// Argon2id hash of the password, in PHC form.
        password_hash: String,
    },
    /// An administrator may do nothing until enabled.
    DisableAdmin {
        /// Who.
        admin: String,
    },
    /// A disabled administrator may work again.
    EnableAdmin {
        /// Who.
        admin: String,
    },
    /// An administrator is gone.
    RemoveAdmin {
        /// Who.
        admin: String,
    },
    /// A program may act for the administrator who says so.
    CreateApiToken {
        /// Its id.
        token: TokenId,
        /// What it is for.
        label: Name,
        /// BLAKE3 hash of the secret.
        secret_hash: [u8; 32],
        /// Until when.
        expires: Option<Wall>,
    },
    /// A superseded or quarantined event counts after all.
    Reapply {
        /// Which event.
        event: String,
    },
    /// A superseded or quarantined event is settled without counting.
    Discard {
        /// Which event.
        event: String,
        /// Why.
        reason: String,
    },
    /// Undoes an everyday change.
    Revert {
        /// The event that made it.
        event: String,
    },
    /// Gives a farm-wide setting or a policy of the site another value; the default if `None`.
    Set {
        /// Its key.
        key: String,
        /// Its value.
        value: Option<String>,
    },
}

impl Command {
    /// What it does, in a word for the log of this process; nothing of its contents.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::AddSite { .. } => "add site",
            Self::OpenSite { .. } => "open site",
            Self::CreateToken { .. } => "create token",
            Self::RevokeToken { .. } => "revoke token",
            Self::JoinBroker { .. } => "join broker",
            Self::EnableBroker { .. } => "enable broker",
            Self::DisableBroker { .. } => "disable broker",
            Self::MoveBroker { .. } => "move broker",
            Self::RemoveBroker { .. } => "remove broker",
            Self::RevokeBroker { .. } => "revoke broker",
            Self::ReplaceBrokerKey { .. } => "replace broker key",
            Self::Promote { .. } => "promote",
            Self::ForcePromotion { .. } => "force promotion",
            Self::JoinGateway { .. } => "join gateway",
            Self::JoinHost { .. } => "join host",
            Self::ChangeHost { .. } => "change host",
            Self::RemoveHost { .. } => "remove host",
            Self::RemoveGateway { .. } => "remove gateway",
            Self::ReplaceMemberKey { .. } => "replace member key",
            Self::Publish { .. } => "publish",
            Self::ChangeItem { .. } => "change item",
            Self::Unpublish { .. } => "unpublish",
            Self::AddUser { .. } => "add user",
            Self::RemoveUser { .. } => "remove user",
            Self::AddGroup { .. } => "add group",
            Self::ChangeGroup { .. } => "change group",
            Self::RemoveGroup { .. } => "remove group",
            Self::AddAdmin { .. } => "add administrator",
            Self::GrantAdmin { .. } => "grant roles",
            Self::SetPassword { .. } => "set password",
            Self::DisableAdmin { .. } => "disable administrator",
            Self::EnableAdmin { .. } => "enable administrator",
            Self::RemoveAdmin { .. } => "remove administrator",
            Self::CreateApiToken { .. } => "create api token",
            Self::Reapply { .. } => "reapply",
            Self::Discard { .. } => "discard",
            Self::Revert { .. } => "revert",
            Self::Set { .. } => "set",
        }
    }

    /// True for what belongs to the farm and not to one of its sites: the main site carries it out. Whether a token that
    /// is revoked is one of the farm's takes the views.
    #[must_use]
    pub fn is_farm_wide(&self) -> bool {
        match self {
            Self::AddSite { .. }
            | Self::OpenSite { .. }
            | Self::AddAdmin { .. }
            | Self::GrantAdmin { .. }
            | Self::SetPassword { .. }
            | Self::DisableAdmin { .. }
            | Self::EnableAdmin { .. }
            | Self::RemoveAdmin { .. }
            | Self::CreateApiToken { .. } => true,
            Self::Set { key, .. } => key.parse::<SettingKey>().is_ok(),
            _ => false,
        }
    }

    /// The class of the events that it becomes. What settles an event has that event's class, which only the views know.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::AddSite { .. }
            | Self::OpenSite { .. }
            | Self::JoinBroker { .. }
            | Self::EnableBroker { .. }
            | Self::DisableBroker { .. }
            | Self::MoveBroker { .. }
            | Self::RemoveBroker { .. }
            | Self::ReplaceBrokerKey { .. }
            | Self::Promote { .. }
            | Self::ForcePromotion { .. }
            | Self::AddAdmin { .. }
            | Self::GrantAdmin { .. }
            | Self::SetPassword { .. }
            | Self::EnableAdmin { .. }
            | Self::CreateApiToken { .. } => Class::Structural,
            Self::Set { key, .. } if key.parse::<SettingKey>().is_ok() => Class::Structural,
            Self::RevokeToken { .. }
            | Self::RevokeBroker { .. }
            | Self::RemoveHost { .. }
            | Self::RemoveGateway { .. }
            | Self::DisableAdmin { .. }
            | Self::RemoveAdmin { .. } => Class::Revocation,
            _ => Class::Everyday,
        }
    }
}

/// A command was carried out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// What it was about: the new thing, where it made one.
    pub thing: Option<Thing>,
    /// The events that it became; none where everything was so already.
    pub events: Vec<EventRef>,
    /// On how many disks it is.
    pub durable_on: u32,
    /// How many members there are.
    pub members: u32,
    /// What the administrator should know.
    pub warnings: Vec<String>,
}

/// Why a command was not carried out. Nothing has changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
pub enum CommandError {
    /// No such thing.
    #[error("there is no {what} {name:?}")]
    NotFound {
        /// What kind of thing.
        what: String,
        /// As it was given.
        name: String,
    },
    /// Several things fit.
    #[error("{name:?} fits several {what}s; give more of the id")]
    Ambiguous {
        /// What kind of thing.
        what: String,
        /// As it was given.
        name: String,
    },
    /// The name is taken.
    #[error("there is a {what} {name:?} already")]
    Exists {
        /// What kind of thing.
        what: String,
        /// The name.
        name: String,
    },
    /// Not allowed.
    #[error("this takes the role {needed}, which you do not have here")]
    Forbidden {
        /// The least role.
        needed: String,
    },
    /// Makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// Only the master may, and it does not answer.
    #[error(
        "only the master may do this, and the master, {master}, does not answer; \
         everyday changes go on, and another broker can be promoted"
    )]
    MasterUnreachable {
        /// Its name.
        master: String,
    },
    /// Only brokers of another site may, and none of them answers.
    #[error("only brokers of site {site} can do this, and {why}")]
    SiteUnreachable {
        /// Its name.
        site: String,
        /// What is known of them.
        why: String,
    },
    /// It was sent to the master, which did not answer in time: it may have been carried out.
    #[error(
        "the master, {master}, took the command and has not answered; look whether it was carried out before you repeat it"
    )]
    Unanswered {
        /// Its name.
        master: String,
    },
    /// The master does not answer, and another broker was to be promoted: what that means, and how to go on.
    #[error("{0}")]
    MasterLost(String),
    /// This broker was removed.
    #[error(
        "this broker is no member of the farm any more: it was removed, or its key was declared stolen; \
         it can join again with a new token"
    )]
    Removed,
    /// A promotion did not come about.
    #[error("{0}")]
    NotPromoted(String),
    /// The master has stopped, because another broker is about to take over.
    #[error("broker {successor} is about to become the master; try again in a moment")]
    Sealed {
        /// Its name.
        successor: String,
    },
    /// It was sent to a broker that is no longer the master: whoever sent it asks the next one.
    #[error("broker {master} has become the master; try again")]
    Moved {
        /// The master's name.
        master: String,
    },
    /// There is no master yet: the broker has not got the log.
    #[error("this broker has not received the farm's log yet; try again in a moment, or ask another broker")]
    NotReady,
    /// An event that this program can't read has to be known first.
    #[error(
        "this broker has stopped deciding: it can't read event {0}, which a newer broker wrote; update this broker"
    )]
    Halted(String),
    /// The clock is wrong.
    #[error("this broker's clock is {ahead_s} s ahead of the other brokers; set it, then try again")]
    ClockAhead {
        /// How far, in s.
        ahead_s: u64,
    },
    /// Too much to do.
    #[error("this broker is busy; try again in a moment")]
    Busy,
    /// It can't be written.
    #[error("the change can't be stored: {0}")]
    NotStored(String),
    /// A token can't be redeemed.
    #[error("the token can't be redeemed: {0}")]
    Token(String),
}

impl CommandError {
    /// A word for programs, which stays the same.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::Ambiguous { .. } => "ambiguous",
            Self::Exists { .. } => "exists",
            Self::Forbidden { .. } => "forbidden",
            Self::Invalid(_) => "invalid",
            Self::MasterUnreachable { .. } => "master_unreachable",
            Self::SiteUnreachable { .. } => "site_unreachable",
            Self::Unanswered { .. } => "unanswered",
            Self::MasterLost(_) => "master_lost",
            Self::Removed => "removed",
            Self::NotPromoted(_) => "not_promoted",
            Self::Sealed { .. } => "sealed",
            Self::Moved { .. } => "moved",
            Self::NotReady => "not_ready",
            Self::Halted(_) => "halted",
            Self::ClockAhead { .. } => "clock_ahead",
            Self::Busy => "busy",
            Self::NotStored(_) => "not_stored",
            Self::Token(_) => "token",
        }
    }
}
