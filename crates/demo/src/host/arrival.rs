//! Somebody who just arrived at the host, with a password that was good.

use super::session_table::SessionEntry;
use hostler_model::UserName;
use std::net::SocketAddr;

/// Who arrived, from where, and what their client showed at the door.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// The user.
    pub user: UserName,
    /// The routing token in the first packet, as the client sent it, without the line's end.
    pub routing_token: Option<Vec<u8>>,
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// The sessions that the user has on this host, in the order in which they began.
    pub sessions: Vec<SessionEntry>,
}
