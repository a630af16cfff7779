//! What is made of the hosts' reports.

use crate::common::{Desk, ask, at, busy, catalog, held, host, item, no_host, report, session, user};
use hostler_model::{PerMille, SeatId, SessionId};
use hostler_seating::report::{Load, Report, ReportError, SessionState};
use hostler_seating::seat::NoSeat;
use hostler_seating::site::{SiteInput, SiteOutput};
use std::sync::Arc;

use crate::with_sessions;
use SessionState::Active;

#[test]
fn a_starting_broker_waits_for_the_hosts() {
    let there = with_sessions(vec![session(5, "alice", Some(1), Active)]);
    for all in [true, false] {
        let mut desk = Desk { catalog: catalog(2, &["alice", "bob"]), ..Desk::empty() };
        assert_eq!(desk.no_seat(ask("alice", None)), NoSeat::Busy, "before it knows anything");
        desk.publish();
        for n in [1, 2] {
            desk.input(SiteInput::AgentUp { host: host(n) });
        }
        assert_eq!(desk.request(ask("alice", None)), []);
        assert_eq!(desk.request(ask("bob", None)), []);
        assert_eq!(desk.site.deadline().map(|at| at.0), Some(10_000));
        let (on, offer) = Desk::offered(&desk.report(1, there.clone()));
        assert_eq!((on, offer.user, offer.reattach.is_some()), (host(1), user("alice"), true), "existing ones at once");
        desk.input(SiteInput::Verdict { host: on, seat: offer.seat, verdict: Ok(()) });
        if all {
            assert_eq!(Desk::offered(&desk.report(2, report(0))).1.user, user("bob"));
        } else {
            assert_eq!(desk.wait(9_999), []);
            let (on, offer) = Desk::offered(&desk.wait(1));
            assert_eq!((on, offer.user), (host(1), user("bob")));
        }
        assert!(!desk.site.is_learning());
    }
}

#[test]
fn a_broker_that_has_just_joined_waits_for_the_list_of_hosts_too() {
    let mut desk = Desk { catalog: catalog(0, &["alice"]), ..Desk::empty() };
    desk.publish();
    assert_eq!(desk.request(ask("alice", None)), []);
    desk.catalog = catalog(1, &["alice"]);
    desk.publish();
    desk.input(SiteInput::AgentUp { host: host(1) });
    assert_eq!(Desk::offered(&desk.report(1, report(0))).1.user, user("alice"));
    // Where there are none, that is said, in the end.
    let mut desk = Desk { catalog: catalog(0, &["alice"]), ..Desk::empty() };
    desk.publish();
    assert_eq!(desk.request(ask("alice", None)), []);
    assert_eq!(desk.wait(9_999), []);
    assert!(matches!(&desk.wait(1)[..], [SiteOutput::Reply { result: Err(NoSeat::NoHost { .. }), .. }]));
}

#[test]
fn nonsense_reports_are_refused_whole_and_told_once() {
    let mut desk = Desk::new(catalog(1, &["alice"]), &[busy(0, 100)]);
    let bad = busy(0, 1_001);
    let error = ReportError::Share { what: "CPU", value: PerMille(1_001) };
    let told = SiteOutput::BadReport { host: host(1), error };
    assert_eq!(desk.report(1, bad.clone()), std::slice::from_ref(&told));
    assert_eq!(desk.report(1, bad.clone()), []);
    assert_eq!(desk.site.hosts(at(0).mono).next().unwrap().load, busy(0, 100).load);
    assert_eq!(desk.report(1, busy(0, 300)), []);
    assert_eq!(desk.site.hosts(at(0).mono).next().unwrap().load, busy(0, 300).load);
    assert_eq!(desk.report(1, bad), [told]);
    // Older than the last one, or from a host that is not connected.
    let old = Arc::new(busy(1, 700));
    assert_eq!(desk.input(SiteInput::Report { host: host(1), report: old.clone() }), []);
    assert_eq!(desk.input(SiteInput::Report { host: host(2), report: old }), []);
    assert_eq!(desk.site.hosts(at(0).mono).next().unwrap().load, busy(0, 300).load);
}

