//! That a catalog which follows a state's changes is the one of the whole state: with logs as brokers write them.

use crate::rest::testing::Written;
use hostler_brokering::CatalogKeeper;
use hostler_events::Event;
use hostler_events::payload::*;
use hostler_model::{GroupId, HostId, ItemId, Launch, Name, UserId, UserName};
use hostler_seating::catalog::{Catalog, CatalogHost, CatalogItem, CatalogUser};
use hostler_views::State;
use hostler_wire::MemberKey;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The catalog by its definition: everything is looked up in the whole state, whatever was before. The policy has no
/// memory, and is taken as it is.
fn from_scratch(state: &Arc<State>) -> Catalog {
    let mut users: BTreeMap<UserName, CatalogUser> = BTreeMap::new();
    for (id, user) in &state.users {
        let groups = state.groups.iter().filter(|(_, g)| g.members.value.contains(id)).map(|(group, _)| *group);
        users.entry(user.name.clone()).or_default().groups.extend(groups);
    }
    let hosts = state.hosts.iter().map(|(id, host)| {
        let host = CatalogHost {
            name: host.name.value.clone(),
            address: host.address.value.clone(),
            enabled: true,
            draining: host.drain.value,
            hard_cap: host.hard_cap.value,
            logon_slots: host.logon_slots.value,
        };
        (*id, host)
    });
    let items = state.items.iter().map(|(id, item)| {
        let Audience { everyone, users, groups } = &item.audience.value;
        let name_of = |id| state.users.iter().find(|(user, _)| *user == id).map(|(_, user)| user.name.clone());
        let item = CatalogItem {
            name: item.name.value.clone(),
            launch: item.launch.value.clone(),
            everyone: *everyone,
            users: users.iter().filter_map(name_of).collect(),
            groups: groups.iter().copied().collect(),
            hosts: item.hosts.value.as_ref().map(|hosts| hosts.iter().copied().collect()),
            default: item.default.value,
        };
        (*id, item)
    });
    Catalog {
        hosts: hosts.collect(),
        items: items.collect(),
        users: users.into_iter().collect(),
        policy: CatalogKeeper::default().follow(state).policy,
    }
}

fn some_event(random: &mut StdRng) -> Event {
    let id = |random: &mut StdRng| [random.random_range(0..12u8); 16];
    let users = |random: &mut StdRng| (0..random.random_range(0..4)).map(|_| UserId(id(random))).collect::<Vec<_>>();
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
        3 => Event::GroupAdded(GroupAdded { group: GroupId(id(random)), name: name(random), members: users(random) }),
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
        let before = keeper.follow(&Arc::new(farm.state().clone()));
        let (users, items) = (before.users.len(), before.items.len());
        assert!(users > 0 && items > 0, "seed {seed} ends with {users} users and {items} items");
        // What did not change is shared.
        farm.write(&Event::PolicySet(PolicySet { key: "seats.queue".into(), value: None }));
        let now = keeper.follow(&Arc::new(farm.state().clone()));
        assert!(now.users.ptr_eq(&before.users) && now.items.ptr_eq(&before.items));
        assert!(now.hosts.ptr_eq(&before.hosts));
    }
}
