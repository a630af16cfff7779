//! What an RDP client sends first: anybody can reach that code.

use crate::memory::bounded;
use hostler_rdp::{FIRST_PACKET_BYTES, FirstPacket, Parse};

/// However the bytes arrive, the answer is the same: a packet is complete with its last byte and not before, what
/// follows changes nothing, and a rejection stays one. What was read can be written, without token too, and means the
/// same.
pub fn first_packet(data: &[u8]) {
    match bounded(data.len(), || FirstPacket::parse(data)) {
        Parse::Incomplete => assert!(data.len() < FIRST_PACKET_BYTES, "{} bytes are still no packet", data.len()),
        Parse::Rejected(_) => {
            let more = [data, b"more"].concat();
            assert!(matches!(FirstPacket::parse(&more), Parse::Rejected(_)), "more bytes made it good");
        }
        Parse::Complete { packet, consumed } => {
            assert!((1..=data.len().min(FIRST_PACKET_BYTES)).contains(&consumed));
            let alone = Parse::Complete { packet: packet.clone(), consumed };
            assert_eq!(FirstPacket::parse(&data[..consumed]), alone);
            for end in 0..consumed {
                assert_eq!(FirstPacket::parse(&data[..end]), Parse::Incomplete, "the first {end} bytes");
            }
            // Names that are not text come out with other letters, which may be longer.
            if let Ok(written) = packet.request.encode() {
                match FirstPacket::parse(&written) {
                    Parse::Complete { packet: again, consumed } => {
                        assert_eq!((again, consumed), (packet.clone(), written.len()));
                    }
                    other => panic!("what was written is {other:?}"),
                }
            }
            let clean = packet.without_token();
            assert!(matches!(FirstPacket::parse(&clean), Parse::Complete { consumed, .. } if consumed == clean.len()));
        }
    }
}
