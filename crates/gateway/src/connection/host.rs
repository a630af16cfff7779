//! Dialling a host that a broker named.

use crate::splice::prepare;
use hostler_model::Address;
use std::io;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a host may take until it has a connection and its first packet, in ms; the name's lookup included. TCP's
/// second attempt comes after 1 s.
pub(crate) const DIAL_MS: u64 = 2_000;

/// Connects, and sends the client's first bytes.
pub(super) async fn reach(address: &Address, bytes: &[u8]) -> io::Result<TcpStream> {
    let reached = async {
        let mut host = TcpStream::connect((address.host(), address.port())).await?;
        prepare(&host)?;
        host.write_all(bytes).await?;
        Ok(host)
    };
    timeout(Duration::from_millis(DIAL_MS), reached)
        .await
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {DIAL_MS} ms"))))
}
