//! What the views say about a site, as far as seating needs it: hosts, items, users and the policy. Given to the machine
//! of the site whole, whenever it changes; what did not change since the last one is shared between the two.

use crate::seat::{Door, Launch};
use hostler_model::{Address, GroupId, HostId, ItemId, Name, UserName};
use imbl::OrdMap;
use std::collections::BTreeSet;
use std::ops::Bound;

/// Where mstsc cuts off a user's name in its cookie, in characters.
pub const MSTSC_NAME_CHARS: usize = 9;

/// A session host, as it is configured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CatalogHost {
    /// Its name.
    pub name: Name,
    /// Where its RDP server listens.
    pub address: Address,
    /// False for a host that is switched off: it is treated like one that is not there.
    pub enabled: bool,
    /// True where it is to take nobody new.
    pub draining: bool,
    /// A lower hard cap than the host's own.
    pub hard_cap: Option<u32>,
    /// Fewer logon slots than the host's own.
    pub logon_slots: Option<u32>,
}

/// A published desktop or application.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CatalogItem {
    /// Its name.
    pub name: Name,
    /// What starts.
    pub launch: Launch,
    /// True where every user of the site may use it.
    pub everyone: bool,
    /// Users who may use it.
    pub users: BTreeSet<UserName>,
    /// Groups whose members may use it.
    pub groups: BTreeSet<GroupId>,
    /// The hosts that have it; `None` for all of them.
    pub hosts: Option<BTreeSet<HostId>>,
    /// True for what somebody gets who names no item.
    pub default: bool,
}

impl CatalogItem {
    /// True where this user may use it.
    #[must_use]
    pub fn is_for(&self, user: &UserName, who: &CatalogUser) -> bool {
        self.everyone || self.users.contains(user) || who.groups.iter().any(|group| self.groups.contains(group))
    }
}

/// A user of the site.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CatalogUser {
    /// The groups that the user is in.
    pub groups: BTreeSet<GroupId>,
}

/// A limit on requests: a bucket of `burst` that fills up again by `per_minute`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateLimit {
    /// How many at once.
    pub burst: u32,
    /// How many in the long run.
    pub per_minute: u32,
}

/// The rules of a site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// One session for each user and item: an active session is taken over. Where this is false, only disconnected
    /// sessions are gone back to, and who has an active one gets a second one on another host.
    pub one_session: bool,
    /// How long a request waits when no host has room, in ms; `None`: it is refused at once.
    pub queue_ms: Option<u64>,
    /// How long the sessions of a host that fell silent stay in the books, in ms, before their users get new ones
    /// elsewhere; 0: at once.
    pub silent_host_keep_ms: u64,
    /// How long a host that just appeared is spared, in ms; 0: not at all.
    pub slow_start_ms: u64,
    /// The most hosts that may be set aside for failed logons: a numerator and a denominator.
    pub max_set_aside: (u32, u32),
    /// The open door's limit for each address; `None`: no limit.
    pub per_address: Option<RateLimit>,
    /// The open door's limit for each user; `None`: no limit.
    pub per_user: Option<RateLimit>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            one_session: true,
            queue_ms: None,
            silent_host_keep_ms: 300_000,
            slow_start_ms: 120_000,
            max_set_aside: (1, 3),
            // An office behind one address at nine o'clock must get through; FreeRDP opens up to three connections.
            per_address: Some(RateLimit { burst: 300, per_minute: 600 }),
            per_user: Some(RateLimit { burst: 12, per_minute: 30 }),
        }
    }
}

/// What the views say about a site.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Catalog {
    /// The session hosts.
    pub hosts: OrdMap<HostId, CatalogHost>,
    /// The published items.
    pub items: OrdMap<ItemId, CatalogItem>,
    /// The users; nobody else is seated.
    pub users: OrdMap<UserName, CatalogUser>,
    /// The rules.
    pub policy: Policy,
}

