//! What brokers, agents and gateways say to each other about seats.

use crate::explanation::Explanation;
pub use hostler_model::Launch;
use hostler_model::{HostId, ItemId, SeatId, SessionId, TicketId, UserName};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A broker asks an agent to hold a seat.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Offer {
    /// The seat; unique.
    pub seat: SeatId,
    /// The ticket that can take it; nobody else learns this id.
    pub ticket: TicketId,
    /// For whom.
    pub user: UserName,
    /// What they asked for.
    pub item: ItemId,
    /// What to start.
    pub launch: Launch,
    /// Through which door they came. At the open door nobody presents a ticket: they are on the way already.
    pub door: Door,
    /// The session that they are to come back to, where they have one on this host.
    pub reattach: Option<SessionId>,
    /// Why they are seated here. The agent keeps it for the session's life.
    pub explanation: Arc<Explanation>,
}

/// Why an agent does not admit somebody.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// At its hard cap.
    #[error("the host is full")]
    Full,
    /// Admits nobody new.
    #[error("the host is draining")]
    Draining,
    /// As many logons at once as it can take.
    #[error("too many logons are in flight on the host")]
    Busy,
    /// The session to go back to has ended.
    #[error("the session has ended")]
    SessionEnded,
    /// The user has another session there, and the host knows one a user.
    #[error("the user has a session for something else on the host")]
    OtherItem,
}

/// Why a ticket is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum TicketRefusal {
    /// The signature is not that of a broker of this farm.
    #[error("the ticket is forged, or from another farm")]
    Forged,
    /// It names another host.
    #[error("the ticket is for another host")]
    OtherHost,
    /// Its seat is not held (any more): it expired, or the agent was started anew.
    #[error("the ticket has expired, or was never given out; ask for a new one")]
    NoSeat,
    /// It started a session, which has ended.
    #[error("the ticket is used: its session has ended; ask for a new one")]
    Used,
    /// Its session lives, but the ticket is older than a day.
    #[error("the ticket is too old to come back with; ask for a new one")]
    TooOld,
    /// Its host does not answer.
    #[error("the ticket's host can't be reached")]
    HostUnreachable,
}

/// What a ticket says, as far as the agent needs it to judge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TicketClaim {
    /// The ticket.
    pub ticket: TicketId,
    /// The seat that it is for.
    pub seat: SeatId,
    /// The host that it is for.
    pub host: HostId,
}

/// Somebody asks for a place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SeatRequest {
    /// Who.
    pub user: UserName,
    /// What they want; the site's default desktop where they did not say.
    pub item: Option<ItemId>,
    /// Where they come from, for limits, explanations and the audit; an address without a port.
    pub client: Option<std::net::IpAddr>,
    /// Through which door they came.
    pub door: Door,
    /// Hosts that the gateway could not reach a moment ago: not these again.
    pub avoid: Vec<HostId>,
}

/// Ways in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// A plain RDP client that only gave a user name.
    Open,
    /// REST or the command line, by somebody who proved who they are.
    Api,
}

/// A place was found, and its agent holds it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Placement {
    /// The host.
    pub host: HostId,
    /// The seat that the agent holds.
    pub seat: SeatId,
    /// The ticket that takes the seat.
    pub ticket: TicketId,
    /// Who.
    pub user: UserName,
    /// What for.
    pub item: ItemId,
    /// What to start.
    pub launch: Launch,
    /// The session that they come back to.
    pub reattach: Option<SessionId>,
    /// Why there.
    pub explanation: Arc<Explanation>,
}

/// Why nobody was seated. The texts are for the person who asked: they name no address.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum NoSeat {
    /// The name is not known to the site, or a cut-off name fits several.
    #[error("user {0:?} is not known to this site")]
    UnknownUser(String),
    /// There is no such item, or it may not be used by them (one answer for both: it reveals nothing).
    #[error("{user} may not use this item, or it does not exist")]
    NotEntitled {
        /// Who asked.
        user: UserName,
    },
    /// They said no item, and the site has no default desktop for them.
    #[error("no item was named, and this site has no default desktop for {0}")]
    NoDefault(UserName),
    /// No host has room.
    #[error("no host can take {user}: {reason}")]
    NoHost {
        /// Who asked.
        user: UserName,
        /// Counted by cause: "3 full, 1 draining".
        reason: String,
    },
    /// They have a session on a host that can't be reached now.
    #[error("{user} has a session on host {host}, which does not answer; it is kept for {left_s} s more")]
    SessionHostSilent {
        /// Who asked.
        user: UserName,
        /// The host's name.
        host: String,
        /// How long until they get a new one, in s.
        left_s: u64,
    },
    /// Too many requests from one address or for one name.
    #[error("too many requests from one address or for one user; wait {0} s")]
    RateLimited(u64),
    /// The broker has just started and does not know the hosts yet, or it is overloaded.
    #[error("the broker is busy; try again in a moment")]
    Busy,
}
