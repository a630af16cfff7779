//! The link between a gateway and a broker, port 20002/udp. The gateway connects, to every broker of its site.

use super::roster::BrokerList;
use hostler_model::{Address, Epoch, GatewayId, HostId, PublicKey, SeatId, UserName};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// From a gateway to a broker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum GatewayToBroker {
    /// The first message.
    Hello {
        /// The program's version.
        version: String,
        /// The gateway, as it knows itself. The link's key says who it is; this must agree.
        gateway: GatewayId,
        /// The highest epoch that the gateway has seen.
        epoch: Epoch,
    },
    /// The open door: a client that only gave a user name.
    Seat {
        /// The request's number.
        request: u64,
        /// The name as the client sent it, which may be cut off.
        user: String,
        /// Where the client comes from.
        client: IpAddr,
        /// Hosts that this gateway could not reach for this client.
        avoid: Vec<HostId>,
    },
    /// A client that presented a ticket.
    Take {
        /// The request's number.
        request: u64,
        /// The routing token's bytes, as they came.
        ticket: Vec<u8>,
        /// Where the client comes from.
        client: IpAddr,
    },
    /// A host could not be reached; its seat can be released.
    Unreachable {
        /// The host.
        host: HostId,
        /// The seat that was held there.
        seat: SeatId,
    },
    /// How many connections this gateway carries.
    Load {
        /// Spliced connections.
        connections: u32,
    },
    /// A structural order was refused: it came under a lower epoch than this one, which the gateway has seen.
    Fenced {
        /// What the gateway has seen.
        epoch: Epoch,
    },
    /// The gateway wants another key in the place of the one that this link was made with.
    ReplaceKey {
        /// The request's number.
        request: u64,
        /// The new one.
        key: PublicKey,
        /// That the gateway has it: see [`crate::key_proof`].
        proof: Vec<u8>,
    },
}

/// Where to carry a connection.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Route {
    /// The host.
    pub host: HostId,
    /// Where to dial.
    pub address: Address,
    /// The seat that the host holds.
    pub seat: SeatId,
    /// The user, for the cookie that the host gets to see; `None` where a ticket says it only as a hash.
    pub user: Option<UserName>,
}

/// Why a client is turned away. The texts are for the gateway's log; a client gets no text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
pub enum TurnedAway {
    /// No seat.
    #[error(transparent)]
    NoSeat(#[from] hostler_seating::seat::NoSeat),
    /// The ticket is not taken.
    #[error(transparent)]
    Ticket(#[from] hostler_seating::seat::TicketRefusal),
    /// The broker takes no work now: it is disabled, or starting. Another may.
    #[error("this broker takes no work now")]
    NotServing,
    /// The broker has too much to do. Another may have less.
    #[error("this broker is busy")]
    Busy,
}

/// From a broker to a gateway.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum BrokerToGateway {
    /// Answer to the gateway's hello.
    Welcome {
        /// The program's version.
        version: String,
        /// The brokers of the site.
        brokers: BrokerList,
    },
    /// The brokers of the site have changed.
    Brokers(BrokerList),
    /// The broker has taken the request up, and it may take longer than usual: hosts are asked, or the user waits for
    /// room. The gateway asks another broker only where this link ends, or after its own deadline for the client.
    Working {
        /// The request's number.
        request: u64,
    },
    /// Answer to [`GatewayToBroker::Seat`] and [`GatewayToBroker::Take`].
    Answer {
        /// The request's number.
        request: u64,
        /// Where to, or why not.
        result: Result<Route, TurnedAway>,
    },
    /// Answer to [`GatewayToBroker::ReplaceKey`]. A structural order: the gateway refuses it under a lower epoch than it
    /// has seen, and keeps its key.
    KeyReplaced {
        /// The request's number.
        request: u64,
        /// The mastership under which it is valid.
        epoch: Epoch,
        /// An error is a sentence for the administrator.
        result: Result<(), String>,
    },
}
