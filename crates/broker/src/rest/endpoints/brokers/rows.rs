//! The list of brokers, out of the views and what is known of each at this moment.

use super::{Addresses, BrokerRow};
use crate::backend::{BrokerNow, Snapshot};
use hostler_brokering::serving;
use hostler_model::{BrokerId, limits};
use hostler_views::Broker;
use hostler_wire::Fingerprint;

/// The brokers by priority.
pub(super) fn rows(now: &Snapshot) -> Vec<BrokerRow> {
    let listed = || now.site.order.iter().filter_map(|id| Some((*id, now.site.brokers.get(id)?)));
    let known = |id: &BrokerId| now.brokers.get(id).cloned().unwrap_or_default();
    let alive = listed().map(|(id, _)| id).filter(|id| known(id).alive).collect();
    let serving = serving(&now.site, &alive);
    let logons: u64 = listed().map(|(id, _)| u64::from(known(&id).logons_last_hour)).sum();
    let row = |((id, broker), priority): ((BrokerId, &Broker), u32)| {
        let known = known(&id);
        let master = now.master.is_some_and(|(master, _)| master == id);
        let at = &broker.addresses;
        let share = (u64::from(known.logons_last_hour) * 1_000).checked_div(logons);
        BrokerRow {
            id: id.to_string(),
            name: broker.name.to_string(),
            priority,
            state: state(broker, &known, master).to_string(),
            master,
            enabled: broker.enabled,
            standby: broker.standby,
            serving: serving.contains(&id),
            alive: known.alive,
            answers: id == now.me,
            fingerprint: Fingerprint::of(&broker.key).to_string(),
            addresses: Addresses {
                join: at.join.to_string(),
                access: at.access.to_string(),
                agent: at.agent.to_string(),
                peer: at.peer.to_string(),
            },
            version: known.version,
            logons_last_hour: known.logons_last_hour,
            logon_share_permille: share.and_then(|share| u16::try_from(share).ok()),
            lag_events: known.lag.events,
            lag_ms: known.lag.ms,
            clock_behind_ms: known.clock_behind_ms,
            joined_ms: broker.joined.wall.0,
            master_since_ms: now.master_since.filter(|_| master).map(|at| at.0),
        }
    };
    listed().zip(1..).map(row).collect()
}

/// What an administrator should know first comes first.
fn state(broker: &Broker, known: &BrokerNow, master: bool) -> &'static str {
    if !known.alive {
        "unreachable"
    } else if known.lag.events > 0 && known.lag.ms >= limits::LAGGING_MS {
        "lagging"
    } else if !broker.enabled {
        "disabled"
    } else if master {
        "master"
    } else if broker.standby {
        "standby"
    } else {
        "active"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::testing;
    use hostler_model::{Epoch, Hlc, Wall};
    use hostler_node::Lag;
    use hostler_wire::MemberKey;

    #[test]
    fn states_and_shares() {
        let of = |n: u8| BrokerId([n; 16]);
        let known = |alive, events, ms, logons| BrokerNow {
            alive,
            lag: Lag { events, ms },
            logons_last_hour: logons,
            ..BrokerNow::default()
        };
        // Enabled, standby, what is known; what comes out: state, serving, thousandths of the logons.
        let cases = [
            (true, false, known(true, 0, 0, 500), ("master", true, 500)),
            (true, false, known(true, 3, 4_999, 250), ("active", true, 250)),
            (true, false, known(true, 3, 5_000, 125), ("lagging", true, 125)),
            (true, false, known(false, 3, 5_000, 125), ("unreachable", false, 125)),
            (true, true, known(true, 0, 9_000, 0), ("standby", true, 0)),
            (true, true, known(true, 0, 0, 0), ("standby", false, 0)),
            (false, false, known(true, 0, 0, 0), ("disabled", false, 0)),
        ];
        let farm = testing::snapshot(&MemberKey::from_seed(&[1; 32]));
        let founder = farm.site.brokers.values().next().unwrap().clone();
        let mut now = testing::changed(&farm, |site| {
            site.order.clear();
            for ((enabled, standby, ..), n) in cases.iter().zip(1..) {
                let (enabled, standby) = (*enabled, *standby);
                site.brokers.insert(of(n), Broker { enabled, standby, ..founder.clone() });
                site.order.push(of(n));
            }
        });
        now.brokers = cases.iter().zip(1..).map(|((_, _, known, _), n)| (of(n), known.clone())).collect();
        now.master = Some((of(1), Epoch { n: 1, hlc: Hlc::default(), broker: of(1) }));
        now.master_since = Some(Wall(7));
        let rows = rows(&now);
        let got: Vec<_> = rows.iter().map(|r| (r.state.as_str(), r.serving, r.logon_share_permille.unwrap())).collect();
        assert_eq!(got, cases.map(|(.., want)| want));
        assert_eq!(rows.iter().map(|r| r.priority).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!((rows[0].master_since_ms, rows[1].master_since_ms), (Some(7), None));
        now.brokers.clear();
        assert!(super::rows(&now).iter().all(|r| r.logon_share_permille.is_none() && r.state == "unreachable"));
    }
}
