//! From the views to the catalog of seating.

use hostler_model::UserName;
use hostler_node::PolicyKey;
use hostler_seating::catalog::{Catalog, CatalogHost, CatalogItem, CatalogUser, Policy, RateLimit};
use hostler_views::State;
use std::collections::BTreeMap;

/// What seating needs of a site's state.
#[must_use]
pub fn catalog(site: &State) -> Catalog {
    let mut users: BTreeMap<UserName, CatalogUser> = BTreeMap::new();
    for user in site.users.values() {
        users.entry(user.name.clone()).or_default();
    }
    for (id, group) in &site.groups {
        for name in group.members.value.iter().filter_map(|u| site.users.get(u)).map(|u| &u.name) {
            if let Some(user) = users.get_mut(name) {
                user.groups.insert(*id);
            }
        }
    }
    let items = site.items.iter().map(|(id, item)| {
        let audience = &item.audience.value;
        let item = CatalogItem {
            name: item.name.value.clone(),
            launch: item.launch.value.clone(),
            everyone: audience.everyone,
            users: audience.users.iter().filter_map(|u| site.users.get(u)).map(|u| u.name.clone()).collect(),
            groups: audience.groups.iter().copied().collect(),
            hosts: item.hosts.value.as_ref().map(|hosts| hosts.iter().copied().collect()),
            default: item.default.value,
        };
        (*id, item)
    });
    let hosts = site.hosts.iter().map(|(id, host)| {
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
    Catalog { hosts: hosts.collect(), items: items.collect(), users, policy: policy(site) }
}

fn policy(site: &State) -> Policy {
    let queue_ms = PolicyKey::Queue.value_ms(site);
    let limit = |key: PolicyKey| {
        let per_minute = key.value_number(site);
        Some(RateLimit { burst: per_minute.div_ceil(2).max(1), per_minute })
    };
    Policy {
        one_session: PolicyKey::OneSession.value_bool(site),
        queue_ms: (queue_ms > 0).then_some(queue_ms),
        silent_host_keep_ms: PolicyKey::SilentKeep.value_ms(site),
        slow_start_ms: PolicyKey::SlowStart.value_ms(site),
        per_address: limit(PolicyKey::PerAddress),
        per_user: limit(PolicyKey::PerUser),
        ..Policy::default()
    }
}
