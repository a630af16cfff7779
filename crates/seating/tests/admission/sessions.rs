//! Sessions, tickets and strangers.

use crate::common::{WALL, host, item, ticket, user};
use hostler_model::{SeatId, Wall};
use hostler_seating::admission::{
    AdmissionInput, AdmissionOutput, FoundSession, KeptTicket, SEATS_PER_PLACE, session_id,
};
use hostler_seating::report::{Origin, Session, SessionKind, SessionState};
use hostler_seating::seat::{Door, Offer, Refusal, TicketClaim, TicketRefusal};

use AdmissionOutput::{Forget, Keep, LogOff, Taken, Unexpected};
use SessionState::{Active, Disconnected};

use crate::gate::{Gate, explanation, found, id, kept, offer};

#[test]
fn a_ticket_starts_one_session_and_comes_back_to_it() {
    let mut gate = Gate::new(SessionKind::PerUser);
    assert_eq!(gate.offer(offer(1, "anna", 1)), Ok(()));
    for claim in [(1, 2, 1), (2, 1, 1), (2, 2, 1)] {
        let claim = TicketClaim { ticket: ticket(claim.0), seat: SeatId([claim.1; 16]), host: host(claim.2) };
        assert_eq!(gate.take_claim(claim), Err(TicketRefusal::NoSeat), "{claim:?}");
    }
    let claim = TicketClaim { ticket: ticket(1), seat: SeatId([1; 16]), host: host(2) };
    assert_eq!(gate.take_claim(claim), Err(TicketRefusal::OtherHost));
    assert_eq!([0; 3].map(|_| gate.take(1)), [Ok(()); 3], "clients present it several times");
    gate.ms = 3_000;
    let begun = gate.found(&[found(":10", "anna")]);
    let mut kept = kept(":10", "anna", 1, &[(1, 0)]);
    assert_eq!(begun, [Keep(Box::new(kept.clone()))]);
    assert_eq!(gate.admission.explanation(id(":10")), Some(&*explanation("anna", 1)));
    let origin = Origin::Seat { seat: SeatId([1; 16]), item: item(1) };
    let session = Session { id: id(":10"), user: user("anna"), state: Active, started: Wall(WALL), origin };
    let report = gate.report();
    assert_eq!((report.sessions, report.seats, report.load.logons_in_flight), (vec![session], vec![], 0));
    gate.ms = 23 * 3_600_000;
    assert_eq!(gate.take(1), Ok(()), "back to its session");
    gate.ms = 24 * 3_600_000 + 1;
    assert_eq!(gate.take(1), Err(TicketRefusal::TooOld));
    // A newer ticket for the same session.
    assert_eq!(gate.offer(Offer { reattach: Some(id(":10")), ..offer(2, "anna", 1) }), Ok(()));
    assert_eq!(gate.report().seats, [], "it takes no place");
    let claim = TicketClaim { ticket: ticket(2), seat: SeatId([2; 16]), host: host(1) };
    let outputs = gate.input(AdmissionInput::Take { claim, issued: Wall(WALL + gate.ms) });
    kept.tickets.push(KeptTicket { ticket: ticket(2), seat: SeatId([2; 16]), since: Wall(WALL + gate.ms) });
    assert_eq!(outputs, [Keep(Box::new(kept)), Taken { ticket: ticket(2), result: Ok(()) }]);
    assert_eq!(gate.offer(Offer { reattach: Some(id(":10")), ..offer(3, "anna", 1) }), Ok(()));
    assert_eq!(gate.found(&[]), [Forget { session: id(":10") }]);
    for n in [1, 2, 3] {
        assert_eq!(gate.take(n), Err(TicketRefusal::Used), "its session has ended");
    }
    assert_eq!(gate.offer(Offer { reattach: Some(id(":10")), ..offer(4, "anna", 1) }), Err(Refusal::SessionEnded));
}

#[test]
fn seats_of_two_brokers_are_one_place() {
    let mut gate = Gate::new(SessionKind::PerUser);
    assert_eq!((gate.offer(offer(1, "anna", 1)), gate.offer(offer(2, "anna", 1))), (Ok(()), Ok(())));
    assert_eq!(gate.report().load.logons_in_flight, 1);
    assert_eq!((gate.take(1), gate.take(2)), (Ok(()), Ok(())));
    gate.ms = 1;
    let begun = gate.found(&[found(":10", "anna")]);
    assert!(matches!(&begun[..], [Keep(kept)] if kept.seat == SeatId([1; 16]) || kept.seat == SeatId([2; 16])));
    let report = gate.report();
    assert_eq!((report.sessions.len(), report.seats.len(), report.load.logons_in_flight), (1, 0, 0));
    assert_eq!((gate.take(1), gate.take(2)), (Ok(()), Ok(())), "both come back to the one session");
    gate.ms = 200_000;
    assert_eq!((gate.take(1), gate.take(2), gate.report().failed_logons), (Ok(()), Ok(()), 0));
}

