//! The first RDP packet, the wire form of a ticket, and the text of a .rdp file: bytes in, bytes out.
//!
//! No sockets, no clock and no randomness: the gateway reads and writes, the broker says what time it is. Nothing
//! beyond a connection's first packet belongs here either: from there on the gateway carries bytes that it can't read.

mod connection_request;
mod first_packet;
mod negative_reply;
mod negotiation;
mod rdp_file;
mod rejection;
mod ticket;
mod user_hint;
mod user_tag;

pub use connection_request::{ConnectionRequest, EncodeError, Routing};
pub use first_packet::{FIRST_PACKET_BYTES, FirstPacket, Parse};
pub use negative_reply::{FailureCode, NegativeReply};
pub use negotiation::{NegotiationRequest, Protocols};
pub use rdp_file::{RdpFile, RdpFileError};
pub use rejection::Rejection;
pub use ticket::{SignedTicket, TICKET_TOKEN_BYTES, Ticket, TicketError};
pub use user_hint::{CUT_HINT_CHARACTERS, UserMatch, hinted_name, match_user};
pub use user_tag::UserTag;
