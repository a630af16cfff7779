//! The machines together, on a virtual clock.
#![allow(clippy::unwrap_used)] // In a test a failed one should stop it.

#[path = "../common/mod.rs"]
mod common;
mod farm;

use common::{at, catalog, host};
use farm::{Event, Farm};
use hostler_model::PerMille;
use hostler_seating::catalog::Catalog;
use hostler_seating::report::{Origin, SessionKind, SessionState};
use hostler_seating::site::SiteInput;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

fn users(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("user{n}")).collect()
}

fn catalog_for(hosts: u16, users: &[String]) -> Catalog {
    let names: Vec<&str> = users.iter().map(String::as_str).collect();
    catalog(hosts, &names)
}

#[test]
fn sessions_are_spread_evenly() {
    let users = users(3_000);
    let catalog = catalog_for(50, &users);
    let mut farm = Farm::new(&catalog, 3, [(100, 10); 50], SessionKind::PerUser, 1);
    farm.run_until(1_000);
    for (n, name) in users.iter().enumerate() {
        farm.ask(1_000 + n as u64 * 20, name, 1);
    }
    farm.run_until(75_000);
    let sessions = farm.sessions();
    let (most, all) = (sessions.iter().copied().max().unwrap(), sessions.iter().sum::<usize>());
    assert_eq!((all, farm.refused.len(), farm.duplicates), (3_000, 0, 0), "{:?}", farm.refused.first());
    let ratio = most as f64 / (all as f64 / 50.0);
    assert!(ratio <= 1.05, "max/mean {ratio}: {sessions:?}");
    println!("max/mean {ratio}");
}

#[test]
fn an_empty_host_among_full_ones_is_not_swamped() {
    let users = users(600);
    let mut catalog = catalog_for(11, &users);
    catalog.policy.slow_start_ms = 120_000;
    let mut farm = Farm::new(&catalog, 3, [(60, 20); 11], SessionKind::PerUser, 2);
    // Host 11 is being rebooted while 400 users come to the others.
    let away = farm.hosts[10].config.host;
    for b in 0..3 {
        farm.site(b, SiteInput::AgentDown { host: away });
    }
    for (n, name) in users[..400].iter().enumerate() {
        farm.ask(11_000 + n as u64 * 50, name, 1);
    }
    farm.run_until(60_000);
    assert_eq!((farm.sessions()[10], farm.sessions().iter().sum::<usize>()), (0, 400));
    // It is back, empty, and 20 users a second go on coming: without care all of them would land there.
    for b in 0..3 {
        farm.site(b, SiteInput::AgentUp { host: away });
    }
    for (n, name) in users[400..].iter().enumerate() {
        farm.ask(60_000 + n as u64 * 50, name, 1);
    }
    farm.run_until(90_000);
    let sessions = farm.sessions();
    assert_eq!((farm.refused.len(), sessions.iter().sum::<usize>()), (0, 600));
    assert!(farm.hosts[10].most_coming <= 4, "{} at once", farm.hosts[10].most_coming);
    assert!((10..40).contains(&sessions[10]), "it gets its share all the same: {sessions:?}");
}

#[derive(Clone, Debug)]
struct Story {
    seed: u8,
    brokers: u8,
    hosts: Vec<(u32, u32)>,
    per_item: bool,
    lose_one_of: u32,
    unreachable_one_of: u32,
    queue_ms: Option<u64>,
    asks: Vec<(u64, u8, u8)>,
    ends: Vec<(u64, u8)>,
}

