//! The machine of a host, run by its agent: the one judge of who is admitted there. It holds seats, takes tickets,
//! recognises sessions, and reports.
//!
//! `handle` takes what happened, `poll` gives what is to be done, `deadline` says when to come back with
//! [`AdmissionInput::Tick`]. Nothing is admitted or reported before the session source has looked for the first time.

mod io;
mod seats;
mod sessions;

pub use io::{AdmissionConfig, AdmissionInput, AdmissionOutput, FoundSession, KeptSession, KeptTicket};
pub use sessions::session_id;

use crate::explanation::Explanation;
use crate::fault::{Fault, Planted};
use crate::report::{Load, Origin, Report, SessionKind};
use crate::seat::{Door, Launch, Offer, Refusal, TicketClaim, TicketRefusal};
use hostler_model::limits::{REPORT_INTERVAL_MS, SESSIONS_PER_HOST, TICKET_REATTACH_MS};
use hostler_model::{ItemId, Mono, Now, PerMille, SessionId, TicketId, UserName, Wall};
use seats::{Seat, Seats};
use sessions::{Live, Stranger};
use std::collections::{BTreeMap, VecDeque};

/// Changes within so many ms of a report go into one further report; for each [`PACED_ENTRIES`] in it so many more.
pub const COALESCE_MS: u64 = 50;
/// A report is always whole. So that thousands of logons on one host don't make thousands of large reports, which neither
/// agent nor broker would get through, a host that has a lot to report reports less often.
pub const PACED_ENTRIES: usize = 512;
/// For how long after an offer the user counts as logging on although the ticket was not presented, in ms: at the open
/// door it comes at once, while the ticket in a file may wait.
pub const FRESH_MS: u64 = 5_000;
/// How far the start of a session may differ from one look to the next, in ms: it is computed from the time since the
/// machine started, and the wall clock is being adjusted.
pub const STARTED_JITTER_MS: u64 = 2_000;
/// How often the order to end a stranger's session is repeated, in ms.
pub const STRANGER_AGAIN_MS: u64 = 5_000;
/// Tickets that may come back to one session; the oldest is dropped for a further one.
pub const TICKETS_PER_SESSION: usize = 16;
/// Tickets of ended sessions that are remembered, to say why they are refused.
pub const USED_TICKETS: usize = 4_096;
/// Seats for one user and item at once: from several brokers, after lost answers, and after restarts of brokers, which
/// forget those that they gave out. For a further one the one that is least likely to be used is dropped.
pub const SEATS_PER_PLACE: usize = 8;
/// Seats at once, those that lead to sessions among them.
const SEATS: usize = 2 * SESSIONS_PER_HOST;

/// The machine.
#[derive(Debug)]
pub struct Admission {
    config: AdmissionConfig,
    hard_cap: Option<u32>,
    logon_slots: Option<u32>,
    draining: bool,
    cpu: PerMille,
    memory: PerMille,
    /// Logons that the source sees.
    seen_logons: u32,
    /// The source has looked.
    looked: bool,
    seats: Seats,
    sessions: BTreeMap<SessionId, Live>,
    by_key: BTreeMap<String, SessionId>,
    strangers: BTreeMap<String, Stranger>,
    /// What was on disk, by key, until the source looks.
    kept: BTreeMap<String, KeptSession>,
    /// Tickets that may come back to a session.
    tickets: BTreeMap<TicketId, SessionId>,
    used: VecDeque<TicketId>,
    failed_logons: u32,
    number: u64,
    reported_at: Option<Mono>,
    reported_logons: u32,
    changed: bool,
    outputs: VecDeque<AdmissionOutput>,
    planted: Planted,
}

impl Admission {
    /// The machine of a host whose agent has just started.
    #[must_use]
    pub fn new(config: AdmissionConfig) -> Self {
        Self {
            config,
            hard_cap: None,
            logon_slots: None,
            draining: false,
            cpu: PerMille(0),
            memory: PerMille(0),
            seen_logons: 0,
            looked: false,
            seats: Seats::default(),
            sessions: BTreeMap::new(),
            by_key: BTreeMap::new(),
            strangers: BTreeMap::new(),
            kept: BTreeMap::new(),
            tickets: BTreeMap::new(),
            used: VecDeque::new(),
            failed_logons: 0,
            number: 0,
            reported_at: None,
            reported_logons: 0,
            changed: false,
            outputs: VecDeque::new(),
            planted: Planted::default(),
        }
    }

    /// From now on, it does this wrong.
    #[cfg(feature = "planted-faults")]
    pub fn plant(&mut self, fault: crate::Fault) {
        self.planted = Planted::new(fault);
    }

