//! Who is placed where, and what happens to offers.

use crate::common::{self, Desk, ask, broker, busy, catalog, held, host, item, no_host, report, session, user};
use hostler_model::{PerMille, Wall};
use hostler_seating::catalog::RateLimit;
use hostler_seating::explanation::{Candidate, Excluded, Exclusion, Explanation, Reason};
use hostler_seating::report::{Report, SessionState};
use hostler_seating::seat::{Door, NoSeat, Refusal, SeatRequest};
use hostler_seating::site::{SiteInput, SiteOutput};

use SessionState::Active;

#[test]
fn the_least_loaded_host_is_chosen_and_explained() {
    let mut catalog = catalog(4, &["alice"]);
    catalog.hosts.get_mut(&host(4)).unwrap().draining = true;
    let mut desk = Desk::new(catalog, &[busy(0, 500), busy(0, 200), Report { hard_cap: 0, ..report(0) }, report(0)]);
    desk.ms = 1_500;
    let placement = desk.seat(ask("alice", None));
    let candidate = |n: u16, cpu: u16| Candidate {
        host: host(n),
        name: format!("h{n}").into(),
        score: u32::from(cpu),
        cpu: PerMille(cpu),
        memory: PerMille(0),
        taken: 0,
        hard_cap: 10,
        logons: 0,
        report_age_ms: 1_500,
    };
    assert_eq!(
        *placement.explanation,
        Explanation {
            at: Wall(common::WALL + 1_500),
            broker: broker(1),
            user: user("alice"),
            item: item(1),
            host: host(2),
            reason: Reason::LowestScore,
            candidates: vec![candidate(2, 200), candidate(1, 500)],
            excluded: [
                Excluded { why: Exclusion::Draining, count: 1, names: vec!["h4".into()] },
                Excluded { why: Exclusion::Full, count: 1, names: vec!["h3".into()] },
            ]
            .into(),
            eligible: 2,
        }
    );
    assert_eq!((placement.host, placement.reattach, placement.user), (host(2), None, user("alice")));
}

#[test]
fn who_gets_what() {
    let mut catalog = catalog(1, &["alice", "bartholomew"]);
    catalog.items.get_mut(&item(1)).unwrap().everyone = false;
    catalog.items.get_mut(&item(1)).unwrap().users = [user("alice")].into();
    let mut desk = Desk::new(catalog, &[report(0)]);
    let open = |name, of| SeatRequest { door: Door::Open, ..ask(name, of) };
    for (request, error) in [
        (ask("mallory", None), NoSeat::UnknownUser("mallory".into())),
        (ask("bartholom", None), NoSeat::UnknownUser("bartholom".into())),
        (ask("bartholomew", None), NoSeat::NoDefault(user("bartholomew"))),
        (open("bartholom", None), NoSeat::NoDefault(user("bartholomew"))),
        (ask("alice", Some(3)), NoSeat::NotEntitled { user: user("alice") }),
        (ask("alice", Some(9)), NoSeat::NotEntitled { user: user("alice") }),
        (open("alice", Some(3)), NoSeat::NotEntitled { user: user("alice") }),
    ] {
        assert_eq!(desk.no_seat(request.clone()), error, "{request:?}");
    }
    assert_eq!(desk.seat(ask("alice", None)).item, item(1));
    assert_eq!(desk.seat(open("bartholom", Some(2))).user, user("bartholomew"));
}

#[test]
fn excluded_hosts_are_counted_by_cause() {
    let base = report(0);
    let mut full = base.clone();
    full.hard_cap = 1;
    full.sessions = vec![session(9, "zoe", Some(1), Active)];
    let mut busy = base.clone();
    busy.load.logons_in_flight = 4;
    let mut other = base.clone();
    other.sessions = vec![session(8, "alice", Some(2), Active)];
    for (what, of, reports, after, reason) in [
        ("a full host", 1, vec![full.clone()], 0, "1 full"),
        ("a host that drains itself", 1, vec![Report { draining: true, ..base.clone() }], 0, "1 draining"),
        ("no slot", 1, vec![busy.clone()], 0, "1 without a free logon slot"),
        ("an old report", 1, vec![base.clone()], 15_001, "1 with reports that are too old"),
        ("two causes", 1, vec![full.clone(), busy], 0, "1 full, 1 without a free logon slot"),
        ("not published there", 4, vec![full.clone(), base.clone()], 0, "1 without the item, 1 full"),
        ("another item", 1, vec![other], 0, "1 with another session of the user"),
    ] {
        let mut desk = Desk::new(catalog(reports.len() as u16, &["alice"]), &reports);
        desk.ms = after;
        assert_eq!(desk.no_seat(ask("alice", Some(of))), no_host("alice", reason), "{what}");
    }
    let mut desk = Desk::new(catalog(2, &["alice"]), &[full, base]);
    assert_eq!(desk.input(SiteInput::AgentDown { host: host(2) }), []);
    assert_eq!(desk.no_seat(ask("alice", None)), no_host("alice", "1 down, 1 full"));
    let mut nothing = Desk::new(catalog(0, &["alice"]), &[]);
    // It has waited for the list of hosts long enough.
    nothing.ms = 10_000;
    assert_eq!(nothing.no_seat(ask("alice", None)), no_host("alice", "none is left to ask"));
}

