//! The brokers of the whole farm: all of them link to each other, whatever their site.

use crate::backend::Snapshot;
use hostler_model::{Address, BrokerId, PublicKey, SiteId};
use hostler_views::State;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A broker that may connect.
pub(crate) struct Member<'a> {
    pub(crate) id: BrokerId,
    pub(crate) key: PublicKey,
    /// Where it talks to other brokers.
    pub(crate) peer: &'a Address,
}

/// The brokers in the lists of all sites, and those who joined to begin a site and have not begun it.
pub(crate) fn members<'a>(
    sites: &'a BTreeMap<SiteId, Arc<State>>,
    main: &'a State,
) -> impl Iterator<Item = Member<'a>> + use<'a> {
    let listed = sites.values().flat_map(|site| {
        let member = |id: &BrokerId| {
            let broker = site.brokers.get(id)?;
            Some(Member { id: *id, key: broker.key, peer: &broker.addresses.peer })
        };
        site.order.iter().filter_map(member)
    });
    let founders = main.sites.iter().filter(|(id, _)| sites.get(id).is_none_or(|s| s.brokers.is_empty()));
    let founders = founders.filter_map(|(_, site)| site.founder.as_ref());
    listed.chain(founders.map(|f| Member { id: f.broker, key: f.key, peer: &f.addresses.peer }))
}

impl Snapshot {
    /// The brokers of the whole farm.
    pub(crate) fn farm_members(&self) -> impl Iterator<Item = Member<'_>> {
        members(&self.sites, &self.main)
    }
}
