//! The negotiation request behind the cookie: which kinds of security a client offers (MS-RDPBCGR 2.2.1.1.1).

use std::fmt;

const TYPE_REQUEST: u8 = 0x01;
const TYPE_CORRELATION: u8 = 0x06;
const REQUEST_BYTES: usize = 8;
const CORRELATION_BYTES: usize = 36;
/// RDP_NEG_REQ's flag for a correlation id behind it.
const FLAG_CORRELATION: u8 = 0x08;

/// The kinds of security that a client offers, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Protocols(pub u32);

impl Protocols {
    /// TLS.
    pub const TLS: u32 = 0x01;
    /// CredSSP, also called NLA.
    pub const HYBRID: u32 = 0x02;
    /// RDSTLS.
    pub const RDSTLS: u32 = 0x04;
    /// CredSSP with early user authorisation.
    pub const HYBRID_EX: u32 = 0x08;
    /// Sign-in by Entra ID.
    pub const RDSAAD: u32 = 0x10;

    /// Whether all these bits are offered.
    #[must_use]
    pub fn has(self, bits: u32) -> bool {
        self.0 & bits == bits
    }
}

impl fmt::Display for Protocols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WORDS: [(u32, &str); 5] = [
            (Protocols::TLS, "tls"),
            (Protocols::HYBRID, "nla"),
            (Protocols::RDSTLS, "rdstls"),
            (Protocols::HYBRID_EX, "nla-ex"),
            (Protocols::RDSAAD, "rdsaad"),
        ];
        if self.0 == 0 {
            return f.write_str("rdp");
        }
        let mut rest = self.0;
        let mut separator = "";
        for (bit, word) in WORDS {
            if self.has(bit) {
                write!(f, "{separator}{word}")?;
                (rest, separator) = (rest & !bit, "+");
            }
        }
        if rest != 0 {
            write!(f, "{separator}{rest:#x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Protocols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Protocols({self})")
    }
}

/// What a client asks for behind its cookie. A client of old, or one told to use RDP's own security, sends none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct NegotiationRequest {
    /// The flags byte (restricted administration and the like), without the one that announces a correlation id.
    pub flags: u8,
    /// What the client offers.
    pub protocols: Protocols,
    /// The id by which a client finds its connection in a server's log (MS-RDPBCGR 2.2.1.1.2).
    pub correlation_id: Option<[u8; 16]>,
}

impl NegotiationRequest {
    /// A request for these protocols and nothing else.
    #[must_use]
    pub fn offering(protocols: u32) -> Self {
        Self { protocols: Protocols(protocols), ..Self::default() }
    }

    /// Reads exactly these bytes.
    ///
    /// # Errors
    /// A few words on what is wrong with them.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let Some((request, rest)) = bytes.split_first_chunk::<REQUEST_BYTES>() else {
            return Err("its negotiation request is cut off");
        };
        let [kind, flags, length @ .., p0, p1, p2, p3] = *request;
        if kind != TYPE_REQUEST || u16::from_le_bytes(length) != REQUEST_BYTES as u16 {
            return Err("what follows the cookie is no negotiation request");
        }
        let correlation_id = if flags & FLAG_CORRELATION == 0 {
            if !rest.is_empty() {
                return Err("something follows its negotiation request");
            }
            None
        } else {
            Some(parse_correlation(rest)?)
        };
        let protocols = Protocols(u32::from_le_bytes([p0, p1, p2, p3]));
        Ok(Self { flags: flags & !FLAG_CORRELATION, protocols, correlation_id })
    }

    pub(crate) fn encode(&self, into: &mut Vec<u8>) {
        let announced = if self.correlation_id.is_some() { FLAG_CORRELATION } else { 0 };
        into.extend([TYPE_REQUEST, (self.flags & !FLAG_CORRELATION) | announced, REQUEST_BYTES as u8, 0]);
        into.extend(self.protocols.0.to_le_bytes());
        if let Some(id) = self.correlation_id {
            into.extend([TYPE_CORRELATION, 0, CORRELATION_BYTES as u8, 0]);
            into.extend(id);
            into.extend([0; 16]);
        }
    }

    pub(crate) fn encoded_bytes(&self) -> usize {
        REQUEST_BYTES + if self.correlation_id.is_some() { CORRELATION_BYTES } else { 0 }
    }
}

fn parse_correlation(bytes: &[u8]) -> Result<[u8; 16], &'static str> {
    let wrong = "its correlation id is malformed";
    if bytes.len() != CORRELATION_BYTES {
        return Err(wrong);
    }
    let (head, rest) = bytes.split_first_chunk::<4>().ok_or(wrong)?;
    // The flags byte between type and length is reserved.
    if head[0] != TYPE_CORRELATION || u16::from_le_bytes([head[2], head[3]]) != CORRELATION_BYTES as u16 {
        return Err(wrong);
    }
    rest.first_chunk::<16>().copied().ok_or(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_in_words() {
        for (bits, want) in [(0, "rdp"), (1, "tls"), (3, "tls+nla"), (0x0B, "tls+nla+nla-ex"), (0x101, "tls+0x100")] {
            assert_eq!(Protocols(bits).to_string(), want);
        }
    }

    #[test]
    fn malformed_ones() {
        let mut correlated = vec![1, 8, 8, 0, 3, 0, 0, 0, 6, 0, 36, 0];
        correlated.extend([7; 32]);
        let wrong_type = [&correlated[..8], &[5, 0, 36, 0], &[7; 32]].concat();
        for (bytes, want) in [
            (&[1, 0, 8, 0, 3, 0, 0][..], "its negotiation request is cut off"),
            (&[2, 0, 8, 0, 3, 0, 0, 0], "what follows the cookie is no negotiation request"),
            (&[1, 0, 9, 0, 3, 0, 0, 0], "what follows the cookie is no negotiation request"),
            (&[1, 0, 8, 0, 3, 0, 0, 0, 0], "something follows its negotiation request"),
            (&correlated[..43], "its correlation id is malformed"),
            (&wrong_type, "its correlation id is malformed"),
        ] {
            assert_eq!(NegotiationRequest::parse(bytes), Err(want), "{bytes:?}");
        }
        let good = NegotiationRequest { flags: 0, protocols: Protocols(3), correlation_id: Some([7; 16]) };
        assert_eq!(NegotiationRequest::parse(&correlated), Ok(good));
    }
}