#[test]
fn a_user_whose_brokers_restart_again_and_again_is_let_in() {
    let mut gate = Gate::new(SessionKind::PerUser);
    let most = u8::try_from(SEATS_PER_PLACE).unwrap();
    assert_eq!((gate.offer(offer(1, "anna", 1)), gate.take(1)), (Ok(()), Ok(())));
    for n in 2..=most + 2 {
        gate.ms += 100;
        assert_eq!(gate.offer(offer(n, "anna", 1)), Ok(()));
    }
    let report = gate.report();
    assert_eq!((report.seats.len(), report.load.logons_in_flight), (SEATS_PER_PLACE, 1));
    assert_eq!((gate.take(2), gate.take(3)), (Err(TicketRefusal::NoSeat), Err(TicketRefusal::NoSeat)));
    assert_eq!((gate.take(1), gate.take(4), gate.take(most + 2)), (Ok(()), Ok(()), Ok(())), "one is in use");
    for n in most + 3..=2 * most + 2 {
        gate.ms += 100;
        assert_eq!((gate.offer(offer(n, "anna", 1)), gate.take(n)), (Ok(()), Ok(())));
    }
    assert_eq!(gate.take(1), Err(TicketRefusal::NoSeat), "all are in use, and this one longest");
    assert_eq!((gate.report().seats.len(), gate.report().failed_logons), (SEATS_PER_PLACE, 0));
    let begun = gate.found(&[found(":10", "anna")]);
    assert!(matches!(&begun[..], [Keep(kept)] if kept.seat == SeatId([2 * most + 2; 16])));
    assert_eq!((gate.report().sessions.len(), gate.report().seats.len()), (1, 0));
}

#[test]
fn strangers() {
    let log_off = |key: &str, name: &str, expected: &str| LogOff {
        key: key.into(),
        session: id(key),
        user: user(name),
        expected: user(expected),
    };
    // Nobody's ticket was presented: they came around the broker, which is their right.
    let mut gate = Gate::new(SessionKind::PerUser);
    assert_eq!(gate.offer(offer(1, "anna", 1)), Ok(()));
    assert_eq!(gate.found(&[found(":10", "mallory")]), [Unexpected { session: id(":10"), user: user("mallory") }]);
    assert_eq!(gate.report().sessions[0].origin, Origin::Unbrokered);
    // Anna's was, and then Mallory's session began.
    let mut gate = Gate::new(SessionKind::PerUser);
    assert_eq!((gate.offer(offer(1, "anna", 1)), gate.take(1)), (Ok(()), Ok(())));
    let mallory = found(":10", "mallory");
    assert_eq!(gate.found(std::slice::from_ref(&mallory)), [log_off(":10", "mallory", "anna")]);
    assert_eq!(gate.report().sessions, [], "nobody is led to it");
    gate.ms = 4_999;
    assert_eq!(gate.found(std::slice::from_ref(&mallory)), []);
    gate.ms = 5_000;
    assert_eq!(gate.found(&[mallory]), [log_off(":10", "mallory", "anna")], "it is still there");
    assert_eq!(gate.found(&[]), []);
    assert!(matches!(&gate.found(&[found(":11", "anna")])[..], [Keep(_)]), "Anna's seat is still hers");
    // At the open door nobody presents a ticket: Anna's name let somebody in, for a new session and for the one she has.
    let open = |n| Offer { door: Door::Open, ..offer(n, "anna", 1) };
    let mut gate = Gate::new(SessionKind::PerUser);
    assert_eq!(gate.offer(open(1)), Ok(()));
    assert_eq!(gate.found(&[found(":10", "mallory")]), [log_off(":10", "mallory", "anna")]);
    let gone = FoundSession { state: Disconnected, ..found(":11", "anna") };
    assert!(matches!(&gate.found(std::slice::from_ref(&gone))[..], [Keep(_)]));
    assert_eq!(gate.offer(Offer { reattach: Some(id(":11")), ..open(2) }), Ok(()));
    assert_eq!(gate.found(&[gone, found(":12", "mallory")]), [log_off(":12", "mallory", "anna")]);
    // Both in one look: who was expected is no reason to suspect the other.
    let mut gate = Gate::new(SessionKind::PerUser);
    assert_eq!((gate.offer(offer(1, "anna", 1)), gate.take(1)), (Ok(()), Ok(())));
    let outputs = gate.found(&[found(":10", "mallory"), found(":11", "anna")]);
    assert!(matches!(&outputs[..], [Keep(_), Unexpected { .. }]), "{outputs:?}");
    // A ticket back to Anna's session, and then Mallory's begins. Once Anna has come back, nobody is waited for.
    let mut gate = Gate::new(SessionKind::PerUser);
    assert_eq!((gate.offer(offer(1, "anna", 1)), gate.take(1)), (Ok(()), Ok(())));
    let gone = FoundSession { state: Disconnected, ..found(":10", "anna") };
    let (mallory, nora) = (found(":11", "mallory"), found(":12", "nora"));
    assert!(matches!(&gate.found(std::slice::from_ref(&gone))[..], [Keep(_)]));
    assert_eq!(gate.take(1), Ok(()));
    assert_eq!(gate.found(&[gone.clone(), mallory]), [log_off(":11", "mallory", "anna")]);
    assert_eq!(gate.found(&[found(":10", "anna")]), []);
    let unexpected = [Unexpected { session: id(":12"), user: user("nora") }];
    assert_eq!(gate.found(&[found(":10", "anna"), nora.clone()]), unexpected);
    assert_eq!((gate.found(std::slice::from_ref(&gone)), gate.take(1)), (vec![], Ok(())));
    gate.ms = 60_000;
    assert_eq!(gate.found(&[gone, nora]), unexpected, "nobody is waited for longer than for a seat");
    // Where the source knows items, a session for another item does not fit the seat.
    let mut gate = Gate::new(SessionKind::PerItem);
    assert_eq!((gate.offer(offer(1, "anna", 1)), gate.take(1)), (Ok(()), Ok(())));
    let other = FoundSession { item: Some(item(2)), ..found(":10", "anna") };
    let fitting = FoundSession { item: Some(item(1)), ..found(":11", "anna") };
    assert_eq!(gate.found(std::slice::from_ref(&other)), [log_off(":10", "anna", "anna")]);
    assert!(matches!(&gate.found(&[other, fitting])[..], [Keep(_)]));
}

