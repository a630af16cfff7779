//! The machine in a test's hands.

use crate::common::{WALL, at, broker, host, item, ticket, user};
use hostler_model::{SeatId, SessionId, Wall};
use hostler_seating::admission::{
    Admission, AdmissionConfig, AdmissionInput, AdmissionOutput, FoundSession, KeptSession, KeptTicket, session_id,
};
use hostler_seating::explanation::{Explanation, Reason};
use hostler_seating::report::{Report, SessionKind, SessionState};
use hostler_seating::seat::{Door, Launch, Offer, Refusal, TicketClaim, TicketRefusal};
use std::sync::Arc;

use AdmissionOutput::{Keep, Taken, Verdict};
use SessionState::Active;

pub(crate) struct Gate {
    pub(crate) admission: Admission,
    pub(crate) ms: u64,
}

pub(crate) fn config(kind: SessionKind) -> AdmissionConfig {
    AdmissionConfig { host: host(1), kind, hard_cap: 4, logon_slots: 3 }
}

pub(crate) fn explanation(name: &str, of: u8) -> Arc<Explanation> {
    Arc::new(Explanation {
        at: Wall(WALL),
        broker: broker(1),
        user: user(name),
        item: item(of),
        host: host(1),
        reason: Reason::LowestScore,
        candidates: vec![],
        excluded: [].into(),
        eligible: 1,
    })
}

/// Seat and ticket `n` for the user.
pub(crate) fn offer(n: u8, name: &str, of: u8) -> Offer {
    Offer {
        seat: SeatId([n; 16]),
        ticket: ticket(n),
        user: user(name),
        item: item(of),
        launch: if of == 1 { Launch::Desktop } else { Launch::Application { command: "editor".into() } },
        door: Door::Api,
        reattach: None,
        explanation: explanation(name, of),
    }
}

pub(crate) fn found(key: &str, name: &str) -> FoundSession {
    FoundSession { key: key.into(), user: user(name), item: None, state: Active, started: Wall(WALL) }
}

pub(crate) fn id(key: &str) -> SessionId {
    session_id(host(1), key, Wall(WALL))
}

pub(crate) fn kept(key: &str, name: &str, n: u8, tickets: &[(u8, u64)]) -> KeptSession {
    KeptSession {
        session: id(key),
        key: key.into(),
        user: user(name),
        started: Wall(WALL),
        seat: SeatId([n; 16]),
        item: item(1),
        tickets: tickets
            .iter()
            .map(|(n, ms)| KeptTicket { ticket: ticket(*n), seat: SeatId([*n; 16]), since: Wall(WALL + ms) })
            .collect(),
        explanation: explanation(name, 1),
    }
}

pub(crate) fn is_report(output: &AdmissionOutput) -> bool {
    matches!(output, AdmissionOutput::Report(_))
}

impl Gate {
    /// Nothing was looked at yet.
    pub(crate) fn closed(kind: SessionKind) -> Self {
        Self { admission: Admission::new(config(kind)), ms: 0 }
    }

    pub(crate) fn new(kind: SessionKind) -> Self {
        Self::with(config(kind))
    }

    pub(crate) fn with(config: AdmissionConfig) -> Self {
        let mut gate = Self { admission: Admission::new(config), ms: 0 };
        assert_eq!(gate.found(&[]), []);
        gate
    }

    pub(crate) fn all(&mut self, input: AdmissionInput) -> Vec<AdmissionOutput> {
        self.admission.handle(at(self.ms), input);
        std::iter::from_fn(|| self.admission.poll()).collect()
    }

    /// All outputs but reports.
    pub(crate) fn input(&mut self, input: AdmissionInput) -> Vec<AdmissionOutput> {
        self.all(input).into_iter().filter(|output| !is_report(output)).collect()
    }

    pub(crate) fn found(&mut self, sessions: &[FoundSession]) -> Vec<AdmissionOutput> {
        self.input(AdmissionInput::Found { sessions: sessions.to_vec(), logons_in_flight: 0 })
    }

    pub(crate) fn offer(&mut self, offer: Offer) -> Result<(), Refusal> {
        let seat = offer.seat;
        match &self.input(AdmissionInput::Offer(Box::new(offer)))[..] {
            [Verdict { seat: of, verdict }] if *of == seat => *verdict,
            other => panic!("expected one verdict: {other:?}"),
        }
    }

    pub(crate) fn take(&mut self, n: u8) -> Result<(), TicketRefusal> {
        self.take_claim(TicketClaim { ticket: ticket(n), seat: SeatId([n; 16]), host: host(1) })
    }

    pub(crate) fn take_claim(&mut self, claim: TicketClaim) -> Result<(), TicketRefusal> {
        let outputs = self.input(AdmissionInput::Take { claim, issued: Wall(WALL) });
        match outputs.iter().find(|output| !matches!(output, Keep(_))) {
            Some(Taken { ticket, result }) if *ticket == claim.ticket => *result,
            other => panic!("expected an answer: {other:?}"),
        }
    }

    pub(crate) fn report(&mut self) -> Report {
        let mut outputs = self.all(AdmissionInput::ReportNow);
        outputs.retain(is_report);
        match outputs.pop() {
            Some(AdmissionOutput::Report(report)) => *report,
            other => panic!("expected a report: {other:?}"),
        }
    }
}
