//! From the views to what the links need to know.

use crate::backend::Snapshot;
use hostler_model::Epoch;
use hostler_views::{Host, State};
use hostler_wire::messages::agent::HostSettings;
use hostler_wire::messages::roster::{BrokerEntry, BrokerList};

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
