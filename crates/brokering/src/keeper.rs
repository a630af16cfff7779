//! Seating's catalog, kept in line with a site's state: as much work as there are changes, however large the farm is.

use crate::policy::policy;
use hostler_model::{GroupId, ItemId, UserId, UserName};
use hostler_seating::catalog::{Catalog, CatalogHost, CatalogItem, CatalogUser};
use hostler_views::{Group, Host, Item, State};
use imbl::OrdMap;
use imbl::ordmap::DiffItem;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// A catalog, and the state that it is of.
#[derive(Default)]
pub struct CatalogKeeper {
    state: Arc<State>,
    catalog: Catalog,
    groups_of: Lists<GroupId>,
    items_of: Lists<ItemId>,
}

/// In whose lists a user stands.
struct Lists<I>(HashMap<UserId, BTreeSet<I>>);

impl CatalogKeeper {
    /// The catalog of a state; quickly where it is a little changed copy of the last one.
    pub fn follow(&mut self, state: &Arc<State>) -> Catalog {
        let before = std::mem::replace(&mut self.state, state.clone());
        for (id, host) in changes(&before.hosts, &state.hosts) {
            put(&mut self.catalog.hosts, *id, host.1.map(|host| catalog_host(host)));
        }
        let mut users: BTreeSet<UserId> = changes(&before.users, &state.users).map(|(id, _)| *id).collect();
        let mut items: BTreeSet<ItemId> = users.iter().flat_map(|user| self.items_of.of(*user)).collect();
        for (id, (old, new)) in changes(&before.items, &state.items) {
            let audience = |item: Option<&Arc<Item>>| item.map(|i| i.audience.value.users.clone()).unwrap_or_default();
            self.items_of.move_list(*id, &audience(old), &audience(new));
            items.insert(*id);
        }
        for (id, (old, new)) in changes(&before.groups, &state.groups) {
            let members = |group: Option<&Arc<Group>>| group.map(|g| g.members.value.clone()).unwrap_or_default();
            let (old, new) = (members(old), members(new));
            self.groups_of.move_list(*id, &old, &new);
            users.extend(old.iter().chain(&new));
        }
        let name = |state: &State, user: &UserId| state.users.get(user).map(|u| u.name.clone());
        let names = users.iter().flat_map(|user| [name(&before, user), name(state, user)]).flatten();
        for name in names.collect::<BTreeSet<UserName>>() {
            let user = self.user(state, &name);
            put(&mut self.catalog.users, name, user);
        }
        for id in items {
            put(&mut self.catalog.items, id, state.items.get(&id).map(|item| catalog_item(state, item)));
        }
        self.catalog.policy = policy(state);
        self.catalog.clone()
    }

    /// Who goes by a name: several, where it was added on two sides of a cut.
    fn user(&self, state: &State, name: &UserName) -> Option<CatalogUser> {
        let known = |id: &&UserId| state.users.get(*id).is_some_and(|u| u.name == *name);
        let mut ids = state.users_named(name).iter().filter(known).peekable();
        ids.peek()?;
        Some(CatalogUser { groups: ids.flat_map(|id| self.groups_of.of(*id)).collect() })
    }
}

impl<I> Default for Lists<I> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<I: Ord + Copy> Lists<I> {
    fn of(&self, user: UserId) -> impl Iterator<Item = I> + use<'_, I> {
        self.0.get(&user).into_iter().flatten().copied()
    }

    fn move_list(&mut self, list: I, old: &[UserId], new: &[UserId]) {
        for user in old {
            if let Some(lists) = self.0.get_mut(user) {
                lists.remove(&list);
                if lists.is_empty() {
                    self.0.remove(user);
                }
            }
        }
        for user in new {
            self.0.entry(*user).or_default().insert(list);
        }
    }
}

/// What differs between two maps: before, and now.
#[allow(clippy::type_complexity)] // two records of one map, either of which may be missing
fn changes<'a, K: Ord, V: PartialEq>(
    before: &'a OrdMap<K, V>,
    now: &'a OrdMap<K, V>,
) -> impl Iterator<Item = (&'a K, (Option<&'a V>, Option<&'a V>))> {
    before.diff(now).map(|change| match change {
        DiffItem::Add(key, new) => (key, (None, Some(new))),
        DiffItem::Update { old: (_, old), new: (key, new) } => (key, (Some(old), Some(new))),
        DiffItem::Remove(key, old) => (key, (Some(old), None)),
    })
}

/// Changes a map only where that makes a difference: one that is not touched stays shared with its copies.
fn put<K: Ord + Clone, V: Clone + PartialEq>(map: &mut OrdMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) if map.get(&key) != Some(&value) => drop(map.insert(key, value)),
        None if map.contains_key(&key) => drop(map.remove(&key)),
        _ => {}
    }
}

fn catalog_host(host: &Host) -> CatalogHost {
    CatalogHost {
        name: host.name.value.clone(),
        address: host.address.value.clone(),
        enabled: true,
        draining: host.drain.value,
        hard_cap: host.hard_cap.value,
        logon_slots: host.logon_slots.value,
    }
}

fn catalog_item(state: &State, item: &Item) -> CatalogItem {
    let audience = &item.audience.value;
    let users = audience.users.iter().filter_map(|u| state.users.get(u)).map(|u| u.name.clone());
    CatalogItem {
        name: item.name.value.clone(),
        launch: item.launch.value.clone(),
        everyone: audience.everyone,
        users: users.collect(),
        groups: audience.groups.iter().copied().collect(),
        hosts: item.hosts.value.as_ref().map(|hosts| hosts.iter().copied().collect()),
        default: item.default.value,
    }
}
