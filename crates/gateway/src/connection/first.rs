//! Reading a client's first packet within its limits, and refusing a client in its own terms.

use crate::ending::Ending;
use hostler_rdp::{FIRST_PACKET_BYTES, FirstPacket, NegativeReply, Parse, Rejection};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a client's first packet may take, in ms.
pub(crate) const FIRST_PACKET_MS: u64 = 5_000;
/// How long a refused client may take to read why, in ms.
const REFUSE_MS: u64 = 1_000;
/// What a refused client may still send, in bytes.
const REFUSED_BYTES: u64 = 16 * 1024;

/// What a client sent first.
pub(super) struct First {
    pub(super) packet: FirstPacket,
    /// The packet's bytes, and what came behind them.
    pub(super) bytes: Vec<u8>,
    consumed: usize,
}

impl First {
    /// Reads until the packet is there or can't come any more.
    pub(super) async fn read(client: &mut TcpStream) -> Result<Self, Ending> {
        let mut bytes = Vec::with_capacity(FIRST_PACKET_BYTES);
        let outcome = timeout(Duration::from_millis(FIRST_PACKET_MS), fill(client, &mut bytes)).await;
        let (packet, consumed) = outcome.unwrap_or(Err(Ending::Slow(bytes.len())))?;
        Ok(Self { packet, bytes, consumed })
    }

    /// What came behind the packet.
    pub(super) fn behind(&self) -> &[u8] {
        self.bytes.get(self.consumed..).unwrap_or_default()
    }
}

async fn fill(client: &mut TcpStream, bytes: &mut Vec<u8>) -> Result<(FirstPacket, usize), Ending> {
    loop {
        let room = (FIRST_PACKET_BYTES - bytes.len()) as u64;
        match (&mut *client).take(room).read_buf(bytes).await {
            // A full buffer is never an incomplete packet, so this is the client's end.
            Ok(0) => return Err(Ending::Left(bytes.len())),
            Ok(_) => {}
            Err(e) => return Err(Ending::ClientBroke(e)),
        }
        match FirstPacket::parse(bytes) {
            Parse::Complete { packet, consumed } => return Ok((packet, consumed)),
            Parse::Rejected(rejection) => return Err(rejection.into()),
            Parse::Incomplete if bytes.len() >= FIRST_PACKET_BYTES => return Err(Rejection::NotRdp.into()),
            Parse::Incomplete => {}
        }
    }
}

/// Waits until the client has gone: a user who gives up waiting must not get a place. A client that sends something
/// before it has an answer is not one that is known to exist, and counts as present.
pub(super) async fn gone(client: &TcpStream) {
    match client.peek(&mut [0]).await {
        Ok(0) | Err(_) => {}
        Ok(_) => std::future::pending().await,
    }
}

/// Tells the client that it is not let in. Whether it listens is its own affair.
pub(super) async fn refuse(client: &mut TcpStream, reply: NegativeReply) {
    let told = async {
        client.write_all(&reply.encode()).await?;
        client.shutdown().await?;
        // Closing with something unread resets the connection, and the client might never see the reply.
        tokio::io::copy(&mut client.take(REFUSED_BYTES), &mut tokio::io::sink()).await
    };
    if let Ok(Err(error)) | Err(error) = timeout(Duration::from_millis(REFUSE_MS), told).await.map_err(Into::into) {
        tracing::debug!(%error, "a refused client did not wait for its answer");
    }
}
