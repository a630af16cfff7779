//! What goes into the machine of a site and what comes out of it.

use crate::catalog::Catalog;
use crate::report::{Report, ReportError};
use crate::seat::{NoSeat, Offer, Placement, Refusal, SeatRequest};
use hostler_model::{HostId, ItemId, SeatId, SessionId, UserName};
use std::sync::Arc;

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SiteInput {
    /// The views have changed.
    Catalog(Arc<Catalog>),
    /// An agent has connected; where it was connected already, this is its new connection.
    AgentUp {
        /// Its host.
        host: HostId,
    },
    /// An agent's connection, the newest that was announced, has ended.
    AgentDown {
        /// Its host.
        host: HostId,
    },
    /// An agent has reported.
    Report {
        /// Its host.
        host: HostId,
        /// The report, unchecked.
        report: Arc<Report>,
    },
    /// Somebody asks for a place, and this broker decides. Answered by [`SiteOutput::Reply`] in every case.
    Request {
        /// Names the request in the answer.
        token: u64,
        /// The request.
        request: SeatRequest,
    },
    /// An agent has answered an offer.
    Verdict {
        /// Its host.
        host: HostId,
        /// The seat.
        seat: SeatId,
        /// Whether it admits.
        verdict: Result<(), Refusal>,
    },
    /// An offer could not be handed to the agent.
    OfferLost {
        /// Its host.
        host: HostId,
        /// The seat.
        seat: SeatId,
    },
    /// A gateway could not reach the host with a seat. It asks again, with the host in [`SeatRequest::avoid`].
    Unreachable {
        /// The host.
        host: HostId,
        /// The seat.
        seat: SeatId,
    },
    /// Nothing, except that time has passed.
    Tick,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SiteOutput {
    /// Ask the agent to hold a seat; its answer is a [`SiteInput::Verdict`].
    Offer {
        /// Its host.
        host: HostId,
        /// The seat.
        offer: Box<Offer>,
    },
    /// Answer a request.
    Reply {
        /// The request's.
        token: u64,
        /// A place that an agent holds, or why there is none.
        result: Result<Box<Placement>, NoSeat>,
    },
    /// Tell the agent that nobody comes for the seat.
    Release {
        /// Its host.
        host: HostId,
        /// The seat.
        seat: SeatId,
    },
    /// For the log and the console: a user has sessions for one item on several hosts. Told once.
    Duplicate {
        /// The user.
        user: UserName,
        /// The item.
        item: ItemId,
        /// The sessions.
        sessions: Vec<(HostId, SessionId)>,
    },
    /// For the log: a report was refused, and nothing of it is used. Told once until a good one comes.
    BadReport {
        /// Whose.
        host: HostId,
        /// What is wrong with it.
        error: ReportError,
    },
}
