//! Who is admitted, for how long, and what is reported.

use crate::common::{at, item, user};
use hostler_model::{PerMille, SeatId, TicketId};
use hostler_seating::admission::{AdmissionConfig, AdmissionInput, AdmissionOutput};
use hostler_seating::report::{HeldSeat, Load, Report, SessionKind};
use hostler_seating::seat::{Offer, Refusal, TicketRefusal};

use AdmissionOutput::{Keep, Verdict};

use crate::gate::{Gate, config, found, id, is_report, offer};

#[test]
fn who_is_admitted() {
    use SessionKind::{PerItem, PerUser};
    type Setup = fn(&mut Gate);
    let three_sessions: Setup = |gate| {
        gate.found(&[found("a", "anna"), found("b", "ben"), found("c", "cleo")]);
    };
    let a_seat: Setup = |gate| assert_eq!(gate.offer(offer(9, "dora", 1)), Ok(()));
    let draining: Setup = |gate| assert_eq!(gate.input(AdmissionInput::Drain(true)), []);
    let taken_for_2: Setup = |gate| {
        assert_eq!((gate.offer(offer(9, "dora", 2)), gate.take(9)), (Ok(()), Ok(())));
        assert_eq!(gate.found(&[found("d", "dora")]).len(), 1);
    };
    type Case = (&'static str, SessionKind, Vec<Setup>, Offer, Result<(), Refusal>);
    let cases: [Case; 14] = [
        ("an empty host", PerUser, vec![], offer(1, "dora", 1), Ok(())),
        ("one place left", PerUser, vec![three_sessions], offer(1, "dora", 1), Ok(())),
        ("none left", PerUser, vec![three_sessions, a_seat], offer(1, "emma", 1), Err(Refusal::Full)),
        ("the same place", PerUser, vec![three_sessions, a_seat, draining], offer(1, "dora", 1), Ok(())),
        ("draining", PerUser, vec![draining], offer(1, "dora", 1), Err(Refusal::Draining)),
        ("their own session", PerUser, vec![three_sessions, draining], offer(1, "anna", 1), Ok(())),
        (
            "their desktop is no application",
            PerUser,
            vec![three_sessions],
            offer(1, "anna", 2),
            Err(Refusal::OtherItem),
        ),
        ("another seat", PerUser, vec![a_seat], offer(1, "dora", 2), Err(Refusal::OtherItem)),
        ("another seat, per item", PerItem, vec![a_seat], offer(1, "dora", 2), Ok(())),
        ("another session", PerUser, vec![taken_for_2], offer(1, "dora", 1), Err(Refusal::OtherItem)),
        ("another session, per item", PerItem, vec![taken_for_2], offer(1, "dora", 1), Ok(())),
        ("the same seat again", PerUser, vec![a_seat], offer(9, "dora", 1), Ok(())),
        (
            "back to a session",
            PerUser,
            vec![three_sessions, a_seat, draining],
            Offer { reattach: Some(id("b")), ..offer(1, "ben", 1) },
            Ok(()),
        ),
        (
            "back to somebody else's session",
            PerUser,
            vec![three_sessions],
            Offer { reattach: Some(id("b")), ..offer(1, "anna", 1) },
            Err(Refusal::SessionEnded),
        ),
    ];
    for (what, kind, setups, offer, want) in cases {
        let mut gate = Gate::new(kind);
        setups.iter().for_each(|setup| setup(&mut gate));
        assert_eq!(gate.offer(offer), want, "{what}");
    }
    let mut gate = Gate::closed(PerUser);
    assert_eq!(gate.offer(offer(1, "anna", 1)), Err(Refusal::Busy), "before the source has looked");
    let limits = AdmissionInput::Limits { hard_cap: Some(1), logon_slots: None };
    let mut gate = Gate::new(PerUser);
    assert_eq!(gate.input(limits), []);
    assert_eq!((gate.offer(offer(1, "anna", 1)), gate.offer(offer(2, "ben", 1))), (Ok(()), Err(Refusal::Full)));
}

#[test]
fn logon_slots() {
    let mut gate = Gate::new(SessionKind::PerUser);
    for (n, name) in [(1, "anna"), (2, "ben"), (3, "cleo")] {
        assert_eq!(gate.offer(offer(n, name, 1)), Ok(()));
    }
    assert_eq!(gate.offer(offer(4, "dora", 1)), Err(Refusal::Busy), "whoever was just promised a seat is on the way");
    assert_eq!(gate.take(1), Ok(()));
    gate.ms = 4_999;
    assert_eq!(gate.offer(offer(4, "dora", 1)), Err(Refusal::Busy));
    gate.ms = 5_000;
    assert_eq!(gate.report().load.logons_in_flight, 1, "two did not come at once, so their tickets may wait in files");
    assert_eq!(gate.offer(offer(4, "dora", 1)), Ok(()));
    let seen = AdmissionInput::Found { sessions: vec![], logons_in_flight: 3 };
    assert_eq!(gate.input(seen), []);
    gate.ms = 20_000;
    assert_eq!(gate.report().load.logons_in_flight, 3, "as the source sees");
    assert_eq!(gate.input(AdmissionInput::Release { seat: SeatId([4; 16]) }), []);
    assert_eq!(gate.offer(offer(4, "dora", 1)), Err(Refusal::Busy));
}

#[test]
fn a_seat_is_released() {
    let release = || AdmissionInput::Release { seat: SeatId([1; 16]) };
    let mut gate = Gate::new(SessionKind::PerUser);
    assert_eq!(gate.offer(offer(1, "anna", 1)), Ok(()));
    assert_eq!(gate.input(release()), []);
    assert_eq!((gate.take(1), gate.report().seats), (Err(TicketRefusal::NoSeat), vec![]));
    assert_eq!(gate.input(release()), [], "nothing happens");
    // One connection failed, but another with the same ticket may be logging on.
    assert_eq!((gate.offer(offer(1, "anna", 1)), gate.take(1)), (Ok(()), Ok(())));
    gate.ms = 5_000;
    assert_eq!(gate.input(release()), []);
    let report = gate.report();
    assert_eq!((report.seats.len(), report.load.logons_in_flight), (1, 0));
    gate.ms = 10_000;
    assert!(matches!(&gate.found(&[found(":10", "anna")])[..], [Keep(_)]));
    // And if not, nobody failed.
    assert_eq!((gate.offer(offer(2, "ben", 1)), gate.take(2)), (Ok(()), Ok(())));
    gate.input(AdmissionInput::Release { seat: SeatId([2; 16]) });
    gate.ms = 80_000;
    assert_eq!((gate.report().seats.len(), gate.report().failed_logons), (0, 0));
}

#[test]
fn a_seat_is_held_for_a_minute() {
    let mut gate = Gate::new(SessionKind::PerUser);
    assert_eq!(gate.offer(offer(1, "anna", 1)), Ok(()));
    gate.ms = 59_999;
    assert_eq!((gate.take(1), gate.report().seats[0].left_ms), (Ok(()), 60_000), "the logon gets its own minute");
    gate.ms = 60_000;
    assert_eq!(gate.take(1), Err(TicketRefusal::NoSeat), "but it does not begin another one");
    gate.ms = 119_998;
    assert_eq!((gate.report().seats.len(), gate.report().failed_logons), (1, 0));
    gate.ms = 119_999;
    let report = gate.report();
    assert_eq!((report.seats.len(), report.failed_logons), (0, 1), "it led to no session");
    assert_eq!(gate.report().failed_logons, 0, "counted once");
    // Not presented: nobody failed.
    assert_eq!(gate.offer(offer(2, "anna", 1)), Ok(()));
    gate.ms += 60_000;
    assert_eq!(gate.take(2), Err(TicketRefusal::NoSeat));
    assert_eq!(gate.report().failed_logons, 0);
}

#[test]
fn reports_come_at_once_or_every_five_seconds() {
    let mut gate = Gate::closed(SessionKind::PerUser);
    let load = AdmissionInput::Load { cpu: PerMille(300), memory: PerMille(400) };
    assert_eq!(gate.all(load), [], "nothing is told before it is known");
    let nothing = AdmissionInput::Found { sessions: vec![], logons_in_flight: 0 };
    let mut report = Report {
        number: 1,
        kind: SessionKind::PerUser,
        hard_cap: 4,
        logon_slots: 3,
        draining: false,
        load: Load { cpu: PerMille(300), memory: PerMille(400), logons_in_flight: 0 },
        sessions: vec![],
        seats: vec![],
        failed_logons: 0,
    };
    let told = |report: &Report| AdmissionOutput::Report(Box::new(report.clone()));
    assert_eq!(gate.all(nothing.clone()), [told(&report)]);
    assert_eq!(gate.admission.deadline().map(|at| at.0), Some(5_000));
    gate.ms = 1_000;
    assert_eq!(gate.all(nothing), [], "no change");
    let verdict = |n| Verdict { seat: SeatId([n; 16]), verdict: Ok(()) };
    report.number = 2;
    report.load.logons_in_flight = 1;
    report.seats = vec![HeldSeat { seat: SeatId([1; 16]), user: user("anna"), item: item(1), left_ms: 60_000 }];
    assert_eq!(gate.all(AdmissionInput::Offer(Box::new(offer(1, "anna", 1)))), [verdict(1), told(&report)]);
    // What follows within 50 ms goes into one further report.
    gate.ms = 1_010;
    assert_eq!(gate.all(AdmissionInput::Offer(Box::new(offer(2, "ben", 1)))), [verdict(2)]);
    gate.ms = 1_020;
    assert_eq!(gate.all(AdmissionInput::Offer(Box::new(offer(3, "cleo", 1)))), [verdict(3)]);
    assert_eq!(gate.admission.deadline().map(|at| at.0), Some(1_050));
    gate.ms = 1_049;
    assert_eq!(gate.all(AdmissionInput::Tick), []);
    gate.ms = 1_050;
    let [AdmissionOutput::Report(report)] = &gate.all(AdmissionInput::Tick)[..] else { panic!("expected a report") };
    let left: Vec<_> = report.seats.iter().map(|seat| seat.left_ms).collect();
    assert_eq!((report.number, report.load.logons_in_flight, left), (3, 3, vec![59_950, 59_960, 59_970]));
    // Then quiet, but for the moment from which the three don't count as logging on.
    let mut told = vec![];
    while let Some(next) = gate.admission.deadline().filter(|at| at.0 <= 17_000) {
        assert!(next.0 > gate.ms, "time moves on");
        gate.ms = next.0;
        let reports = gate.all(AdmissionInput::Tick);
        told.extend(reports.iter().map(|_| gate.ms));
    }
    assert_eq!(told, [6_000, 6_050, 11_050, 16_050]);
    gate.ms = 16_500;
    assert_eq!(gate.all(AdmissionInput::Drain(true)).len(), 1, "at once");
    assert_eq!(gate.all(AdmissionInput::ReportNow).len(), 1, "for a broker that has just connected");
}

#[test]
fn a_host_with_thousands_of_seats_reports_less_often() {
    // What is in the host's books, and how long after a report a change is reported.
    for (seats, wait_ms) in [(0, 50), (510, 50), (511, 100), (1_022, 100), (4_000, 400)] {
        let mut gate =
            Gate::with(AdmissionConfig { hard_cap: 4_096, logon_slots: 4_096, ..config(SessionKind::PerUser) });
        for n in 0..seats {
            assert_eq!(gate.offer(many(n)), Ok(()));
        }
        assert_eq!(gate.report().seats.len(), seats);
        assert_eq!(gate.offer(many(seats)), Ok(()));
        assert_eq!(gate.admission.deadline(), Some(at(gate.ms + wait_ms).mono), "{seats} seats");
        let reports = |gate: &mut Gate| gate.all(AdmissionInput::Tick).iter().filter(|o| is_report(o)).count();
        gate.ms += wait_ms - 1;
        assert_eq!(reports(&mut gate), 0, "{seats} seats");
        gate.ms += 1;
        assert_eq!(reports(&mut gate), 1, "{seats} seats");
    }
}

#[test]
fn ten_thousand_users_in_a_minute_make_reports_that_a_link_can_carry() {
    let mut gate = Gate::with(AdmissionConfig { hard_cap: 4_096, logon_slots: 4_096, ..config(SessionKind::PerUser) });
    let (mut admitted, mut reports, mut entries) = (0, 0, 0);
    for n in 0..5_000 {
        // Half of them come here; the ticks are those of an agent that looks at its sessions now and then.
        gate.ms += 12;
        for output in gate.all(AdmissionInput::Offer(Box::new(many(n)))) {
            match output {
                AdmissionOutput::Report(report) => (reports, entries) = (reports + 1, entries + report.seats.len()),
                Verdict { verdict, .. } => admitted += usize::from(verdict.is_ok()),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(admitted, 4_096, "as many as there is room for");
    // At about 50 bytes a seat, 400 KB a second at most; it was ten times as much.
    let per_second = entries / 60;
    assert!((200..400).contains(&reports) && per_second < 9_000, "{reports} reports, {per_second} seats a second");
}

fn many(n: usize) -> Offer {
    let id = (n as u128 + 1).to_be_bytes();
    Offer { seat: SeatId(id), ticket: TicketId(id), ..offer(1, &format!("user{n:05}"), 1) }
}