impl Catalog {
    /// The user of this name. At the open door a name of as many characters as mstsc leaves of one also stands for the
    /// only user whose name begins so; a name that is somebody's whole name is theirs.
    #[must_use]
    pub fn find_user(&self, name: &UserName, door: Door) -> Option<(&UserName, &CatalogUser)> {
        if let Some(whole) = self.users.get_key_value(name) {
            return Some(whole);
        }
        if door != Door::Open || name.as_str().chars().count() != MSTSC_NAME_CHARS {
            return None;
        }
        let mut longer = self.users.range::<_, UserName>((Bound::Excluded(name), Bound::Unbounded));
        let first = longer.next().filter(|(user, _)| user.as_str().starts_with(name.as_str()))?;
        let alone = longer.next().is_none_or(|(user, _)| !user.as_str().starts_with(name.as_str()));
        alone.then_some(first)
    }

    /// True where this user may use this item, and both exist.
    #[must_use]
    pub fn entitled(&self, user: &UserName, item: ItemId) -> bool {
        let (Some(item), Some(who)) = (self.items.get(&item), self.users.get(user)) else { return false };
        item.is_for(user, who)
    }

    /// What this user gets without naming an item: the default item that they may use; of several the one whose id
    /// comes first, so that all brokers agree.
    #[must_use]
    pub fn default_item(&self, user: &UserName) -> Option<ItemId> {
        self.default_for(user, self.users.get(user)?)
    }

    /// The same, where the user was looked up already.
    #[must_use]
    pub fn default_for(&self, user: &UserName, who: &CatalogUser) -> Option<ItemId> {
        self.items.iter().find(|(_, item)| item.default && item.is_for(user, who)).map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserName {
        name.parse().unwrap()
    }

    fn item(everyone: bool, users: &[&str], groups: &[u8], default: bool) -> CatalogItem {
        CatalogItem {
            name: "Item".parse().unwrap(),
            launch: Launch::Desktop,
            everyone,
            users: users.iter().map(|u| user(u)).collect(),
            groups: groups.iter().map(|g| GroupId([*g; 16])).collect(),
            hosts: None,
            default,
        }
    }

    fn catalog() -> Catalog {
        let users = ["alexander", "alexandra", "bartholomew", "bob", "christopher.a", "christopher.b"];
        let mut catalog =
            Catalog { users: users.iter().map(|u| (user(u), CatalogUser::default())).collect(), ..Catalog::default() };
        catalog.users.entry(user("bob")).or_default().groups.insert(GroupId([7; 16]));
        catalog.items.insert(ItemId([1; 16]), item(false, &["alexander"], &[], true));
        catalog.items.insert(ItemId([2; 16]), item(false, &[], &[7], true));
        catalog.items.insert(ItemId([3; 16]), item(true, &[], &[], false));
        catalog
    }

    #[test]
    fn names() {
        let catalog = catalog();
        for (name, door, want) in [
            ("bob", Door::Open, Some("bob")),
            ("bo", Door::Open, None),
            ("bartholom", Door::Open, Some("bartholomew")),
            ("bartholom", Door::Api, None),
            ("bartholo", Door::Open, None),
            ("bartholome", Door::Open, None),
            ("christoph", Door::Open, None),
            ("alexander", Door::Open, Some("alexander")),
            ("zebediahs", Door::Open, None),
        ] {
            let found = catalog.find_user(&user(name), door).map(|(whole, _)| whole.as_str());
            assert_eq!(found, want, "{name} {door:?}");
        }
    }

    #[test]
    fn entitlements_and_defaults() {
        let catalog = catalog();
        for (name, may, default) in [
            ("alexander", [true, false, true], Some(1)),
            ("bob", [false, true, true], Some(2)),
            ("alexandra", [false, false, true], None),
            ("nobody", [false, false, false], None),
        ] {
            let user = user(name);
            assert_eq!([1, 2, 3].map(|i| catalog.entitled(&user, ItemId([i; 16]))), may, "{name}");
            assert_eq!(catalog.default_item(&user), default.map(|i| ItemId([i; 16])), "{name}");
            assert!(!catalog.entitled(&user, ItemId([9; 16])), "an item that is not there");
        }
    }
}
