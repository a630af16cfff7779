//! The answer to a client that is not let in, so that it shows an error instead of waiting or trying once more.
//!
//! RDP has no reply that says "refused": a server can only name a kind of security that it misses (MS-RDPBCGR
//! 2.2.1.2.2). FreeRDP then says that the negotiation failed, whatever the code is; it opens up to three connections,
//! each with less security, before it does.

use crate::connection_request::{ConnectionRequest, TPKT_BYTES, TPKT_VERSION};

const X224_CONNECTION_CONFIRM: u8 = 0xD0;
const X224_DISCONNECT_REQUEST: u8 = 0x80;
const TYPE_FAILURE: u8 = 0x03;
/// The reference that servers give (MS-RDPBCGR 3.3.5.3.2).
const SOURCE_REFERENCE: [u8; 2] = [0x12, 0x34];

/// RDP_NEG_FAILURE's codes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u32)]
pub enum FailureCode {
    /// The server wants TLS.
    SslRequired = 1,
    /// The server has RDP's own security only.
    SslNotAllowed = 2,
    /// The server has no certificate.
    SslCertNotOnServer = 3,
    /// What is requested does not fit what is in effect.
    InconsistentFlags = 4,
    /// The server wants CredSSP.
    HybridRequired = 5,
    /// The server wants TLS with a client's certificate.
    SslWithUserAuthRequired = 6,
}

/// A refusal in the client's own terms.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NegativeReply {
    /// A connection confirm with a failure in it: for clients that negotiate.
    Failure(FailureCode),
    /// X.224's disconnect request: for clients that don't, and so don't know the failure (MS-RDPBCGR 3.3.5.3.2).
    Disconnect,
}

impl NegativeReply {
    /// The reply for whoever sent this request. The code is the one that neither invites the client to try another kind
    /// of security nor blames a certificate.
    #[must_use]
    pub fn to(request: &ConnectionRequest) -> Self {
        match request.negotiation {
            Some(_) => Self::Failure(FailureCode::InconsistentFlags),
            None => Self::Disconnect,
        }
    }

    /// Its bytes; close the connection after them.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let [high, low] = SOURCE_REFERENCE;
        let (code, rest) = match self {
            Self::Failure(failure) => {
                let [f0, f1, f2, f3] = (*failure as u32).to_le_bytes();
                (X224_CONNECTION_CONFIRM, vec![TYPE_FAILURE, 0, 8, 0, f0, f1, f2, f3])
            }
            Self::Disconnect => (X224_DISCONNECT_REQUEST, Vec::new()),
        };
        // The last byte is the class of a confirm, or the reason of a disconnect: 0, not specified.
        let x224 = [&[code, 0, 0, high, low, 0][..], &rest].concat();
        // The casts are exact: there are 14 bytes at most.
        let total = (TPKT_BYTES + 1 + x224.len()) as u8;
        [&[TPKT_VERSION, 0, 0, total, x224.len() as u8][..], &x224].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::negotiation::NegotiationRequest;

    #[test]
    fn bytes_of_replies() {
        let failure = [3, 0, 0, 19, 14, 0xD0, 0, 0, 0x12, 0x34, 0, 3, 0, 8, 0, 4, 0, 0, 0];
        let disconnect = [3, 0, 0, 11, 6, 0x80, 0, 0, 0x12, 0x34, 0];
        for (negotiation, want) in [(Some(NegotiationRequest::offering(1)), &failure[..]), (None, &disconnect)] {
            let request = ConnectionRequest { negotiation, ..ConnectionRequest::default() };
            assert_eq!(NegativeReply::to(&request).encode(), want);
        }
        let codes = [
            FailureCode::SslRequired,
            FailureCode::SslNotAllowed,
            FailureCode::SslCertNotOnServer,
            FailureCode::InconsistentFlags,
            FailureCode::HybridRequired,
            FailureCode::SslWithUserAuthRequired,
        ];
        for (code, number) in codes.into_iter().zip(1u8..) {
            assert_eq!(NegativeReply::Failure(code).encode()[15..], [number, 0, 0, 0]);
        }
    }
}
