//! The first packet of an RDP client and the answer to it: enough to see whether somebody is let in, without a client.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knock {
    /// A host speaks.
    LetIn,
    /// A refusal, or nothing.
    Refused,
}

/// Sends a connection request (MS-RDPBCGR 2.2.1.1) and reads the answer. `routing` is the line that says who comes, for
/// instance `Cookie: mstshash=alice`, or a routing token.
pub fn knock(door: SocketAddr, routing: &str, within: Duration) -> Result<Knock> {
    const NEGOTIATE_TLS: [u8; 8] = [1, 0, 8, 0, 1, 0, 0, 0];
    const CONFIRM_BYTES: usize = 19;
    const KIND_OF_ANSWER: usize = 11;
    let behind = u8::try_from(6 + routing.len() + 2 + NEGOTIATE_TLS.len()).context("the line is too long")?;
    let [high, low] = (5 + u16::from(behind)).to_be_bytes();
    let mut packet = vec![3, 0, high, low, behind, 0xe0, 0, 0, 0, 0, 0];
    packet.extend_from_slice(routing.as_bytes());
    packet.extend_from_slice(b"\r\n");
    packet.extend_from_slice(&NEGOTIATE_TLS);
    let mut stream = TcpStream::connect_timeout(&door, within).context("nobody listens at the door")?;
    stream.set_read_timeout(Some(within))?;
    stream.write_all(&packet)?;
    let mut answer = [0; CONFIRM_BYTES];
    match stream.read_exact(&mut answer) {
        // 2: the negotiation's response, 3: its failure.
        Ok(()) if answer[KIND_OF_ANSWER] == 2 => Ok(Knock::LetIn),
        Ok(()) => Ok(Knock::Refused),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(Knock::Refused),
        Err(error) => bail!("no answer to {routing:?} within {within:?}: {error}"),
    }
}