#[test]
fn a_report_is_fresh_for_exactly_three_intervals() {
    let mut desk = Desk::new(catalog(1, &["alice"]), &[report(0)]);
    desk.ms = 15_000;
    assert_eq!(desk.seat(ask("alice", None)).host, host(1));
}

#[test]
fn requests_for_one_user_and_item_share_a_seat() {
    let mut desk = Desk::new(catalog(2, &["alice"]), &[report(0), report(0)]);
    let (on, offer) = Desk::offered(&desk.request(ask("alice", None)));
    assert_eq!(desk.request(ask("alice", Some(1))), [], "the double click waits for the same answer");
    let replies = desk.input(SiteInput::Verdict { host: on, seat: offer.seat, verdict: Ok(()) });
    desk.ms = 54_999;
    let later = desk.request(ask("alice", None));
    let given = replies.iter().chain(&later).map(|reply| match reply {
        SiteOutput::Reply { token, result: Ok(p) } => (*token, p.host, p.seat, p.ticket, p.explanation.reason),
        other => panic!("{other:?}"),
    });
    let same = |token, reason| (token, on, offer.seat, offer.ticket, reason);
    assert_eq!(
        given.collect::<Vec<_>>(),
        [same(1, Reason::LowestScore), same(2, Reason::HeldSeat), same(3, Reason::HeldSeat),]
    );
    // Too little is left of it: a new one.
    desk.report(1, report(0));
    desk.report(2, report(0));
    desk.ms = 55_000;
    let outputs = desk.request(ask("alice", None));
    assert_ne!(Desk::offered(&outputs).1.seat, offer.seat);
}

#[test]
fn a_seat_from_another_broker_leads_to_the_same_host() {
    let elsewhere = Report { seats: vec![held(7, "alice", 1)], ..busy(0, 900) };
    let mut desk = Desk::new(catalog(2, &["alice"]), &[report(0), elsewhere]);
    let placement = desk.seat(ask("alice", None));
    assert_eq!((placement.host, placement.explanation.reason), (host(2), Reason::HeldSeat));
}

#[test]
fn two_other_hosts_are_tried_after_a_refusal() {
    let reports: Vec<_> = (0..5).map(|n| busy(0, n * 100)).collect();
    for (refusals, want) in [
        (vec![Refusal::Full], Ok(host(2))),
        (vec![Refusal::Busy, Refusal::Draining], Ok(host(3))),
        (vec![Refusal::Full, Refusal::Full, Refusal::OtherItem], Err("2 full, 1 with another session of the user")),
    ] {
        let mut desk = Desk::new(catalog(5, &["alice"]), &reports);
        let mut outputs = desk.request(ask("alice", None));
        for refusal in &refusals {
            let (host, offer) = Desk::offered(&outputs);
            outputs = desk.input(SiteInput::Verdict { host, seat: offer.seat, verdict: Err(*refusal) });
        }
        match want {
            Ok(host) => assert_eq!(Desk::offered(&outputs).0, host),
            Err(reason) => assert_eq!(Desk::refused(&outputs), no_host("alice", reason)),
        }
    }
}

#[test]
fn an_offer_that_is_lost_goes_elsewhere() {
    for (what, lose) in [("time-out", 0), ("told so", 1), ("agent gone", 2), ("unreachable", 3)] {
        let mut desk = Desk::new(catalog(2, &["alice"]), &[report(0), busy(0, 100)]);
        let (on, offer) = Desk::offered(&desk.request(ask("alice", None)));
        let seat = offer.seat;
        let release = SiteOutput::Release { host: on, seat };
        let (outputs, released) = match lose {
            0 => {
                assert_eq!(desk.wait(999), [], "{what}");
                assert_eq!(desk.site.deadline().map(|at| at.0), Some(1_000));
                (desk.wait(1), true)
            }
            1 => (desk.input(SiteInput::OfferLost { host: on, seat }), false),
            2 => (desk.input(SiteInput::AgentDown { host: on }), false),
            _ => (desk.input(SiteInput::Unreachable { host: on, seat }), true),
        };
        assert_eq!(outputs[0] == release, released, "{what}");
        let (second, _) = Desk::offered(&outputs[usize::from(released)..]);
        assert_eq!((on, second), (host(1), host(2)), "{what}");
        assert_eq!(desk.input(SiteInput::Verdict { host: on, seat, verdict: Ok(()) }), [], "{what}: too late");
    }
}

