//! One QUIC connection to one member whose key is known. It lives as long as a handle, or a link over it, lives.

use crate::close::{CloseReason, Closed};
use crate::key::Fingerprint;
use crate::link::{Link, LinkError};
use crate::live::LiveConnections;
use crate::roster::Member;
use crate::service::Service;
use bytes::Bytes;
use hostler_model::PublicKey;
use quinn::{ConnectionError, SendDatagramError, VarInt};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use tokio::runtime::Handle;

/// The first byte on every stream, in both directions: streams are invisible to the other side until something is on
/// them, and this is what makes them visible.
pub(crate) const WELCOME: u8 = 1;

/// Who is on the other end, as the handshake proved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PeerIdentity {
    /// Which member; none while it joins, and none where a join token named the key.
    pub member: Option<Member>,
    /// Its key.
    pub key: PublicKey,
}

/// Why a datagram was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatagramError {
    /// Longer than a packet on this path.
    #[error("a datagram of {bytes} bytes does not fit into a packet to {peer}, which takes {limit}")]
    TooLong {
        /// To whom.
        peer: Arc<str>,
        /// Its length.
        bytes: usize,
        /// What fits.
        limit: usize,
    },
    /// Only brokers among each other have them.
    #[error("the connection to {peer} is not one for datagrams")]
    NotHere {
        /// To whom.
        peer: Arc<str>,
    },
    /// No connection any more.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// A connection to a member. Clones are the same connection; it closes when the last one and the last link are gone.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

pub(crate) struct Inner {
    quinn: quinn::Connection,
    identity: PeerIdentity,
    peer: Arc<str>,
    service: Service,
    runtime: Handle,
    closed_for: OnceLock<CloseReason>,
    // Removals must end the connection even where its endpoint is gone.
    _live: Arc<LiveConnections>,
}

impl Inner {
    pub(crate) fn identity(&self) -> PeerIdentity {
        self.identity
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.quinn.close_reason().is_some()
    }

    pub(crate) fn close(&self, reason: CloseReason) {
        // The first reason is the one that counts, for QUIC as well.
        let _ = self.closed_for.set(reason);
        self.quinn.close(VarInt::from_u32(reason.code()), reason.text().as_bytes());
    }
}

impl Connection {
    pub(crate) fn new(
        quinn: quinn::Connection,
        identity: PeerIdentity,
        service: Service,
        runtime: Handle,
        live: Arc<LiveConnections>,
    ) -> Self {
        let remote = canonical(quinn.remote_address());
        let peer = match identity.member {
            Some(member) => format!("{member} at {remote}"),
            None => format!("the holder of key {} at {remote}", Fingerprint::of(&identity.key)),
        };
        let closed_for = OnceLock::new();
        Self(Arc::new(Inner { quinn, identity, peer: peer.into(), service, runtime, closed_for, _live: live }))
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.0
    }

    pub(crate) fn quinn(&self) -> &quinn::Connection {
        &self.0.quinn
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.0.runtime
    }

    /// Who is on the other end.
    #[must_use]
    pub fn identity(&self) -> PeerIdentity {
        self.0.identity
    }

    /// The other end's name for people: role, short id, address.
    #[must_use]
    pub fn peer(&self) -> &Arc<str> {
        &self.0.peer
    }

    /// The other end's address.
    #[must_use]
    pub fn remote(&self) -> SocketAddr {
        canonical(self.0.quinn.remote_address())
    }

    /// What is spoken on it.
    #[must_use]
    pub fn service(&self) -> Service {
        self.0.service
    }

    /// The round trip, in microseconds, smoothed.
    #[must_use]
    pub fn round_trip_us(&self) -> u64 {
        u64::try_from(self.0.quinn.rtt().as_micros()).unwrap_or(u64::MAX)
    }

    /// How many packets have come: two equal answers mean that the peer was silent between them.
    #[must_use]
    pub fn packets_received(&self) -> u64 {
        self.quinn().stats().udp_rx.datagrams
    }

    /// Opens a link; the other side gets it from [`Connection::accept_link`].
    ///
    /// # Errors
    /// Where the connection is closed.
    pub async fn open_link(&self) -> Result<Link, LinkError> {
        let (send, recv) = self.0.quinn.open_bi().await.map_err(|e| self.ended(&e))?;
        Ok(Link::start(self.clone(), send, recv))
    }

    /// Waits for the other side to open a link.
    ///
    /// # Errors
    /// Where the connection is closed.
    pub async fn accept_link(&self) -> Result<Link, LinkError> {
        let (send, recv) = self.0.quinn.accept_bi().await.map_err(|e| self.ended(&e))?;
        Ok(Link::start(self.clone(), send, recv))
    }

    /// Sends a datagram, which may get lost. Where many wait, the oldest gives way.
    ///
    /// # Errors
    /// Where it is too long, this is no connection between brokers, or it is closed.
    pub fn send_datagram(&self, bytes: Bytes) -> Result<(), DatagramError> {
        let length = bytes.len();
        self.0.quinn.send_datagram(bytes).map_err(|e| match e {
            SendDatagramError::TooLarge => DatagramError::TooLong {
                peer: self.0.peer.clone(),
                bytes: length,
                limit: self.0.quinn.max_datagram_size().unwrap_or(0),
            },
            SendDatagramError::ConnectionLost(e) => DatagramError::Closed(self.ended(&e)),
            SendDatagramError::UnsupportedByPeer | SendDatagramError::Disabled => {
                DatagramError::NotHere { peer: self.0.peer.clone() }
            }
        })
    }

    /// Waits for a datagram.
    ///
    /// # Errors
    /// Where the connection is closed.
    pub async fn recv_datagram(&self) -> Result<Bytes, Closed> {
        self.0.quinn.read_datagram().await.map_err(|e| self.ended(&e))
    }

    /// The longest datagram that fits now, in bytes.
    #[must_use]
    pub fn datagram_bytes(&self) -> usize {
        self.0.quinn.max_datagram_size().unwrap_or(0)
    }

    /// 32 bytes that only the two ends of this very connection know (RFC 8446, 7.5); equal on both for equal labels.
    ///
    /// # Errors
    /// Where the connection is closed.
    pub fn exporter(&self, label: &str) -> Result<[u8; 32], Closed> {
        let mut bytes = [0; 32];
        match self.0.quinn.export_keying_material(&mut bytes, label.as_bytes(), b"") {
            Ok(()) => Ok(bytes),
            Err(e) => Err(Closed::Broken { peer: self.0.peer.clone(), why: format!("TLS gave no secret: {e:?}") }),
        }
    }

    /// Closes it now; what is still on its way is dropped.
    pub fn close(&self, reason: CloseReason) {
        self.0.close(reason);
    }

    /// Whether it is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Waits for its end and says why.
    pub async fn closed(&self) -> Closed {
        let error = self.0.quinn.closed().await;
        self.ended(&error)
    }

    pub(crate) fn ended(&self, error: &ConnectionError) -> Closed {
        Closed::new(error, self.0.peer.clone(), self.0.service, self.0.closed_for.get().copied())
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({}, {})", self.0.peer, self.0.service)
    }
}

/// IPv4 as IPv4, also where the socket is one for both.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
