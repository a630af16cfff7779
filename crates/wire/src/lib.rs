//! QUIC endpoints, frames, keys, join tokens and the messages of every link.
//!
//! The way of a connection: [`Endpoint`] dials or listens; TLS shows the other side's key, and the [`Roster`] says whose
//! it is; the [`Connection`] carries [`Link`]s of frames, which [`Typed`] makes messages of. What is *said* on a link is
//! not decided here: nothing in this crate knows the log, a seat or a session.

mod acceptor;
mod blocked;
mod certificate;
mod close;
mod connect_error;
mod connection;
mod dialer;
mod endpoint;
pub mod frame;
mod join_proof;
mod join_token;
mod key;
mod key_file;
mod key_ring;
mod link;
mod live;
pub mod messages;
mod restart;
mod roster;
mod rotation;
mod runtime;
mod said;
mod service;
#[cfg(test)]
mod simulated;
mod tls;
mod typed;
mod verifier;

pub use acceptor::Arrivals;
pub use blocked::Ends;
pub use certificate::{CertificateError, public_key_in, tls_credentials};
pub use close::{CloseReason, Closed};
pub use connect_error::ConnectError;
pub use connection::{Connection, DatagramError, PeerIdentity};
pub use dialer::{DialError, Dialer};
pub use endpoint::{CONNECT_MS, Endpoint, EndpointError, EndpointOptions, Trust};
pub use join_proof::{JoinProof, JoinSecret, JoinVerifier, exporter, proof};
pub use join_token::{JoinToken, JoinTokenError, TOKEN_CHARACTERS};
pub use key::{Fingerprint, MemberKey, NoRandomness, SigningPrefix};
pub use key_file::{KeyFile, KeyFileError};
pub use key_ring::KeyRing;
pub use link::{Link, LinkError, LinkReceiver, LinkSender, QUEUE_FRAMES, SendError};
pub use roster::{Member, NotOnRoster, Roster};
pub use rotation::{KeyLinks, key_proof, proves_key, rotate};
pub use service::{JOIN_MS, MEMBER_IDLE_MS, MEMBER_KEEP_ALIVE_MS, PEER_IDLE_MS, PEER_KEEP_ALIVE_MS, Service};
pub use tls::TlsError;
pub use typed::{Typed, TypedReceiver, TypedRecvError, TypedSendError, TypedSender};
pub use verifier::Refusal;
