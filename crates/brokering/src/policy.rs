//! The rules of a site, as seating wants them.

use hostler_node::PolicyKey;
use hostler_seating::catalog::{Policy, RateLimit};
use hostler_views::State;

/// The rules of a site.
pub(crate) fn policy(site: &State) -> Policy {
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
