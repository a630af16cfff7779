//! Reading a client's first packet, however its bytes arrive: enough to know where the client wants to go, and strict,
//! because anybody can reach this code.

use crate::connection_request::{
    ConnectionRequest, EncodeError, LINE_END, Routing, TPKT_BYTES, TPKT_VERSION, USER_COOKIE, X224_BYTES,
    X224_CONNECTION_REQUEST, X224_LENGTH_MAX,
};
use crate::negotiation::NegotiationRequest;
use crate::rejection::Rejection;

/// The longest first packet that a gateway reads, in bytes.
pub const FIRST_PACKET_BYTES: usize = 4 * 1024;

/// What a client's bytes so far are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Parse {
    /// The beginning of a packet: read on. [`FIRST_PACKET_BYTES`] are never incomplete.
    Incomplete,
    /// A packet; bytes behind `consumed` belong to what comes next.
    Complete {
        /// The packet.
        packet: FirstPacket,
        /// Its length in bytes.
        consumed: usize,
    },
    /// Not a connection request: close.
    Rejected(Rejection),
}

/// A client's first packet, read. The gateway passes the client's own bytes on; where a host can't bear the token in
/// them, it sends one of the clean packets that this makes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FirstPacket {
    /// What the packet says.
    pub request: ConnectionRequest,
}

impl FirstPacket {
    /// Reads a packet from the beginning of `bytes`, all that have arrived so far.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Parse {
        match Self::try_parse(bytes) {
            Ok(Some((packet, consumed))) => Parse::Complete { packet, consumed },
            Ok(None) => Parse::Incomplete,
            Err(rejection) => Parse::Rejected(rejection),
        }
    }

    /// The same request with `Cookie: mstshash=<user>` instead of what the client sent, and without a correlation id,
    /// which not every host understands.
    ///
    /// # Errors
    /// Where the name doesn't fit into a connection request; [`FirstPacket::without_token`] always does.
    pub fn with_cookie(&self, user: &str) -> Result<Vec<u8>, EncodeError> {
        self.clean(Routing::UserName(user.to_string())).encode()
    }

    /// The same request without token, cookie and correlation id.
    #[must_use]
    pub fn without_token(&self) -> Vec<u8> {
        // An empty routing always fits, so there is nothing that a caller could do about an error.
        self.clean(Routing::Nothing).encode().unwrap_or_default()
    }

    fn clean(&self, routing: Routing) -> ConnectionRequest {
        let negotiation = self.request.negotiation.map(|n| NegotiationRequest { correlation_id: None, ..n });
        ConnectionRequest { routing, negotiation }
    }

    fn try_parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Rejection> {
        let Some(total) = tpkt_length(bytes)? else { return Ok(None) };
        // What can be judged by now is judged: nobody gets to trickle the rest of a wrong packet.
        if let Some(&indicator) = bytes.get(TPKT_BYTES) {
            let indicator = usize::from(indicator);
            if indicator > X224_LENGTH_MAX || indicator + 1 + TPKT_BYTES != total {
                return Err(Rejection::Malformed("its two lengths disagree"));
            }
        }
        if let Some(code) = bytes.get(TPKT_BYTES + 1)
            && code & 0xF0 != X224_CONNECTION_REQUEST
        {
            return Err(Rejection::Malformed("it is another kind of X.224 packet"));
        }
        let Some(packet) = bytes.get(..total) else { return Ok(None) };
        let rest = packet.get(TPKT_BYTES + X224_BYTES..).unwrap_or_default();
        let request = parse_variable_part(rest).map_err(Rejection::Malformed)?;
        Ok(Some((Self { request }, total)))
    }
}

/// The packet's length by its TPKT header, as soon as that is there.
fn tpkt_length(bytes: &[u8]) -> Result<Option<usize>, Rejection> {
    match bytes {
        [] | [TPKT_VERSION] => Ok(None),
        [TPKT_VERSION, 0, rest @ ..] => match rest {
            [high, low, ..] => {
                let total = usize::from(u16::from_be_bytes([*high, *low]));
                if total > FIRST_PACKET_BYTES {
                    Err(Rejection::TooLong(total))
                } else if total < TPKT_BYTES + X224_BYTES {
                    Err(Rejection::Malformed("it is too short"))
                } else {
                    Ok(Some(total))
                }
            }
            _ => Ok(None),
        },
        [TPKT_VERSION, ..] => Err(Rejection::NotRdp),
        foreign => Rejection::of_foreign(foreign).map_or(Ok(None), Err),
    }
}

/// Token or cookie, then the negotiation request; each may be missing.
fn parse_variable_part(rest: &[u8]) -> Result<ConnectionRequest, &'static str> {
    // A packet without a line begins with the request at once. Try that first: its bytes may look like a line's end.
    if let Ok(negotiation) = NegotiationRequest::parse(rest) {
        return Ok(ConnectionRequest { routing: Routing::Nothing, negotiation: Some(negotiation) });
    }
    let Some(end) = rest.windows(LINE_END.len()).position(|w| w == LINE_END) else {
        return if rest.is_empty() { Ok(ConnectionRequest::default()) } else { Err("its token or cookie has no end") };
    };
    let (line, behind) = (&rest[..end], &rest[end + LINE_END.len()..]);
    let routing = match line.strip_prefix(USER_COOKIE) {
        Some([]) => Routing::Nothing,
        Some(name) => Routing::UserName(name_text(name)),
        None if line.is_empty() => Routing::Nothing,
        None => Routing::Token(line.to_vec()),
    };
    let negotiation = if behind.is_empty() { None } else { Some(NegotiationRequest::parse(behind)?) };
    Ok(ConnectionRequest { routing, negotiation })
}

/// Clients send UTF-8, or a code page of which nobody knows which: then Latin-1, where every byte is a character. A
/// wrong guess is a name that nobody has.
fn name_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_string(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

#[cfg(test)]
mod tests;
