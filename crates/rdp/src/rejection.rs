//! What is not an RDP connection request, told by its first bytes, so that a log line names what was on the other end.

/// Why a client's first bytes were rejected. Its text has nothing of what the client sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum Rejection {
    /// A preconnection PDU (MS-RDPEPS), as Hyper-V consoles and FreeRDP's `/pcb` send it.
    #[error("a preconnection PDU came first: connect without it (FreeRDP: leave out /pcb and /pcid)")]
    Preconnection,
    /// A TLS client hello: a browser, or RDP over another transport.
    #[error("a TLS hello came first: RDP begins in plain and starts TLS afterwards")]
    Tls,
    /// An HTTP request.
    #[error("an HTTP request came: this port speaks RDP only")]
    Http,
    /// An SSH client.
    #[error("an SSH client came: this port speaks RDP only")]
    Ssh,
    /// Anything else.
    #[error("the first bytes are not RDP")]
    NotRdp,
    /// A packet that is longer than the limit.
    #[error("the first packet is {0} bytes long; {max} are allowed", max = crate::FIRST_PACKET_BYTES)]
    TooLong(usize),
    /// It begins like RDP, and then something is wrong.
    #[error("the connection request is malformed: {0}")]
    Malformed(&'static str),
}

impl Rejection {
    /// One short word for logs and counters; it never changes.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Preconnection => "preconnection",
            Self::Tls => "tls",
            Self::Http => "http",
            Self::Ssh => "ssh",
            Self::NotRdp => "not-rdp",
            Self::TooLong(_) => "too-long",
            Self::Malformed(_) => "malformed",
        }
    }

    /// What these bytes are, which don't begin with TPKT's version; `None` as long as they may still become one of the
    /// protocols that have a word of their own.
    pub(crate) fn of_foreign(bytes: &[u8]) -> Option<Self> {
        let verdicts = [
            (Self::Tls, looks_like(bytes, TLS_HELLO)),
            (Self::Preconnection, preconnection(bytes)),
            (Self::Ssh, begins(bytes, b"SSH-")),
            (Self::Http, HTTP_METHODS.iter().map(|m| begins(bytes, m)).max().unwrap_or(Verdict::No)),
        ];
        if let Some((kind, _)) = verdicts.iter().find(|(_, v)| *v == Verdict::Yes) {
            return Some(*kind);
        }
        if verdicts.iter().any(|(_, v)| *v == Verdict::Perhaps) { None } else { Some(Self::NotRdp) }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    No,
    Perhaps,
    Yes,
}

const HTTP_METHODS: [&[u8]; 10] =
    [b"GET ", b"POST ", b"HEAD ", b"PUT ", b"OPTIONS ", b"CONNECT ", b"DELETE ", b"TRACE ", b"PATCH ", b"PRI * HTTP"];

/// A TLS record (RFC 8446, 5.1) with a client hello in it; `None` stands for any byte.
const TLS_HELLO: &[Option<u8>] = &[Some(0x16), Some(0x03), None, None, None, Some(0x01)];

fn looks_like(bytes: &[u8], pattern: &[Option<u8>]) -> Verdict {
    if bytes.iter().zip(pattern).any(|(b, p)| p.is_some_and(|p| p != *b)) {
        Verdict::No
    } else if bytes.len() < pattern.len() {
        Verdict::Perhaps
    } else {
        Verdict::Yes
    }
}

fn begins(bytes: &[u8], with: &[u8]) -> Verdict {
    if bytes.starts_with(with) {
        Verdict::Yes
    } else if with.starts_with(bytes) {
        Verdict::Perhaps
    } else {
        Verdict::No
    }
}

/// MS-RDPEPS 2.2.1: size (16, or 18 and more), flags, version 1 or 2, id; four little-endian words. The flags are zero
/// when sent; whoever uses others gets the general word.
fn preconnection(bytes: &[u8]) -> Verdict {
    const HEADER: [Option<u8>; 12] = {
        let zero = Some(0);
        [None, None, zero, zero, zero, zero, zero, zero, None, zero, zero, zero]
    };
    const SMALLEST_BYTES: u16 = 16;
    let verdict = looks_like(bytes, &HEADER);
    let too_small = matches!(bytes, [low, high, ..] if u16::from_le_bytes([*low, *high]) < SMALLEST_BYTES);
    let other_version = bytes.get(8).is_some_and(|v| !matches!(v, 1 | 2));
    if too_small || other_version { Verdict::No } else { verdict }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_protocols() {
        for (bytes, at, want) in [
            (&b"GET / HTTP/1.1\r\n"[..], 4, Rejection::Http),
            (b"PRI * HTTP/2.0\r\n\r\nSM", 10, Rejection::Http),
            (b"SSH-2.0-OpenSSH_9.2\r\n", 4, Rejection::Ssh),
            (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", 6, Rejection::Tls),
            (b"\x10\0\0\0\0\0\0\0\x01\0\0\0\x07\0\0\0", 12, Rejection::Preconnection),
            (b"\x12\0\0\0\0\0\0\0\x02\0\0\0\x07\0\0\0\0\0", 12, Rejection::Preconnection),
            // A preconnection PDU of 790 bytes begins like a TLS record.
            (b"\x16\x03\0\0\0\0\0\0\x02\0\0\0\x07\0\0\0\x82\x01", 12, Rejection::Preconnection),
            (b"\x0f\0\0\0\0\0\0\0\x01\0\0\0", 2, Rejection::NotRdp),
            (b"\x10\0\0\0\0\0\0\0\x03\0\0\0", 9, Rejection::NotRdp),
            (b"EHLO there\r\n", 3, Rejection::NotRdp),
            (b"\r\n\r\n", 3, Rejection::NotRdp),
            (b"GET\t/", 4, Rejection::NotRdp),
        ] {
            // It is told as soon as the bytes leave no other way, and never changes afterwards.
            for n in 1..=bytes.len() {
                assert_eq!(Rejection::of_foreign(&bytes[..n]), (n >= at).then_some(want), "{n} of {bytes:?}");
            }
        }
    }

    #[test]
    fn words_and_texts() {
        for (rejection, word, text) in [
            (Rejection::NotRdp, "not-rdp", "the first bytes are not RDP"),
            (Rejection::TooLong(5000), "too-long", "the first packet is 5000 bytes long; 4096 are allowed"),
            (Rejection::Malformed("why"), "malformed", "the connection request is malformed: why"),
        ] {
            assert_eq!((rejection.word(), rejection.to_string().as_str()), (word, text));
        }
    }
}