#[test]
fn a_host_that_the_gateway_could_not_reach_is_avoided() {
    let mut desk = Desk::new(catalog(2, &["alice"]), &[report(0), busy(0, 100)]);
    let first = desk.seat(ask("alice", None));
    assert_eq!(first.host, host(1));
    let release = SiteOutput::Release { host: host(1), seat: first.seat };
    assert_eq!(desk.input(SiteInput::Unreachable { host: host(1), seat: first.seat }), [release]);
    let avoiding = SeatRequest { avoid: vec![host(1), host(77)], ..ask("alice", None) };
    let second = desk.seat(avoiding.clone());
    let excluded = Excluded { why: Exclusion::Unreachable, count: 1, names: vec!["h1".into()] };
    assert_eq!((second.host, &second.explanation.excluded[..]), (host(2), &[excluded][..]));
    // Even where the broker was not told: the seat that is held there is given back.
    let mut desk = Desk::new(catalog(2, &["alice"]), &[report(0), busy(0, 100)]);
    let first = desk.seat(ask("alice", None));
    let outputs = desk.request(avoiding);
    assert_eq!(outputs[0], SiteOutput::Release { host: host(1), seat: first.seat });
    assert_eq!(Desk::offered(&outputs[1..]).0, host(2));
}

#[test]
fn the_open_door_is_limited() {
    let mut catalog = catalog(1, &["a", "b"]);
    catalog.policy.per_user = Some(RateLimit { burst: 2, per_minute: 6 });
    catalog.policy.per_address = Some(RateLimit { burst: 3, per_minute: 60 });
    let mut desk = Desk::new(catalog, &[Report { logon_slots: 100, hard_cap: 100, ..report(0) }]);
    let open =
        |name, client: &str| SeatRequest { door: Door::Open, client: Some(client.parse().unwrap()), ..ask(name, None) };
    for (request, limited) in [
        (open("a", "192.0.2.1"), None),
        (open("a", "192.0.2.1"), None),
        (open("a", "192.0.2.2"), Some(10)),
        (open("b", "192.0.2.1"), None),
        (open("b", "192.0.2.1"), Some(1)),
        (open("nobody", "192.0.2.1"), Some(1)),
        (open("b", "192.0.2.3"), None),
        (ask("a", None), None),
    ] {
        let outputs = desk.request(request.clone());
        match (limited, &outputs[..]) {
            (Some(s), _) => assert_eq!(Desk::refused(&outputs), NoSeat::RateLimited(s), "{request:?}"),
            (None, [] | [SiteOutput::Offer { .. }]) => {}
            other => panic!("{request:?}: {other:?}"),
        }
    }
}

#[test]
fn requests_wait_for_room_where_the_policy_says_so() {
    let mut catalog = catalog(1, &["a", "b", "c"]);
    catalog.policy.queue_ms = Some(8_000);
    let full = Report { hard_cap: 1, sessions: vec![session(5, "zoe", Some(1), Active)], ..report(0) };
    let free = |cap| Report { hard_cap: cap, ..full.clone() };
    let mut desk = Desk::new(catalog.clone(), std::slice::from_ref(&full));
    assert_eq!(desk.request(ask("a", None)), []);
    desk.ms = 1_000;
    assert_eq!(desk.request(ask("b", None)), []);
    assert_eq!(desk.site.deadline().map(|at| at.0), Some(8_000));
    desk.ms = 2_000;
    assert_eq!(desk.report(1, full.clone()), []);
    let (on, offer) = Desk::offered(&desk.report(1, free(2)));
    assert_eq!(offer.user, user("a"), "in the order of their coming");
    assert_eq!(desk.request(ask("c", None)), [], "nobody jumps the queue");
    desk.input(SiteInput::Verdict { host: on, seat: offer.seat, verdict: Ok(()) });
    assert_eq!(desk.site.deadline().map(|at| at.0), Some(9_000));
    desk.ms = 9_000;
    assert_eq!(Desk::refused(&desk.input(SiteInput::Tick)), no_host("b", "1 full"));
    let mut seen = vec![];
    while let Some(at) = desk.site.deadline().filter(|at| at.0 <= 10_000) {
        desk.ms = at.0;
        seen.extend(desk.input(SiteInput::Tick));
    }
    assert_eq!(Desk::refused(&seen), no_host("c", "1 full"));
    // What no waiting can change is refused at once.
    let other = Report { sessions: vec![session(5, "a", Some(2), Active)], ..report(0) };
    let mut desk = Desk::new(catalog, &[other]);
    assert_eq!(desk.no_seat(ask("a", None)), no_host("a", "1 with another session of the user"));
}