fn stories() -> impl Strategy<Value = Story> {
    let hosts = prop::collection::vec((1..5u32, 1..4u32), 1..5);
    let asks = prop::collection::vec((1_000..60_000u64, 0..8u8, 1..3u8), 1..60);
    let ends = prop::collection::vec((5_000..60_000u64, any::<u8>()), 0..20);
    let faults = (prop_oneof![Just(0), Just(3), Just(10)], prop_oneof![Just(0), Just(0), Just(5)]);
    let queue = prop_oneof![Just(None), Just(Some(4_000))];
    (any::<u8>(), 1..4u8, hosts, any::<bool>(), faults, queue, asks, ends).prop_map(
        |(seed, brokers, hosts, per_item, (lose_one_of, unreachable_one_of), queue_ms, asks, ends)| Story {
            seed,
            brokers,
            hosts,
            per_item,
            lose_one_of,
            unreachable_one_of,
            queue_ms,
            asks,
            ends,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Never above a hard cap, one session for each user and item, a seat starts one session at most, every request is
    /// answered once, and nothing waits without a deadline: whatever the order of things.
    #[test]
    fn whatever_happens(story in stories()) {
        let users = users(8);
        let mut catalog = catalog_for(story.hosts.len() as u16, &users);
        catalog.policy.queue_ms = story.queue_ms;
        let kind = if story.per_item { SessionKind::PerItem } else { SessionKind::PerUser };
        let mut farm = Farm::new(&catalog, story.brokers, story.hosts.clone(), kind, story.seed);
        farm.lose_one_of = story.lose_one_of;
        farm.unreachable_one_of = story.unreachable_one_of;
        for (ms, who, of) in &story.asks {
            farm.ask(*ms, &users[usize::from(*who)], *of);
        }
        let mut ends = story.ends.clone();
        ends.sort_unstable();
        let mut steps: Vec<(u64, Option<u8>)> = (1..=90).map(|s| (s * 1_000, None)).collect();
        steps.extend(ends.into_iter().map(|(ms, which)| (ms, Some(which))));
        steps.sort_unstable();
        for (ms, end) in steps {
            farm.run_until(ms);
            if let Some(which) = end {
                let all: Vec<(usize, String)> = farm.hosts.iter().enumerate()
                    .flat_map(|(h, m)| m.live.keys().map(move |key| (h, key.clone()))).collect();
                if !all.is_empty() {
                    let (h, key) = all[usize::from(which) % all.len()].clone();
                    farm.happen(Event::End(h, key));
                }
            }
            let mut seen = BTreeSet::new();
            for report in farm.last_report.iter().flatten() {
                for session in &report.sessions {
                    if let Origin::Seat { item, .. } = &session.origin {
                        prop_assert!(seen.insert((session.user.clone(), *item)), "two sessions: {:?}", session);
                    }
                }
            }
        }
        prop_assert!(farm.waiting.is_empty(), "unanswered: {:?}", farm.waiting);
        prop_assert_eq!(farm.duplicates, 0);
    }

    /// A report is refused exactly where something in it can't be, and then nothing of it is used.
    #[test]
    fn nonsense_is_refused(
        number in 0..3u64, cpu in 0..2_000u16, memory in 0..2_000u16, cap in 0..9_000u32, slots in 0..9_000u32,
        logons in 0..9_000u32, failed in 0..9_000u32, ids in prop::collection::vec(0..40u8, 0..8),
    ) {
        let mut report = common::report(number);
        report.load.cpu = PerMille(cpu);
        report.load.memory = PerMille(memory);
        report.load.logons_in_flight = logons;
        report.hard_cap = cap;
        report.logon_slots = slots;
        report.failed_logons = failed;
        report.sessions = ids.iter().map(|n| common::session(*n, "user0", Some(1), SessionState::Active)).collect();
        let unique = ids.iter().collect::<BTreeSet<_>>().len() == ids.len();
        let fine = number > 0 && cpu <= 1_000 && memory <= 1_000 && unique
            && [cap, slots, logons, failed].iter().all(|n| *n <= 4_096);
        prop_assert_eq!(report.check().is_ok(), fine);
        let mut desk = common::Desk::new(catalog(1, &["user0"]), &[]);
        desk.input(SiteInput::AgentUp { host: host(1) });
        desk.input(SiteInput::Report { host: host(1), report: Arc::new(report) });
        let view = desk.site.hosts(at(0).mono).next().unwrap();
        prop_assert_eq!(view.report_age_ms.is_some(), fine);
        prop_assert_eq!(desk.site.sessions().count(), if fine { ids.len() } else { 0 });
    }
}
