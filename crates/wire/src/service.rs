//! What is spoken on which port: one level of trust each, with its TLS protocol name (ALPN), who may connect, and how
//! fast a dead peer is noticed.

use hostler_model::{MemberRole, limits, ports};
use quinn::{IdleTimeout, TransportConfig, VarInt};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long the other side may be silent before a link between brokers counts as lost, in ms. Brokers decide who is
/// alive by their own datagrams, faster than this; the timeout is what ends a command that waits on a dead broker.
pub const PEER_IDLE_MS: u32 = 2_000;
/// The same for links of gateways, agents and joiners, in ms: more of them, farther away, on busier machines.
pub const MEMBER_IDLE_MS: u32 = 5_000;
/// How often something is sent on an otherwise silent link between brokers, in ms; a dozen may be lost in a row. A link
/// over which nothing came for [`limits::HOME_BROKER_WAIT_MS`] is one to a dead broker, most likely.
pub const PEER_KEEP_ALIVE_MS: u64 = 150;
/// The same for the other links, in ms; five may be lost in a row.
pub const MEMBER_KEEP_ALIVE_MS: u64 = 1_000;
/// How long a connection for joining may last, in ms: whoever holds no token must not hold a place.
pub const JOIN_MS: u64 = 30_000;
/// What the round trip is taken for before it was measured, in ms; a lost first packet is sent again after three times
/// this. QUIC's own guess of 333 ms is for the open internet.
const FIRST_ROUND_TRIP_MS: u64 = 100;
/// Bidirectional streams (links) that the other side may have open on one connection.
const LINKS_PER_CONNECTION: u32 = 8;
/// Unidirectional streams: the welcome only.
const WELCOMES_PER_CONNECTION: u32 = 1;
/// Datagrams that wait to be read or sent, in bytes; older ones are dropped for newer ones.
const DATAGRAM_BUFFER_BYTES: usize = 256 * 1024;
/// What one stream of an agent or a gateway may have in flight, in bytes.
const MEMBER_WINDOW_BYTES: u32 = 256 * 1024;
/// What one stream of a broker may have in flight, in bytes: some chunks of the log.
const PEER_WINDOW_BYTES: u32 = 2 * 1024 * 1024;

/// One of the four things that are spoken over QUIC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Service {
    /// Joining the farm, with a token.
    Join,
    /// Gateways: resolving and redeeming seats.
    Gateway,
    /// Agents: reports, seats, orders.
    Agent,
    /// Brokers among each other: gossip, log, forwarded commands.
    Peer,
}

impl Service {
    /// The name in TLS (ALPN); its number changes when old and new can't talk to each other.
    #[must_use]
    pub fn protocol(self) -> &'static str {
        match self {
            Self::Join => "hostler-join/1",
            Self::Gateway => "hostler-gateway/1",
            Self::Agent => "hostler-agent/1",
            Self::Peer => "hostler-peer/1",
        }
    }

    /// The default UDP port.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Join => ports::JOIN,
            Self::Gateway => ports::ACCESS,
            Self::Agent => ports::AGENT,
            Self::Peer => ports::PEER,
        }
    }

    /// Which members may connect; for joining, anyone, since the token decides.
    #[must_use]
    pub fn clients(self) -> &'static [MemberRole] {
        match self {
            Self::Join => &[],
            Self::Gateway => &[MemberRole::Gateway],
            Self::Agent => &[MemberRole::Agent],
            Self::Peer => &[MemberRole::Broker],
        }
    }

    /// Connections that one endpoint takes at once.
    #[must_use]
    pub fn connections(self) -> usize {
        match self {
            Self::Join => 64,
            Self::Gateway => 512,
            // Room for those that reconnect before their old connection has timed out.
            Self::Agent => limits::HOSTS_PER_SITE + limits::HOSTS_PER_SITE / 4,
            Self::Peer => 256,
        }
    }

    /// How long the other side may be silent before the link counts as lost.
    #[must_use]
    pub fn idle(self) -> Duration {
        Duration::from_millis(self.idle_ms().into())
    }

    /// Bytes that may wait in one link to be sent; always room for one frame of the greatest length.
    #[must_use]
    pub fn queue_bytes(self) -> usize {
        match self {
            Self::Peer => 4 * limits::FRAME_BYTES,
            _ => limits::FRAME_BYTES,
        }
    }

    fn idle_ms(self) -> u32 {
        if self == Self::Peer { PEER_IDLE_MS } else { MEMBER_IDLE_MS }
    }

    pub(crate) fn transport(self) -> Arc<TransportConfig> {
        let peer = self == Self::Peer;
        let window = if peer { PEER_WINDOW_BYTES } else { MEMBER_WINDOW_BYTES };
        let keep_alive_ms = if peer { PEER_KEEP_ALIVE_MS } else { MEMBER_KEEP_ALIVE_MS };
        let mut config = TransportConfig::default();
        config
            .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(self.idle_ms()))))
            .keep_alive_interval(Some(Duration::from_millis(keep_alive_ms)))
            .initial_rtt(Duration::from_millis(FIRST_ROUND_TRIP_MS))
            .max_concurrent_bidi_streams(VarInt::from_u32(LINKS_PER_CONNECTION))
            .max_concurrent_uni_streams(VarInt::from_u32(WELCOMES_PER_CONNECTION))
            .stream_receive_window(VarInt::from_u32(window))
            .receive_window(VarInt::from_u32(window * 2))
            .send_window(u64::from(window) * 2)
            .datagram_receive_buffer_size(peer.then_some(DATAGRAM_BUFFER_BYTES))
            .datagram_send_buffer_size(if peer { DATAGRAM_BUFFER_BYTES } else { 0 });
        Arc::new(config)
    }
}

/// Who talks to whom there, for messages to people.
impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Join => "joining the farm",
            Self::Gateway => "gateway to broker",
            Self::Agent => "agent to broker",
            Self::Peer => "broker to broker",
        })
    }
}
