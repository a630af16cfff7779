//! Sessions that are there already.

use crate::common::{self, Desk, ask, busy, catalog, held, host, item, report, session, user};
use hostler_model::{SeatId, SessionId};
use hostler_seating::explanation::Reason;
use hostler_seating::report::{Report, SessionKind, SessionState};
use hostler_seating::seat::{NoSeat, Refusal, SeatRequest};
use hostler_seating::site::{SiteInput, SiteOutput};

use crate::with_sessions;
use SessionState::{Active, Disconnected};

#[test]
fn the_existing_session_comes_first() {
    let there = |state, of| with_sessions(vec![session(5, "alice", of, state)]);
    for (what, first, want) in [
        ("active", there(Active, Some(1)), Some(5)),
        ("disconnected", there(Disconnected, Some(1)), Some(5)),
        ("begun without a seat", there(Disconnected, None), Some(5)),
        ("on a busy host", Report { load: busy(0, 1_000).load, ..there(Active, Some(1)) }, Some(5)),
        ("on a full host", Report { hard_cap: 1, ..there(Active, Some(1)) }, Some(5)),
        ("on a draining host", Report { draining: true, ..there(Active, Some(1)) }, Some(5)),
        ("another's", with_sessions(vec![session(5, "bob", Some(1), Active)]), None),
        ("for another item", there(Active, Some(2)), None),
        ("without a seat, one for each item", Report { kind: SessionKind::PerItem, ..there(Active, None) }, None),
    ] {
        let mut desk = Desk::new(catalog(2, &["alice", "bob"]), &[first, report(0)]);
        desk.ms = 20_000;
        desk.report(2, report(0));
        let placement = desk.seat(ask("alice", None));
        let reason = if want.is_some() { Reason::ExistingSession } else { Reason::LowestScore };
        assert_eq!(placement.reattach, want.map(|n: u8| SessionId([n; 16])), "{what}");
        assert_eq!(placement.explanation.reason, reason, "{what}");
        assert_eq!(placement.host, if want.is_some() { host(1) } else { host(2) }, "{what}");
    }
}

#[test]
fn a_held_seat_does_not_lead_away_from_a_session() {
    let mut desk = Desk::new(catalog(2, &["alice"]), &[report(0), busy(0, 900)]);
    let seat = desk.seat(ask("alice", Some(1)));
    assert_eq!(seat.host, host(1));
    // Through another broker a session has begun on the other host meanwhile.
    desk.report(2, with_sessions(vec![session(5, "alice", Some(1), Active)]));
    let outputs = desk.request(ask("alice", Some(1)));
    assert_eq!(outputs[0], SiteOutput::Release { host: host(1), seat: seat.seat });
    let (to, offer) = Desk::offered(&outputs[1..]);
    assert_eq!((to, offer.reattach), (host(2), Some(SessionId([5; 16]))));
}

#[test]
fn another_item_goes_to_another_host_where_the_host_knows_one_session_a_user() {
    let there = with_sessions(vec![session(5, "alice", Some(1), Active)]);
    let per_item = Report { kind: SessionKind::PerItem, ..there.clone() };
    for (what, first, second, want) in
        [("one a user", there.clone(), busy(0, 900), 2), ("one for each item", per_item, busy(0, 900), 1)]
    {
        let mut desk = Desk::new(catalog(2, &["alice"]), &[first, second]);
        assert_eq!(desk.seat(ask("alice", Some(2))).host, host(want), "{what}");
    }
    // A seat that is held counts like a session, whichever broker gave it out.
    let mut desk = Desk::new(catalog(2, &["alice"]), &[report(0), busy(0, 900)]);
    assert_eq!(desk.seat(ask("alice", Some(1))).host, host(1));
    assert_eq!(desk.seat(ask("alice", Some(2))).host, host(2));
    let elsewhere = Report { seats: vec![held(7, "alice", 1)], ..report(0) };
    let mut desk = Desk::new(catalog(2, &["alice"]), &[elsewhere, busy(0, 900)]);
    assert_eq!(desk.seat(ask("alice", Some(2))).host, host(2));
}

#[test]
fn active_sessions_are_let_be_where_the_policy_says_so() {
    for (state, want) in [(Disconnected, (host(1), true)), (Active, (host(2), false))] {
        let mut catalog = catalog(2, &["alice"]);
        catalog.policy.one_session = false;
        let there = with_sessions(vec![session(5, "alice", Some(1), state)]);
        let mut desk = Desk::new(catalog, &[there, busy(0, 900)]);
        let placement = desk.seat(ask("alice", None));
        assert_eq!((placement.host, placement.reattach.is_some()), want, "{state:?}");
    }
}

