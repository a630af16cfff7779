//! Everyday events: any broker of the site authors them. An edit lists the fields that it writes; the header's bases
//! stand in the same order.

use hostler_model::{
    Address, BrokerId, Epoch, GatewayId, GroupId, HostId, ItemId, Launch, MemberRole, Name, PublicKey, TokenId, UserId,
    UserName, Wall,
};
use serde::{Deserialize, Serialize};

/// A session host joined.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HostJoined {
    /// The host.
    pub host: HostId,
    /// Its name.
    pub name: Name,
    /// Its agent's key.
    pub key: PublicKey,
    /// Where gateways reach its RDP.
    pub address: Address,
    /// With which token.
    pub token: TokenId,
}

/// One field of a host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostField {
    /// Its name.
    Name(Name),
    /// Where gateways reach its RDP.
    Address(Address),
    /// Whether it takes nobody new.
    Drain(bool),
    /// The most sessions; the agent's own figure if `None`.
    HardCap(Option<u32>),
    /// Logons at the same time; the agent's own figure if `None`.
    LogonSlots(Option<u32>),
    /// Its agent's key.
    Key(PublicKey),
}

/// Fields of a host have other values now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HostChanged {
    /// The host.
    pub host: HostId,
    /// The fields.
    pub fields: Vec<HostField>,
}

/// A gateway joined.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GatewayJoined {
    /// The gateway.
    pub gateway: GatewayId,
    /// Its name.
    pub name: Name,
    /// Its key.
    pub key: PublicKey,
    /// Where clients reach it.
    pub address: Address,
    /// With which token.
    pub token: TokenId,
}

/// One field of a gateway.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayField {
    /// Its name.
    Name(Name),
    /// Where clients reach it.
    Address(Address),
    /// Its key.
    Key(PublicKey),
}

/// Fields of a gateway have other values now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GatewayChanged {
    /// The gateway.
    pub gateway: GatewayId,
    /// The fields.
    pub fields: Vec<GatewayField>,
}

/// Who may use an item.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Audience {
    /// Everybody whom the site knows.
    pub everyone: bool,
    /// These users.
    pub users: Vec<UserId>,
    /// The members of these groups.
    pub groups: Vec<GroupId>,
}

/// A desktop or an application was published.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ItemPublished {
    /// The item.
    pub item: ItemId,
    /// Its name.
    pub name: Name,
    /// What starts.
    pub launch: Launch,
    /// Who may use it.
    pub audience: Audience,
    /// Where it runs; on all hosts of the site if `None`.
    pub hosts: Option<Vec<HostId>>,
    /// Whether those get it who don't say what they want.
    pub default: bool,
}

/// One field of an item.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemField {
    /// Its name.
    Name(Name),
    /// What starts.
    Launch(Launch),
    /// Who may use it.
    Audience(Audience),
    /// Where it runs.
    Hosts(Option<Vec<HostId>>),
    /// Whether those get it who don't say what they want.
    Default(bool),
}

/// Fields of an item have other values now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ItemChanged {
    /// The item.
    pub item: ItemId,
    /// The fields.
    pub fields: Vec<ItemField>,
}

/// An item is no longer published.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ItemUnpublished {
    /// The item.
    pub item: ItemId,
}

/// A user is known to the site.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UserAdded {
    /// The user.
    pub user: UserId,
    /// Their name.
    pub name: UserName,
}

/// A user is no longer known to the site.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UserRemoved {
    /// The user.
    pub user: UserId,
}

/// A group of users began.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GroupAdded {
    /// The group.
    pub group: GroupId,
    /// Its name.
    pub name: Name,
    /// Its members.
    pub members: Vec<UserId>,
}

/// One field of a group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupField {
    /// Its name.
    Name(Name),
    /// Its members.
    Members(Vec<UserId>),
}

/// Fields of a group have other values now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GroupChanged {
    /// The group.
    pub group: GroupId,
    /// The fields.
    pub fields: Vec<GroupField>,
}

/// A group is gone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GroupRemoved {
    /// The group.
    pub group: GroupId,
}

/// A join token was given out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TokenCreated {
    /// The token.
    pub token: TokenId,
    /// What may join with it.
    pub role: MemberRole,
    /// Where alone it can be redeemed.
    pub issuer: BrokerId,
    /// What proves the secret; not the secret.
    pub verifier: [u8; 32],
    /// Until when, by the issuer's clock.
    pub expires: Wall,
}

/// A broker wants another to become the master, because it has not heard the present one. One vote for each number, and
/// on the disk before anybody hears of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Voted {
    /// Number of the epoch that shall begin.
    pub n: u64,
    /// Whose epoch it shall be.
    pub candidate: BrokerId,
    /// The mastership that it shall succeed.
    pub succeeds: Epoch,
    /// How long the master had not been heard by the voter, in ms.
    pub silent_ms: u64,
}

/// A policy of the site has another value now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PolicySet {
    /// Its key.
    pub key: String,
    /// Its value; the default if `None`.
    pub value: Option<String>,
}
