//! Which brokers of a site take work now.

use hostler_model::{BrokerId, limits};
use hostler_views::State;
use std::collections::BTreeSet;

/// The enabled brokers that are alive, by priority. A standby takes work only in the place of an active one that is
/// gone: dead, disabled or removed.
#[must_use]
pub fn serving(site: &State, alive: &BTreeSet<BrokerId>) -> Vec<BrokerId> {
    let enabled = |standby: bool| {
        let fits = move |b: &&BrokerId| site.brokers.get(b).is_some_and(|b| b.enabled && b.standby == standby);
        site.order.iter().filter(fits).copied()
    };
    let mut serving: Vec<BrokerId> = enabled(false).filter(|b| alive.contains(b)).collect();
    // Where active ones were disabled or removed for good, standbys fill up to the advised number.
    let wanted = enabled(false).count().max(limits::ADVISED_ACTIVE_BROKERS);
    let gone = wanted - serving.len();
    serving.extend(enabled(true).filter(|b| alive.contains(b)).take(gone));
    serving
}
