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
            put(&mut self.catalog.hosts, *id, host.1.map(catalog_host));
        }
        let mut users: BTreeSet<UserId> = changes(&before.users, &state.users).map(|(id, _)| *id).collect();
        let mut items: BTreeSet<ItemId> = users.iter().flat_map(|user| self.items_of.of(*user)).collect();
        for (id, (old, new)) in changes(&before.items, &state.items) {
            let audience = |item: Option<&Item>| item.map(|i| i.audience.value.users.clone()).unwrap_or_default();
            self.items_of.move_list(*id, &audience(old), &audience(new));
            items.insert(*id);
        }
        for (id, (old, new)) in changes(&before.groups, &state.groups) {
            let members = |group: Option<&Group>| group.map(|g| g.members.value.clone()).unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::testing::Written;
    use hostler_events::Event;
    use hostler_events::payload::*;
    use hostler_model::{HostId, Launch, Name};
    use hostler_wire::MemberKey;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};
    use std::collections::BTreeMap;

    /// The whole of it, without regard to what was before.
    fn from_scratch(state: &State) -> Catalog {
        let mut users: BTreeMap<UserName, CatalogUser> = BTreeMap::new();
        for (id, user) in &state.users {
            let groups = state.groups.iter().filter(|(_, g)| g.members.value.contains(id)).map(|(group, _)| *group);
            users.entry(user.name.clone()).or_default().groups.extend(groups);
        }
        Catalog {
            hosts: state.hosts.iter().map(|(id, host)| (*id, catalog_host(host))).collect(),
            items: state.items.iter().map(|(id, item)| (*id, catalog_item(state, item))).collect(),
            users: users.into_iter().collect(),
            policy: policy(state),
        }
    }

    fn some_event(random: &mut StdRng) -> Event {
        let id = |random: &mut StdRng| [random.random_range(0..12u8); 16];
        let users =
            |random: &mut StdRng| (0..random.random_range(0..4)).map(|_| UserId(id(random))).collect::<Vec<_>>();
        let name = |random: &mut StdRng| -> Name { format!("thing{}", random.random_range(0..6)).parse().unwrap() };
        let audience = |random: &mut StdRng| Audience {
            everyone: random.random_bool(0.2),
            users: users(random),
            groups: vec![GroupId(id(random))],
        };
        let host = |random: &mut StdRng| HostId(id(random));
        match random.random_range(0..11) {
            0 | 1 => {
                let name = format!("user{}", random.random_range(0..6)).parse().unwrap();
                Event::UserAdded(UserAdded { user: UserId(id(random)), name })
            }
            2 => Event::UserRemoved(UserRemoved { user: UserId(id(random)) }),
            3 => {
                Event::GroupAdded(GroupAdded { group: GroupId(id(random)), name: name(random), members: users(random) })
            }
            4 => {
                let fields = vec![GroupField::Members(users(random))];
                Event::GroupChanged(GroupChanged { group: GroupId(id(random)), fields })
            }
            5 => Event::GroupRemoved(GroupRemoved { group: GroupId(id(random)) }),
            6 => Event::ItemPublished(ItemPublished {
                item: ItemId(id(random)),
                name: name(random),
                launch: Launch::Desktop,
                audience: audience(random),
                hosts: random.random_bool(0.5).then(|| vec![host(random)]),
                default: random.random_bool(0.5),
            }),
            7 => {
                let fields = vec![ItemField::Audience(audience(random))];
                Event::ItemChanged(ItemChanged { item: ItemId(id(random)), fields })
            }
            8 => Event::ItemUnpublished(ItemUnpublished { item: ItemId(id(random)) }),
            9 => Event::PolicySet(PolicySet { key: "seats.queue".into(), value: Some(format!("{}s", id(random)[0])) }),
            _ => {
                let fields = vec![HostField::Drain(random.random_bool(0.5))];
                Event::HostChanged(HostChanged { host: HostId([1; 16]), fields })
            }
        }
    }

    #[test]
    fn what_follows_the_changes_is_what_is_made_from_scratch() {
        for seed in 0..20 {
            let mut random = StdRng::seed_from_u64(seed);
            let mut farm = Written::new(&MemberKey::from_seed(&[1; 32]));
            let mut keeper = CatalogKeeper::default();
            for _ in 0..100 {
                for _ in 0..random.random_range(1..5) {
                    farm.write(&some_event(&mut random));
                }
                let state = Arc::new(farm.state().clone());
                assert_eq!(keeper.follow(&state), from_scratch(&state), "seed {seed}");
            }
            let (users, items) = (keeper.catalog.users.len(), keeper.catalog.items.len());
            assert!(users > 0 && items > 0, "seed {seed} ends with {users} users and {items} items");
            // What did not change is shared.
            let before = keeper.catalog.clone();
            farm.write(&Event::PolicySet(PolicySet { key: "seats.queue".into(), value: None }));
            let now = keeper.follow(&Arc::new(farm.state().clone()));
            assert!(now.users.ptr_eq(&before.users) && now.items.ptr_eq(&before.items));
            assert!(now.hosts.ptr_eq(&before.hosts));
        }
    }
}