#[test]
fn a_session_that_ended_meanwhile_is_replaced() {
    let there = with_sessions(vec![session(5, "alice", Some(1), Active)]);
    let mut desk = Desk::new(catalog(2, &["alice"]), &[there, busy(0, 900)]);
    let (on, offer) = Desk::offered(&desk.request(ask("alice", None)));
    assert_eq!(offer.reattach, Some(SessionId([5; 16])));
    let ended = SiteInput::Verdict { host: on, seat: offer.seat, verdict: Err(Refusal::SessionEnded) };
    let (on, offer) = Desk::offered(&desk.input(ended));
    assert_eq!((on, offer.reattach), (host(1), None));
}

#[test]
fn sessions_of_a_silent_host_are_kept() {
    let there = with_sessions(vec![session(5, "alice", Some(1), Active)]);
    let silent = |left_s| NoSeat::SessionHostSilent { user: user("alice"), host: "h1".into(), left_s };
    let mut desk = Desk::new(catalog(2, &["alice"]), &[there.clone(), report(0)]);
    desk.ms = 1_000;
    desk.input(SiteInput::AgentDown { host: host(1) });
    desk.ms = 11_000;
    desk.report(2, report(0));
    assert_eq!(desk.no_seat(ask("alice", None)), silent(290));
    assert_eq!(desk.seat(ask("alice", Some(2))).host, host(2), "another item waits for nothing");
    assert_eq!(desk.site.sessions().count(), 1);
    desk.ms = 300_999;
    desk.report(2, report(0));
    assert_eq!(desk.no_seat(ask("alice", None)), silent(1));
    desk.ms = 301_000;
    assert_eq!(desk.seat(ask("alice", None)).host, host(2));
    assert_eq!(desk.site.sessions().count(), 0);
    // Back in time, the session is there again at once, before the first report.
    let mut desk = Desk::new(catalog(2, &["alice"]), &[there.clone(), report(0)]);
    desk.input(SiteInput::AgentDown { host: host(1) });
    desk.input(SiteInput::AgentUp { host: host(1) });
    assert_eq!(desk.seat(ask("alice", None)).host, host(1));
    // The policy says at once.
    let mut catalog = catalog(2, &["alice"]);
    catalog.policy.silent_host_keep_ms = 0;
    let mut desk = Desk::new(catalog.clone(), &[there.clone(), report(0)]);
    desk.input(SiteInput::AgentDown { host: host(1) });
    assert_eq!(desk.seat(ask("alice", None)).host, host(2));
    // The policy is changed while a host is silent.
    catalog.policy.silent_host_keep_ms = 300_000;
    let mut desk = Desk::new(catalog, &[there.clone(), report(0)]);
    desk.input(SiteInput::AgentDown { host: host(1) });
    desk.ms = 5_000;
    desk.catalog.policy.silent_host_keep_ms = 1_000;
    desk.publish();
    desk.wait(1);
    assert_eq!(desk.seat(ask("alice", None)).host, host(2));
    // The gateway can't reach the host, or its agent does not answer: the session is kept as well.
    let mut desk = Desk::new(common::catalog(2, &["alice"]), &[there, report(0)]);
    let (_, offer) = Desk::offered(&desk.request(ask("alice", None)));
    let outputs = desk.wait(1_000);
    assert_eq!(outputs[0], SiteOutput::Release { host: host(1), seat: offer.seat });
    assert_eq!(Desk::refused(&outputs[1..]), silent(300));
    desk.input(SiteInput::Unreachable { host: host(1), seat: SeatId([1; 16]) });
    desk.ms += 9_000;
    let avoiding = SeatRequest { avoid: vec![host(1)], ..ask("alice", None) };
    assert_eq!(desk.no_seat(avoiding), silent(291));
}

#[test]
fn a_second_session_is_reported_once() {
    let on = |n, of| with_sessions(vec![session(n, "alice", of, Active)]);
    let mut desk = Desk::new(catalog(3, &["alice"]), &[on(1, Some(1)), on(2, Some(2)), on(3, None)]);
    let told = |sessions: &[(u16, u8)]| SiteOutput::Duplicate {
        user: user("alice"),
        item: item(1),
        sessions: sessions.iter().map(|(h, s)| (host(*h), SessionId([*s; 16]))).collect(),
    };
    assert_eq!(desk.report(2, on(4, Some(1))), [told(&[(1, 1), (2, 4)])]);
    assert_eq!(desk.report(1, on(1, Some(1))), [], "told already");
    assert_eq!(desk.report(2, on(4, Some(1))), [], "told already");
    assert_eq!(desk.report(2, report(0)), [], "over");
    assert_eq!(desk.report(3, on(5, Some(1))), [told(&[(1, 1), (3, 5)])], "a new case");
}
