//! The link between two brokers, port 20030/udp: what their nodes say to each other, and seating that one broker does
//! for another.

use super::gateway::{Route, TurnedAway};
use hostler_model::{HostId, SeatId};
use hostler_node::Message;
use hostler_seating::seat::{NoSeat, Placement, SeatRequest};
use serde::{Deserialize, Serialize};

/// From one broker to another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum PeerFrame {
    /// Log, commands and membership: see `hostler_node`.
    Node(Box<Message>),
    /// You are the user's home broker: decide.
    Seat {
        /// The request's number.
        request: u64,
        /// What is asked for.
        seat: Box<SeatRequest>,
    },
    /// The request was taken up: from now on it is only a question of time.
    Working {
        /// The request's number.
        request: u64,
    },
    /// Answer to [`PeerFrame::Seat`].
    Seated {
        /// The request's number.
        request: u64,
        /// The decision.
        result: Result<Box<Placement>, NoSeat>,
    },
    /// I can't reach this host's agent; present this ticket for me.
    Take {
        /// The request's number.
        request: u64,
        /// The ticket's text.
        ticket: Vec<u8>,
    },
    /// Answer to [`PeerFrame::Take`].
    Taken {
        /// The request's number.
        request: u64,
        /// Where to, or why not.
        result: Result<Route, TurnedAway>,
    },
    /// A gateway could not reach this host: whoever gave out the seat takes it back.
    Unreachable {
        /// The host.
        host: HostId,
        /// The seat.
        seat: SeatId,
    },
    /// Every second: what only the sender knows of itself.
    About(About),
}

/// What only a broker itself knows of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct About {
    /// Its program's version.
    pub version: String,
    /// Logons that it decided within the last hour; since its start, where that is less long ago.
    pub logons_last_hour: u32,
}