#[test]
fn a_restarted_agent_knows_its_sessions_again() {
    let jitter = |ms: u64, found: FoundSession| FoundSession { started: Wall(WALL + ms), ..found };
    let mut gate = Gate::closed(SessionKind::PerUser);
    let restore = vec![
        kept(":10", "anna", 1, &[(1, 0)]),
        kept(":11", "ben", 2, &[(2, 0)]),
        kept(":12", "cleo", 3, &[(3, 0)]),
        kept(":13", "dora", 4, &[(4, 0)]),
    ];
    assert_eq!(gate.input(AdmissionInput::Restore(restore.clone())), []);
    assert_eq!(gate.admission.deadline(), None);
    // Anna's goes on, Ben's is gone, :12 is somebody else's now, and :13 is a later one of Dora's.
    let here = [
        jitter(2_000, found(":10", "anna")),
        found(":12", "mallory"),
        jitter(2_001, found(":13", "dora")),
        found(":14", "emma"),
    ];
    assert_eq!(gate.found(&here), [":11", ":12", ":13"].map(|key| Forget { session: id(key) }));
    assert_eq!(
        [1, 2, 3, 4].map(|n| gate.take(n)),
        [Ok(()), Err(TicketRefusal::Used), Err(TicketRefusal::Used), Err(TicketRefusal::Used)]
    );
    let sessions = gate.report().sessions;
    let known: Vec<_> = sessions.iter().filter(|s| s.origin != Origin::Unbrokered).map(|s| (s.id, s.started)).collect();
    assert_eq!((sessions.len(), known), (4, vec![(id(":10"), Wall(WALL))]), "the id does not change");
    assert_eq!(gate.admission.explanation(id(":10")), Some(&*explanation("anna", 1)));
    assert_eq!(gate.admission.key(id(":10")), Some(":10"));
    assert_eq!(gate.input(AdmissionInput::Restore(restore)), [], "too late, ignored");
    assert_eq!(gate.found(&[found(":10", "anna")]), []);
    assert_eq!(gate.take(1), Ok(()));
    // Its key was given to a new session.
    let next = FoundSession { started: Wall(WALL + 60_000), ..found(":10", "anna") };
    let next_id = session_id(host(1), ":10", Wall(WALL + 60_000));
    assert_eq!(
        gate.found(&[next]),
        [Forget { session: id(":10") }, Unexpected { session: next_id, user: user("anna") }]
    );
    assert_eq!(gate.take(1), Err(TicketRefusal::Used));
}

#[test]
fn session_ids_never_change() {
    let id = session_id(hostler_model::HostId([9; 16]), ":10", Wall(1_800_000_000_000));
    assert_eq!(format!("{:032x}", u128::from_be_bytes(id.0)), "f91668189f5ed0bdf9c9ff078a58792a");
}

#[test]
fn a_session_changes_its_state() {
    let mut gate = Gate::new(SessionKind::PerUser);
    gate.ms = 100;
    gate.found(&[found(":10", "anna")]);
    gate.ms = 200;
    let away = FoundSession { state: Disconnected, ..found(":10", "anna") };
    let outputs = gate.all(AdmissionInput::Found { sessions: vec![away], logons_in_flight: 0 });
    assert!(matches!(&outputs[..], [AdmissionOutput::Report(report)] if report.sessions[0].state == Disconnected));
    assert_eq!(gate.admission.awaited(&user("anna")), None);
    assert_eq!(gate.offer(offer(1, "ben", 2)), Ok(()));
    assert_eq!(gate.admission.awaited(&user("ben")).map(|offer| offer.item), Some(item(2)), "what to start");
}
