//! From the views to what seating and the links need to know.

use crate::backend::Snapshot;
use hostler_model::{Epoch, UserName};
use hostler_node::PolicyKey;
use hostler_seating::catalog::{Catalog, CatalogHost, CatalogItem, CatalogUser, Policy, RateLimit};
use hostler_views::{Host, State};
use hostler_wire::messages::agent::HostSettings;
use hostler_wire::messages::roster::{BrokerEntry, BrokerList};
use std::collections::BTreeMap;

/// What seating needs of a site's state.
#[must_use]
pub(crate) fn catalog(site: &State) -> Catalog {
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

/// What the farm wants of a host.
#[must_use]
pub(crate) fn host_settings(host: &Host) -> HostSettings {
    HostSettings {
        name: host.name.value.clone(),
        drain: host.drain.value,
        hard_cap: host.hard_cap.value,
        logon_slots: host.logon_slots.value,
    }
}

/// The brokers of all sites, for one that joins: this site's first. The first broker of every site is among them, even
/// where it was removed: the events with which the site begins are its own.
#[must_use]
pub(crate) fn farm_list(now: &Snapshot, epoch: Epoch) -> BrokerList {
    let mut list = broker_list(&now.site, epoch);
    for site in now.sites.values() {
        let founder = site.founder.filter(|f| !site.order.contains(f));
        let entry = |id: &hostler_model::BrokerId| broker_entry(site, *id);
        let entries: Vec<_> = site.order.iter().chain(&founder).filter_map(entry).collect();
        list.brokers.extend(entries.into_iter().filter(|e| !now.site.order.contains(&e.id)));
    }
    list
}

fn broker_entry(site: &State, id: hostler_model::BrokerId) -> Option<BrokerEntry> {
    let b = site.brokers.get(&id)?;
    let (name, addresses) = (b.name.clone(), b.addresses.clone());
    Some(BrokerEntry { id, name, key: b.key, addresses, enabled: b.enabled })
}

/// The brokers of a site, as agents and gateways keep them.
#[must_use]
pub(crate) fn broker_list(site: &State, epoch: Epoch) -> BrokerList {
    let entry = |id: &hostler_model::BrokerId| broker_entry(site, *id);
    BrokerList { epoch, changed: site.brokers_changed, brokers: site.order.iter().filter_map(entry).collect() }
}
