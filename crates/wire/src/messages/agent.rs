//! The link between an agent and a broker, port 20003/udp. The agent connects, to every broker of its site.

use super::roster::BrokerList;
use hostler_model::{Epoch, HostId, Name, PublicKey, SessionId, UserName, Wall};
use hostler_seating::explanation::Explanation;
use hostler_seating::report::Report;
use hostler_seating::seat::{Offer, Refusal, TicketClaim, TicketRefusal};
use serde::{Deserialize, Serialize};

/// From an agent to a broker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum AgentToBroker {
    /// The first message.
    Hello {
        /// The program's version.
        version: String,
        /// The host, as it knows itself. The link's key says who it is; this must agree.
        host: HostId,
        /// The highest epoch that the agent has seen.
        epoch: Epoch,
    },
    /// The host's whole state.
    Report(Box<Report>),
    /// Answer to an offer.
    Verdict {
        /// Which seat.
        seat: hostler_model::SeatId,
        /// Whether it is held.
        verdict: Result<(), Refusal>,
    },
    /// Answer to [`BrokerToAgent::Take`].
    Taken {
        /// The request's number.
        request: u64,
        /// Whether the ticket's bearer may come in.
        result: Result<(), TicketRefusal>,
    },
    /// Answer to [`BrokerToAgent::Order`]: an error is a sentence for the administrator.
    Done {
        /// The request's number.
        request: u64,
        /// What came of it.
        result: Result<(), String>,
    },
    /// Answer to [`BrokerToAgent::Explain`].
    Explained {
        /// The request's number.
        request: u64,
        /// What the agent kept; `None` where the session had no seat or is not known.
        explanation: Option<Box<Explanation>>,
    },
    /// A structural order was refused: it came under a lower epoch than this one, which the agent has seen.
    Fenced {
        /// What the agent has seen.
        epoch: Epoch,
    },
    /// Something that an administrator should know: a session of somebody unexpected.
    Stranger {
        /// The session.
        session: SessionId,
        /// Whose it is.
        user: UserName,
        /// Whose ticket opened the door, if one did.
        expected: Option<UserName>,
        /// True where the agent ended it.
        ended: bool,
    },
    /// The agent wants another key in the place of the one that this link was made with.
    ReplaceKey {
        /// The request's number.
        request: u64,
        /// The new one.
        key: PublicKey,
        /// That the agent has it: see [`crate::key_proof`].
        proof: Vec<u8>,
    },
}

/// What an administrator wants done with a session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum SessionOrder {
    /// Cut the client off; the session stays.
    Disconnect,
    /// End the session.
    LogOff,
    /// Show a text.
    Message {
        /// The text.
        text: String,
    },
}

/// What the farm wants of a host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HostSettings {
    /// Its name in the farm.
    pub name: Name,
    /// Whether it admits nobody new.
    pub drain: bool,
    /// The most sessions and seats, where an administrator said so.
    pub hard_cap: Option<u32>,
    /// Logons at the same time, where an administrator said so.
    pub logon_slots: Option<u32>,
}

/// From a broker to an agent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum BrokerToAgent {
    /// Answer to the agent's hello.
    Welcome {
        /// The program's version.
        version: String,
        /// What the farm wants of the host.
        settings: HostSettings,
        /// The brokers of the site.
        brokers: BrokerList,
    },
    /// What the farm wants of the host has changed.
    Settings(HostSettings),
    /// The brokers of the site have changed.
    Brokers(BrokerList),
    /// Hold a seat.
    Offer(Box<Offer>),
    /// Hold it no longer.
    Release {
        /// Which seat.
        seat: hostler_model::SeatId,
    },
    /// Somebody presents a ticket.
    Take {
        /// The request's number.
        request: u64,
        /// What the ticket says. The broker has checked the signature.
        claim: TicketClaim,
        /// When it was given out, by the issuer's clock.
        issued: Wall,
    },
    /// Do something with a session.
    Order {
        /// The request's number.
        request: u64,
        /// Which session.
        session: SessionId,
        /// What to do.
        order: SessionOrder,
    },
    /// Tell why a session is there.
    Explain {
        /// The request's number.
        request: u64,
        /// Which session.
        session: SessionId,
    },
    /// Answer to [`AgentToBroker::ReplaceKey`]. A structural order: the agent refuses it under a lower epoch than it has
    /// seen, and keeps its key.
    KeyReplaced {
        /// The request's number.
        request: u64,
        /// The mastership under which it is valid.
        epoch: Epoch,
        /// An error is a sentence for the administrator.
        result: Result<(), String>,
    },
}
