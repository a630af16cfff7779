//! Dialling a host that a broker named.

use crate::splice::prepare;
use hostler_model::Address;
use std::time::Duration;
use std::{fmt, io};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long it may take until a host has a connection and the client's first packet, in ms; the name's lookup included.
/// TCP's second attempt comes after 1 s.
pub(crate) const DIAL_MS: u64 = 2_000;

/// Connects, sends the client's first bytes, and waits for the host's first, which stay unread: until then the client has
/// got nothing of this host and can go to another one. How long a host thinks is its own affair.
pub(super) async fn reach(address: &Address, bytes: &[u8]) -> io::Result<TcpStream> {
    let host = dial(address, bytes).await?;
    // Mostly there is a word and no end yet: then the system need not be asked again.
    let ready = host.ready(Interest::READABLE).await?;
    if !ready.is_read_closed() {
        return Ok(host);
    }
    match host.peek(&mut [0]).await {
        Ok(1..) => Ok(host),
        Ok(0) => Err(mute("it ended the connection")),
        Err(error) => Err(mute(error)),
    }
}

/// A host was there, and went away or would not talk. It may be the client's packet that it did not like, so this says
/// nothing about what others will find.
pub(super) fn is_mute(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof
}

fn mute(why: impl fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("no answer to the first packet: {why}"))
}

async fn dial(address: &Address, bytes: &[u8]) -> io::Result<TcpStream> {
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
