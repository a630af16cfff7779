//! Tickets, as clients bring them back.

use crate::memory::bounded;
use hostler_rdp::{TICKET_TOKEN_BYTES, Ticket};

/// A ticket has one text: what can be read is written as it came. As text it is the same ticket.
pub fn ticket(data: &[u8]) {
    let Ok(ticket) = bounded(data.len(), || Ticket::parse(data)) else { return };
    assert_eq!(data.len(), TICKET_TOKEN_BYTES);
    let text = ticket.to_string();
    assert_eq!(text.as_bytes(), data);
    assert!(text.parse().is_ok_and(|again| ticket == again), "{text}");
}
