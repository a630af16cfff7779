//! The first packet of a client, as the host needs it: the routing token is kept, and a plain packet is passed on. The
//! RDP server behind it refuses tokens it does not know and the correlation id that mstsc sends.

use hostler_rdp::{FirstPacket, Parse, Rejection, Routing};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};

/// How long a client may take to send its first packet.
pub(super) const FIRST_PACKET_WAIT: Duration = Duration::from_secs(5);
/// Bytes that are read at once; most first packets are shorter.
const CHUNK_BYTES: usize = 512;

/// Why a client's first bytes can't be the begin of an RDP connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum FirstPacketError {
    #[error("the client was gone before its first packet was there")]
    Gone,
    #[error("the client's first packet could not be read: {0}")]
    Read(#[from] io::Error),
    #[error("{0}")]
    Rejected(Rejection),
}

/// How a client began.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opening {
    /// The routing token, without the line's end. A cookie with a user's name is none.
    pub(super) routing_token: Option<Vec<u8>>,
    /// The same request without cookie, token and correlation id, and what came behind it.
    pub(super) replay: Vec<u8>,
}

impl Opening {
    /// Reads until the first packet is there.
    pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Self, FirstPacketError> {
        let mut bytes = Vec::new();
        let mut chunk = [0; CHUNK_BYTES];
        // Ends, because no packet of the longest length allowed is incomplete.
        loop {
            let read = stream.read(&mut chunk).await?;
            if read == 0 {
                return Err(FirstPacketError::Gone);
            }
            bytes.extend_from_slice(&chunk[..read]);
            match FirstPacket::parse(&bytes) {
                Parse::Incomplete => {}
                Parse::Rejected(rejection) => return Err(FirstPacketError::Rejected(rejection)),
                Parse::Complete { packet, consumed } => {
                    let mut replay = packet.without_token();
                    replay.extend_from_slice(bytes.get(consumed..).unwrap_or_default());
                    let routing_token = match packet.request.routing {
                        Routing::Token(token) => Some(token),
                        Routing::Nothing | Routing::UserName(_) => None,
                    };
                    return Ok(Self { routing_token, replay });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_rdp::{ConnectionRequest, NegotiationRequest, Protocols};
    use tokio::io::AsyncWriteExt;

    const PLAIN: &[u8] = &[3, 0, 0, 19, 14, 0xE0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0];

    #[tokio::test]
    async fn what_clients_send() {
        let token = |text: &str| Routing::Token(text.as_bytes().to_vec());
        for (routing, correlation_id, kept) in [
            (Routing::Nothing, None, None),
            (Routing::UserName("alice".to_string()), None, None),
            (token("Cookie: msts=abc"), None, Some("Cookie: msts=abc")),
            (token("tsv://x"), Some([7; 16]), Some("tsv://x")),
        ] {
            let negotiation = NegotiationRequest {
                correlation_id,
                ..NegotiationRequest::offering(Protocols::TLS | Protocols::HYBRID)
            };
            let mut bytes = ConnectionRequest { routing, negotiation: Some(negotiation) }.encode().unwrap();
            bytes.extend(b"behind it");
            let want =
                Opening { routing_token: kept.map(|t| t.as_bytes().to_vec()), replay: [PLAIN, b"behind it"].concat() };
            assert_eq!(Opening::read(&mut &bytes[..]).await.unwrap(), want);
            // However the bytes arrive. Nobody reads what is behind the packet here, so the writer does not finish.
            let (mut near, mut far) = tokio::io::duplex(1);
            let got = tokio::select! {
                got = Opening::read(&mut far) => got,
                written = near.write_all(&bytes) => panic!("{written:?} without having been read"),
            };
            assert_eq!(got.unwrap().routing_token, want.routing_token);
        }
    }

    #[tokio::test]
    async fn what_others_send() {
        for (bytes, want) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], "an HTTP request came: this port speaks RDP only"),
            (
                &[3, 0, 0, 11, 6, 0xD0, 0, 0, 0, 0, 0],
                "the connection request is malformed: it is another kind of X.224 packet",
            ),
            (&[3, 0, 0, 19, 14, 0xE0], "the client was gone before its first packet was there"),
            (&[], "the client was gone before its first packet was there"),
        ] {
            assert_eq!(Opening::read(&mut &bytes[..]).await.unwrap_err().to_string(), want);
        }
    }
}