    /// Takes in what happened. Drain [`Self::poll`] afterwards.
    pub fn handle(&mut self, now: Now, input: AdmissionInput) {
        self.seats.pass_time(now.mono);
        self.expire(now.mono);
        match input {
            AdmissionInput::Offer(offer) => {
                let seat = offer.seat;
                let verdict = self.offer(now.mono, *offer);
                self.outputs.push_back(AdmissionOutput::Verdict { seat, verdict });
            }
            AdmissionInput::Take { claim, issued } => {
                let result = self.take(now, claim, issued);
                self.outputs.push_back(AdmissionOutput::Taken { ticket: claim.ticket, result });
            }
            AdmissionInput::Found { sessions, logons_in_flight } => {
                self.seen_logons = logons_in_flight;
                self.found(now, sessions);
            }
            AdmissionInput::Drain(draining) => {
                self.changed |= self.draining != draining;
                self.draining = draining;
            }
            AdmissionInput::Limits { hard_cap, logon_slots } => {
                self.changed |= (self.hard_cap, self.logon_slots) != (hard_cap, logon_slots);
                (self.hard_cap, self.logon_slots) = (hard_cap, logon_slots);
            }
            AdmissionInput::Release { seat } => self.changed |= self.seats.release(seat),
            AdmissionInput::Load { cpu, memory } => (self.cpu, self.memory) = (cpu, memory),
            AdmissionInput::Restore(kept) if !self.looked => {
                let kept = kept.into_iter().take(SESSIONS_PER_HOST);
                self.kept.extend(kept.map(|session| (session.key.clone(), session)));
            }
            AdmissionInput::ReportNow => self.reported_at = None,
            AdmissionInput::Restore(_) | AdmissionInput::Tick => {}
        }
        self.report(now.mono);
    }

    /// What is to be done next; `None` when that is all.
    pub fn poll(&mut self) -> Option<AdmissionOutput> {
        self.outputs.pop_front()
    }

