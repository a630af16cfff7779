//! Why there is no answer. QUIC only ever says "timed out"; but the one who must open a port in a firewall has to know
//! which port, between whom, and whether it is blocked at all or simply nobody listens. A connected UDP socket tells
//! the two apart: the system hands it the ICMP errors that come back.

use crate::connection::canonical;
use crate::service::Service;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// How often it is asked, in ms: an ICMP error can get lost or be held back by a limit.
const ASK_EVERY_MS: u64 = 400;

/// What the network said about a UDP port.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Objection {
    /// "Port unreachable": nothing listens, or a firewall that says so.
    #[error("nothing listens")]
    NothingListens,
    /// The network knows no way, or forbids it.
    #[error(transparent)]
    NoWay(io::Error),
}

/// The address that this machine sends from when it sends there.
pub(crate) fn local_towards(bind: Option<IpAddr>, to: SocketAddr) -> io::Result<IpAddr> {
    let socket = std::net::UdpSocket::bind((any_like(bind, to), 0))?;
    socket.connect(to)?;
    Ok(socket.local_addr()?.ip().to_canonical())
}

fn any_like(bind: Option<IpAddr>, to: SocketAddr) -> IpAddr {
    bind.unwrap_or(match to {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    })
}

/// Asks until the network objects. Never comes back while there is silence, so race it against something.
pub(crate) async fn objection(bind: Option<IpAddr>, to: SocketAddr) -> Objection {
    loop {
        match ask(bind, to).await {
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => return Objection::NothingListens,
            Err(e) => return Objection::NoWay(e),
            Ok(()) => {}
        }
    }
}

async fn ask(bind: Option<IpAddr>, to: SocketAddr) -> io::Result<()> {
    let socket = UdpSocket::bind((any_like(bind, to), 0)).await?;
    socket.connect(to).await?;
    // One byte is shorter than any QUIC packet: an endpoint drops it unanswered (RFC 9000, 10.3).
    socket.send(&[0]).await?;
    match timeout(Duration::from_millis(ASK_EVERY_MS), socket.recv(&mut [0; 1])).await {
        Ok(Err(e)) => Err(e),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

/// The two ends of a UDP flow and what it is for, in the words of the error messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ends {
    /// This machine's address.
    pub from: IpAddr,
    /// The other end.
    pub to: SocketAddr,
    /// What is spoken there.
    pub what: Service,
}

impl Ends {
    /// The port that a firewall has to let through.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.to.port()
    }
}

impl std::fmt::Display for Ends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/udp ({})", canonical(self.to), self.what)
    }
}