#[test]
fn reports_that_can_not_be_true() {
    let many = |n: u32| {
        (0..n).map(|n| {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&n.to_be_bytes());
            hostler_seating::report::HeldSeat { seat: SeatId(id), ..held(1, "alice", 1) }
        })
    };
    let twice = vec![session(5, "a", None, Active), session(1, "b", None, Active), session(5, "c", None, Active)];
    let load = |cpu, memory, logons_in_flight| Load { cpu: PerMille(cpu), memory: PerMille(memory), logons_in_flight };
    let base = report(1);
    let too_many = |what, count| Err(ReportError::TooMany { what, count, max: 4_096 });
    for (what, report, want) in [
        ("fine", base.clone(), Ok(())),
        ("full", Report { load: load(1_000, 1_000, 4_096), seats: many(4_096).collect(), ..base.clone() }, Ok(())),
        ("number", Report { number: 0, ..base.clone() }, Err(ReportError::Number)),
        (
            "memory",
            Report { load: load(0, 1_001, 0), ..base.clone() },
            Err(ReportError::Share { what: "memory", value: PerMille(1_001) }),
        ),
        ("logons", Report { load: load(0, 0, 4_097), ..base.clone() }, too_many("logons in flight", 4_097)),
        ("cap", Report { hard_cap: u32::MAX, ..base.clone() }, too_many("places", u32::MAX as usize)),
        ("slots", Report { logon_slots: 5_000, ..base.clone() }, too_many("logon slots", 5_000)),
        ("failed", Report { failed_logons: 5_000, ..base.clone() }, too_many("failed logons", 5_000)),
        ("seats", Report { seats: many(4_097).collect(), ..base.clone() }, too_many("seats", 4_097)),
        ("twice", Report { sessions: twice, ..base.clone() }, Err(ReportError::Twice(SessionId([5; 16])))),
        (
            "seat twice",
            Report { seats: vec![held(3, "a", 1), held(3, "b", 1)], ..base.clone() },
            Err(ReportError::SeatTwice(SeatId([3; 16]))),
        ),
        (
            "time left",
            Report { seats: vec![hostler_seating::report::HeldSeat { left_ms: 120_001, ..held(3, "a", 1) }], ..base },
            Err(ReportError::TooMany { what: "ms left for a seat", count: 120_001, max: 120_000 }),
        ),
    ] {
        assert_eq!(report.check(), want, "{what}");
    }
}

#[test]
fn a_host_that_fails_logons_is_set_aside_but_never_more_than_a_third() {
    let failing = |failed_logons| Report { failed_logons, ..report(0) };
    let mut desk = Desk::new(catalog(3, &["a", "b", "c", "d"]), &[report(0), busy(0, 500), busy(0, 600)]);
    let aside = |desk: &Desk| {
        let hosts = desk.site.hosts(at(desk.ms).mono);
        hosts.map(|h| h.set_aside_until.map_or(0, |at| at.0)).collect::<Vec<_>>()
    };
    desk.report(1, failing(2));
    assert_eq!(aside(&desk), [0, 0, 0], "people mistype passwords");
    desk.report(1, failing(1));
    assert_eq!(aside(&desk), [30_000, 0, 0]);
    assert_eq!(desk.seat(ask("a", None)).host, host(2));
    desk.report(2, failing(9));
    assert_eq!(aside(&desk), [30_000, 0, 0], "one of three");
    desk.ms = 29_999;
    for n in 1..=3 {
        desk.report(n, failing(0));
    }
    assert_eq!(aside(&desk), [30_000, 0, 0]);
    desk.wait(1);
    assert_eq!(aside(&desk), [0, 0, 0]);
    desk.report(1, failing(3));
    assert_eq!(aside(&desk), [90_000, 0, 0], "twice as long");
    desk.ms = 90_000;
    // A logon that works clears the record.
    desk.report(1, with_sessions(vec![session(5, "zoe", Some(1), Active)]));
    desk.report(1, failing(3));
    assert_eq!(aside(&desk), [120_000, 0, 0], "the first time again");
    // A host that was set aside more often than another is the worse one, and takes its place.
    desk.report(3, failing(3));
    assert_eq!(aside(&desk), [120_000, 0, 0]);
    desk.report(2, failing(3));
    assert_eq!(aside(&desk), [0, 150_000, 0], "its second time");
}

#[test]
fn a_host_that_just_appeared_starts_slowly() {
    let users: Vec<String> = (0..20).map(|n| format!("u{n}")).collect();
    let names: Vec<&str> = users.iter().map(String::as_str).collect();
    let mut catalog = catalog(2, &names);
    catalog.policy.slow_start_ms = 120_000;
    let roomy = |cpu| Report { hard_cap: 100, logon_slots: 10, ..busy(0, cpu) };
    let mut desk = Desk::new(catalog, &[roomy(900), roomy(0)]);
    desk.ms = 1_000;
    assert_eq!(desk.site.hosts(at(1_000).mono).map(|h| h.slow_start_left_ms).collect::<Vec<_>>(), [0, 0], "no news");
    desk.input(SiteInput::AgentDown { host: host(2) });
    desk.input(SiteInput::AgentUp { host: host(2) });
    desk.report(2, roomy(0));
    let view = desk.site.hosts(at(1_000).mono).nth(1).unwrap();
    assert_eq!((view.slow_start_left_ms, view.logon_slots), (120_000, 4));
    let mut landed = [0, 0];
    for name in &names[..8] {
        landed[usize::from(desk.seat(ask(name, None)).host == host(2))] += 1;
    }
    assert_eq!(landed, [4, 4], "four at once, the others go to the full host");
    // Sixty seconds later it still looks 100 thousandths fuller than it is.
    desk.ms = 61_000;
    desk.report(1, roomy(99));
    desk.report(2, roomy(0));
    assert_eq!(desk.seat(ask("u10", None)).host, host(1));
    desk.report(1, roomy(500));
    desk.ms = 121_000;
    desk.report(1, roomy(500));
    desk.report(2, roomy(0));
    let view = desk.site.hosts(at(desk.ms).mono).nth(1).unwrap();
    assert_eq!((view.slow_start_left_ms, view.logon_slots), (0, 10));
    // A host that comes back with its sessions had a bad network only.
    let full = Report { sessions: vec![session(5, "u19", Some(1), Active)], ..roomy(0) };
    desk.report(2, full.clone());
    desk.input(SiteInput::AgentDown { host: host(2) });
    desk.input(SiteInput::AgentUp { host: host(2) });
    desk.report(2, full);
    assert_eq!(desk.site.hosts(at(desk.ms).mono).nth(1).unwrap().slow_start_left_ms, 0);
}

