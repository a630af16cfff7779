//! What goes into the machine of a host and what comes out of it.

use crate::explanation::Explanation;
use crate::report::{Report, SessionKind, SessionState};
use crate::seat::{Offer, Refusal, TicketClaim, TicketRefusal};
use hostler_model::{HostId, ItemId, PerMille, SeatId, SessionId, TicketId, UserName, Wall};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What the machine of a host is told once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdmissionConfig {
    /// The host.
    pub host: HostId,
    /// How its session source tells sessions apart.
    pub kind: SessionKind,
    /// The most sessions and held seats.
    pub hard_cap: u32,
    /// Logons at the same time.
    pub logon_slots: u32,
}

/// A session as the session source sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FoundSession {
    /// The source's own name for it, unique among those that live.
    pub key: String,
    /// Whose it is.
    pub user: UserName,
    /// What it is for, where the source knows.
    pub item: Option<ItemId>,
    /// Whether somebody looks at it.
    pub state: SessionState,
    /// When it began, by the host's clock; it may be off by [`super::STARTED_JITTER_MS`] from one look to the next.
    pub started: Wall,
}

/// What an agent keeps on disk about a session, so that it knows it again after its own restart.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeptSession {
    /// Its id.
    pub session: SessionId,
    /// The source's name for it.
    pub key: String,
    /// Whose it is.
    pub user: UserName,
    /// When it began.
    pub started: Wall,
    /// The seat that it began with.
    pub seat: SeatId,
    /// What it is for.
    pub item: ItemId,
    /// The tickets that may come back to it.
    pub tickets: Vec<KeptTicket>,
    /// Why it is here.
    pub explanation: Arc<Explanation>,
}

/// A ticket that may come back to a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeptTicket {
    /// The ticket.
    pub ticket: TicketId,
    /// Its seat.
    pub seat: SeatId,
    /// When it was first presented, by the host's clock.
    pub since: Wall,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AdmissionInput {
    /// A broker offers a seat. Answered by [`AdmissionOutput::Verdict`].
    Offer(Box<Offer>),
    /// Somebody presents a ticket, whose signature a broker has checked. Answered by [`AdmissionOutput::Taken`].
    Take {
        /// What it says.
        claim: TicketClaim,
        /// When it was given out, by the issuer's clock.
        issued: Wall,
    },
    /// The session source has looked.
    Found {
        /// All sessions.
        sessions: Vec<FoundSession>,
        /// Logons that have begun and are not a session yet.
        logons_in_flight: u32,
    },
    /// Admit nobody new, or do again.
    Drain(bool),
    /// What an administrator set instead of the configured limits, if anything.
    Limits {
        /// The most sessions and held seats.
        hard_cap: Option<u32>,
        /// Logons at the same time.
        logon_slots: Option<u32>,
    },
    /// A broker says that nobody comes for a seat.
    Release {
        /// The seat.
        seat: SeatId,
    },
    /// How busy the host is.
    Load {
        /// CPU in use.
        cpu: PerMille,
        /// Memory in use.
        memory: PerMille,
    },
    /// What was on disk when the agent started. To be handed in before the first `Found`; later it is ignored.
    Restore(Vec<KeptSession>),
    /// A broker has connected: it needs a report at once.
    ReportNow,
    /// Nothing, except that time has passed.
    Tick,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AdmissionOutput {
    /// Tell the broker that offered the seat.
    Verdict {
        /// The seat.
        seat: SeatId,
        /// Whether it is held.
        verdict: Result<(), Refusal>,
    },
    /// Tell whoever presented the ticket.
    Taken {
        /// The ticket.
        ticket: TicketId,
        /// Whether its bearer may come in.
        result: Result<(), TicketRefusal>,
    },
    /// Send to all brokers.
    Report(Box<Report>),
    /// End a session: somebody uses the ticket of somebody else. Repeated while the session lives.
    LogOff {
        /// The source's name for it.
        key: String,
        /// Its id.
        session: SessionId,
        /// Whose it is.
        user: UserName,
        /// Whose ticket opened the door.
        expected: UserName,
    },
    /// For the log: a session began without a seat.
    Unexpected {
        /// The session.
        session: SessionId,
        /// Whose it is.
        user: UserName,
    },
    /// Write to disk, over what was there for the session.
    Keep(Box<KeptSession>),
    /// Remove from disk: the session has ended.
    Forget {
        /// The session.
        session: SessionId,
    },
}