    /// When to call [`Self::handle`] at the latest, be it with [`AdmissionInput::Tick`]. `None` before the source has
    /// looked for the first time.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        let reported_at = self.reported_at?;
        self.seats.deadline().into_iter().chain([reported_at.plus(self.pace_ms())]).min()
    }

    /// Why a session is here, where it began with a seat.
    #[must_use]
    pub fn explanation(&self, session: SessionId) -> Option<&Explanation> {
        self.sessions.get(&session)?.explanation.as_deref()
    }

    /// The source's name for a session.
    #[must_use]
    pub fn key(&self, session: SessionId) -> Option<&str> {
        self.sessions.get(&session).map(|live| live.key.as_str())
    }

    /// What a user who is logging on was promised; it says what to start.
    #[must_use]
    pub fn awaited(&self, user: &UserName) -> Option<&Offer> {
        let seat = self.seats.for_session(user, None)?;
        self.seats.get(seat).map(|seat| &seat.offer)
    }

    fn cap(&self) -> u32 {
        self.hard_cap.unwrap_or(self.config.hard_cap).min(u32::try_from(SESSIONS_PER_HOST).unwrap_or(u32::MAX))
    }

    fn slots(&self) -> u32 {
        self.logon_slots.unwrap_or(self.config.logon_slots).min(u32::try_from(SESSIONS_PER_HOST).unwrap_or(u32::MAX))
    }

    fn logons(&self) -> u32 {
        u32::try_from(self.seats.logons()).unwrap_or(u32::MAX).max(self.seen_logons)
    }

    fn offer(&mut self, now: Mono, mut offer: Offer) -> Result<(), Refusal> {
        if self.seats.get(offer.seat).is_some() {
            return Ok(());
        }
        if !self.looked || self.seats.len() >= SEATS {
            return Err(Refusal::Busy);
        }
        if let Some(session) = offer.reattach {
            let lives = self.sessions.get(&session).is_some_and(|live| live.session.user == offer.user);
            if !lives {
                return Err(Refusal::SessionEnded);
            }
        } else if let Some(session) = self.session_of(&offer) {
            // Another broker has been faster than the report.
            offer.reattach = Some(session);
        } else {
            self.admit(&offer)?;
            if self.seats.of_place(&offer.user, offer.item) >= SEATS_PER_PLACE {
                self.seats.drop_stalest(&offer.user, offer.item);
            }
            self.changed = true;
        }
        if let (Door::Open, Some(session)) = (offer.door, offer.reattach) {
            self.await_back(session, now);
        }
        self.seats.insert(offer.seat, Seat { offer, since: now, taken: None });
        Ok(())
    }

    /// Whether there is a place for somebody new.
    fn admit(&self, offer: &Offer) -> Result<(), Refusal> {
        let (user, item) = (&offer.user, offer.item);
        if self.seats.of_place(user, item) > 0 {
            return Ok(());
        }
        if self.draining {
            return Err(Refusal::Draining);
        }
        if self.config.kind == SessionKind::PerUser && (self.has_session(user) || self.seats.other_item(user, item)) {
            return Err(Refusal::OtherItem);
        }
        let taken = self.sessions.len() + self.strangers.len() + self.seats.places();
        if taken >= self.cap() as usize && !self.planted.is(Fault::CapIgnored) {
            return Err(Refusal::Full);
        }
        if self.logons() >= self.slots() {
            return Err(Refusal::Busy);
        }
        Ok(())
    }

    fn has_session(&self, user: &UserName) -> bool {
        self.sessions.values().any(|live| live.session.user == *user)
    }

    /// The session that the user has for what is offered. Where there is one session a user, one that began without a
    /// seat is the user's desktop.
    fn session_of(&self, offer: &Offer) -> Option<SessionId> {
        let desktop = self.config.kind == SessionKind::PerUser && offer.launch == Launch::Desktop;
        let is_for = |origin: &Origin, wanted: ItemId| match origin {
            Origin::Seat { item, .. } => *item == wanted,
            Origin::Unbrokered => desktop,
        };
        let mut mine = self.sessions.values().map(|live| &live.session).filter(|session| session.user == offer.user);
        mine.find(|session| is_for(&session.origin, offer.item)).map(|session| session.id)
    }

    fn take(&mut self, now: Now, claim: TicketClaim, issued: Wall) -> Result<(), TicketRefusal> {
        if claim.host != self.config.host {
            return Err(TicketRefusal::OtherHost);
        }
        if let Some(session) = self.tickets.get(&claim.ticket).copied() {
            let tickets = self.sessions.get(&session).map(|live| live.tickets.as_slice()).unwrap_or_default();
            let bound = tickets.iter().find(|bound| bound.ticket == claim.ticket && bound.seat == claim.seat);
            let since = bound.ok_or(TicketRefusal::NoSeat)?.since;
            // Whichever clock says that it is too old: asking for a new one does no harm.
            let age_ms = now.wall.since(since).max(now.wall.since(issued));
            if age_ms > TICKET_REATTACH_MS {
                return Err(TicketRefusal::TooOld);
            }
            self.await_back(session, now.mono);
            return Ok(());
        }
        if self.used.contains(&claim.ticket) {
            return if self.planted.is(Fault::TicketTakenTwice) { Ok(()) } else { Err(TicketRefusal::Used) };
        }
        let seat = self.seats.get(claim.seat);
        let seat = seat.filter(|seat| seat.offer.ticket == claim.ticket && seat.open(now.mono));
        let seat = seat.ok_or(TicketRefusal::NoSeat)?;
        let first = seat.taken.map_or(now.wall, |(_, first)| first);
        if let Some(session) = seat.offer.reattach {
            let bound = KeptTicket { ticket: claim.ticket, seat: claim.seat, since: first };
            self.seats.remove(claim.seat);
            self.bind(session, bound);
            self.await_back(session, now.mono);
        } else {
            self.seats.change(claim.seat, |seat| seat.taken = Some((now.mono, first)));
        }
        Ok(())
    }

    /// Lets go of seats whose time is over. A ticket that was presented and led to no session is a failed logon.
    fn expire(&mut self, now: Mono) {
        while let Some(seat) = self.seats.expired(now).and_then(|id| self.seats.remove(id)) {
            if seat.offer.reattach.is_none() {
                self.changed = true;
                let alone = self.seats.of_place(&seat.offer.user, seat.offer.item) == 0;
                self.failed_logons += u32::from(seat.taken.is_some() && alone);
            }
        }
    }

    /// How long after one report the next is due, in ms.
    fn pace_ms(&self) -> u64 {
        if !self.changed {
            return REPORT_INTERVAL_MS;
        }
        let entries = self.sessions.len() + self.seats.len();
        COALESCE_MS * (1 + entries / PACED_ENTRIES) as u64
    }

    fn report(&mut self, now: Mono) {
        if !self.looked {
            return;
        }
        let logons = self.logons();
        self.changed |= logons != self.reported_logons;
        if self.reported_at.is_some_and(|at| now.since(at) < self.pace_ms()) {
            return;
        }
        self.number += 1;
        self.reported_at = Some(now);
        self.reported_logons = logons;
        self.changed = false;
        let most = u32::try_from(SESSIONS_PER_HOST).unwrap_or(u32::MAX);
        let report = Report {
            number: self.number,
            kind: self.config.kind,
            hard_cap: self.cap(),
            logon_slots: self.slots(),
            draining: self.draining,
            load: Load { cpu: self.cpu, memory: self.memory, logons_in_flight: logons.min(most) },
            sessions: self.sessions.values().map(|live| live.session.clone()).collect(),
            seats: self.seats.held(now),
            failed_logons: std::mem::take(&mut self.failed_logons).min(most),
        };
        self.outputs.push_back(AdmissionOutput::Report(Box::new(report)));
    }
}
