//! An RDP client's first packet as values, and its bytes: TPKT, an X.224 connection request, a routing token or cookie,
//! and the negotiation request (MS-RDPBCGR 2.2.1.1). Reading it is `first_packet`'s.

use crate::negotiation::NegotiationRequest;

/// TPKT's header (RFC 1006, 6).
pub(crate) const TPKT_BYTES: usize = 4;
pub(crate) const TPKT_VERSION: u8 = 3;
/// X.224's header of a connection request: length indicator, code, two references, class.
pub(crate) const X224_BYTES: usize = 7;
pub(crate) const X224_CONNECTION_REQUEST: u8 = 0xE0;
/// X.224 reserves 255 as a length indicator (13.2.1).
pub(crate) const X224_LENGTH_MAX: usize = 254;
pub(crate) const USER_COOKIE: &[u8] = b"Cookie: mstshash=";
pub(crate) const LINE_END: &[u8] = b"\r\n";

/// What a client says about where it wants to go. A packet carries one of these at most.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum Routing {
    /// Neither token nor name.
    #[default]
    Nothing,
    /// A routing token, without the line's end. Whoever sent it chose these bytes: escape them before they are shown.
    Token(Vec<u8>),
    /// A user's name out of the cookie `mstshash`, perhaps cut off by the client. Escape it before it is shown.
    UserName(String),
}

/// Why a connection request has no bytes.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EncodeError {
    /// X.224's length indicator is one byte.
    #[error("a connection request can't carry a token or user name of {0} bytes: leave it out or shorten it")]
    TooLong(usize),
    /// The line would end too early.
    #[error("a token or user name in a connection request must not contain a carriage return or line feed")]
    LineBreak,
}

/// A client's first packet.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct ConnectionRequest {
    /// Where the client wants to go.
    pub routing: Routing,
    /// What security it offers; clients of old say nothing.
    pub negotiation: Option<NegotiationRequest>,
}

impl ConnectionRequest {
    /// The packet's bytes.
    ///
    /// # Errors
    /// Where token or name are too long for X.224, or contain a line break.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let (prefix, text): (&[u8], &[u8]) = match &self.routing {
            Routing::Nothing => (&[], &[]),
            Routing::Token(token) => (&[], token),
            Routing::UserName(name) => (USER_COOKIE, name.as_bytes()),
        };
        if text.iter().any(|b| LINE_END.contains(b)) {
            return Err(EncodeError::LineBreak);
        }
        let end: &[u8] = if self.routing == Routing::Nothing { &[] } else { LINE_END };
        let behind = self.negotiation.map_or(0, |n| n.encoded_bytes());
        let indicated = X224_BYTES - 1 + prefix.len() + text.len() + end.len() + behind;
        let indicator = match u8::try_from(indicated) {
            Ok(indicator) if indicated <= X224_LENGTH_MAX => indicator,
            _ => return Err(EncodeError::TooLong(text.len())),
        };
        let total = TPKT_BYTES + 1 + indicated;
        let mut bytes = Vec::with_capacity(total);
        // The cast is exact: total is at most 259.
        let [high, low] = (total as u16).to_be_bytes();
        bytes.extend([TPKT_VERSION, 0, high, low, indicator, X224_CONNECTION_REQUEST, 0, 0, 0, 0, 0]);
        bytes.extend([prefix, text, end].concat());
        if let Some(negotiation) = &self.negotiation {
            negotiation.encode(&mut bytes);
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::negotiation::Protocols;
    use hostler_model::limits;

    #[test]
    fn bytes_of_requests() {
        let tls = Some(NegotiationRequest::offering(Protocols::TLS));
        for (routing, negotiation, want) in [
            (Routing::Nothing, None, &b"\x03\0\0\x0b\x06\xe0\0\0\0\0\0"[..]),
            (Routing::Nothing, tls, b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x01\0\0\0"),
            (Routing::Token(b"ab".to_vec()), tls, b"\x03\0\0\x17\x12\xe0\0\0\0\0\0ab\r\n\x01\0\x08\0\x01\0\0\0"),
            (Routing::UserName("al".into()), None, b"\x03\0\0\x20\x1b\xe0\0\0\0\0\0Cookie: mstshash=al\r\n"),
        ] {
            assert_eq!(ConnectionRequest { routing, negotiation }.encode().as_deref(), Ok(want));
        }
        let longest = vec![b't'; limits::ROUTING_TOKEN_BYTES];
        let request = ConnectionRequest { routing: Routing::Token(longest.clone()), negotiation: tls };
        let want = [b"\x03\0\x01\x03\xfe\xe0\0\0\0\0\0", &longest[..], b"\r\n\x01\0\x08\0\x01\0\0\0"].concat();
        assert_eq!(request.encode(), Ok(want), "the longest token fills the length indicator");
    }

    #[test]
    fn what_has_no_bytes() {
        let tls = Some(NegotiationRequest::offering(Protocols::TLS));
        for (routing, want) in [
            (Routing::Token(vec![b't'; limits::ROUTING_TOKEN_BYTES + 1]), EncodeError::TooLong(239)),
            (Routing::UserName("u".repeat(222)), EncodeError::TooLong(222)),
            (Routing::UserName("a\r\nb".into()), EncodeError::LineBreak),
            (Routing::Token(b"a\n".to_vec()), EncodeError::LineBreak),
        ] {
            assert_eq!(ConnectionRequest { routing, negotiation: tls }.encode(), Err(want));
        }
        assert!(ConnectionRequest { routing: Routing::UserName("u".repeat(221)), negotiation: tls }.encode().is_ok());
    }
}