#[test]
fn seats_count_before_the_host_reports_them() {
    let tight = Report { hard_cap: 2, logon_slots: 2, ..report(0) };
    let mut desk = Desk::new(catalog(1, &["a", "b", "c"]), std::slice::from_ref(&tight));
    let first = desk.seat(ask("a", None));
    let view = desk.site.hosts(at(0).mono).next().unwrap();
    assert_eq!((view.taken, view.logons, view.sessions), (1, 1, 0));
    let (on, offer) = Desk::offered(&desk.request(ask("b", None)));
    assert_eq!(desk.no_seat(ask("c", None)), no_host("c", "1 full"));
    desk.input(SiteInput::Verdict { host: on, seat: offer.seat, verdict: Ok(()) });
    // The report shows one of the seats, and of the other the session that it became: nothing is counted twice.
    let seat = hostler_seating::report::HeldSeat { seat: first.seat, ..held(0, "a", 1) };
    let mut came = session(5, "b", Some(1), Active);
    came.origin = hostler_seating::report::Origin::Seat { seat: offer.seat, item: item(1) };
    desk.report(1, Report { seats: vec![seat], sessions: vec![came.clone()], ..tight.clone() });
    let view = desk.site.hosts(at(0).mono).next().unwrap();
    assert_eq!((view.taken, view.logons, view.sessions), (2, 0, 1));
    assert_eq!(
        desk.site.seats(at(0).mono).map(|s| (s.host, s.seat, s.left_ms)).collect::<Vec<_>>(),
        [(host(1), first.seat, 30_000)]
    );
    // It was released without becoming a session: the place is free again.
    desk.report(1, Report { sessions: vec![came], ..tight });
    assert_eq!(desk.site.hosts(at(0).mono).next().unwrap().taken, 1);
    assert_ne!(desk.seat(ask("a", None)).seat, first.seat);
}

#[test]
fn a_seat_that_no_report_shows_is_forgotten() {
    let mut desk = Desk::new(catalog(1, &["a"]), &[report(0)]);
    let first = desk.seat(ask("a", None));
    desk.ms = 1_000;
    desk.report(1, report(0));
    assert_eq!(desk.site.hosts(at(desk.ms).mono).next().unwrap().taken, 1, "the report may be older than the seat");
    desk.ms = 1_001;
    desk.report(1, report(0));
    assert_eq!(desk.site.hosts(at(desk.ms).mono).next().unwrap().taken, 0);
    assert_ne!(desk.seat(ask("a", None)).seat, first.seat);
}

#[test]
fn a_host_that_leaves_the_catalog_is_forgotten() {
    let there = with_sessions(vec![session(5, "alice", Some(1), Active)]);
    let mut desk = Desk::new(catalog(2, &["alice", "bob"]), &[there.clone(), busy(0, 500)]);
    let (on, _) = Desk::offered(&desk.request(ask("bob", None)));
    assert_eq!(on, host(1));
    desk.catalog.hosts.remove(&host(1));
    let catalog = std::sync::Arc::new(desk.catalog.clone());
    let (on, offer) = Desk::offered(&desk.input(SiteInput::Catalog(catalog)));
    assert_eq!((on, offer.user), (host(2), user("bob")), "who waited for it goes elsewhere");
    assert_eq!(desk.seat(ask("alice", None)).host, host(2));
    assert_eq!(desk.site.sessions().count(), 0);
    assert_eq!(desk.site.hosts(at(0).mono).map(|h| h.host).collect::<Vec<_>>(), [host(2)]);
    desk.input(SiteInput::AgentDown { host: host(1) });
    // And a host may be connected before it is in the catalog.
    desk.input(SiteInput::AgentUp { host: host(3) });
    desk.report(3, busy(0, 0));
    desk.catalog.hosts.insert(host(3), desk.catalog.hosts[&host(2)].clone());
    desk.publish();
    assert_eq!(
        desk.site.hosts(at(0).mono).map(|h| (h.host, h.up)).collect::<Vec<_>>(),
        [(host(2), true), (host(3), true)]
    );
}
