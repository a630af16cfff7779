//! Why a connection did not come about, for the administrator who has to do something about it.

use crate::blocked::{Ends, Objection};
use crate::close::{CloseReason, Closed};
use crate::key::Fingerprint;
use crate::tls::TlsError;
use crate::verifier::{Refusal, Seen};
use hostler_model::Address;
use quinn::{ConnectionError, TransportErrorCode};
use std::io;

/// TLS alerts (RFC 8446, 6) that our verifier and rustls send.
const ALERT_UNSUPPORTED_CERTIFICATE: u8 = 43;
const ALERT_ACCESS_DENIED: u8 = 49;
const ALERT_NO_APPLICATION_PROTOCOL: u8 = 120;

/// Why a connection did not come about.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name has no address.
    #[error("{address} can't be resolved: {why}")]
    Resolve {
        /// What was to be called.
        address: Address,
        /// The system's reason.
        why: String,
    },
    /// Silence.
    #[error("no answer from {0} to {from}: is the port blocked between them?", from = .0.from)]
    NoAnswer(Ends),
    /// The other machine says that the port is closed.
    #[error("nothing listens at {0}, says the network to {from}: is the broker running there, and is this its port? \
             (a firewall that rejects looks the same)", from = .0.from)]
    NothingListens(Ends),
    /// The network says no.
    #[error("no way from {from} to {ends}: {source}", from = ends.from)]
    NoWay {
        /// Between whom.
        ends: Ends,
        /// The system's reason.
        source: io::Error,
    },
    /// The other side does not know our key.
    #[error("{ends} does not accept this member's key {key}: it never joined that farm, or was removed from it")]
    KeyRefused {
        /// Between whom.
        ends: Ends,
        /// Our key.
        key: Fingerprint,
    },
    /// The other side knows our key in another role.
    #[error("{ends} does not accept this member's key {key} in this role: it joined that farm as something else")]
    RoleRefused {
        /// Between whom.
        ends: Ends,
        /// Our key.
        key: Fingerprint,
    },
    /// We do not know the other side's key.
    #[error("what answers at {ends} is not to be trusted, so the connection was given up: {why} (its key is {key})")]
    NotTrusted {
        /// Between whom.
        ends: Ends,
        /// Its key.
        key: Fingerprint,
        /// Why it is not good.
        why: Refusal,
    },
    /// Something else speaks there, or another version.
    #[error(
        "what answers at {0} speaks another protocol or version: is it the right port, and are both sides up to \
             date?"
    )]
    OtherProtocol(Ends),
    /// The other side has no room.
    #[error("{0} has as many connections as it takes: try again later")]
    Busy(Ends),
    /// The connection came about and was closed at once.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// Something else in the handshake.
    #[error("no connection to {ends}: {why}")]
    Handshake {
        /// Between whom.
        ends: Ends,
        /// What QUIC or TLS says.
        why: String,
    },
    /// Our side can't.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl ConnectError {
    /// What a failed handshake means. `seen` is the other side's key, where it got that far; `key` is ours.
    pub(crate) fn explain(error: &ConnectionError, ends: Ends, seen: &Seen, key: Fingerprint) -> Self {
        let alert = TransportErrorCode::crypto;
        match error {
            ConnectionError::TimedOut => Self::NoAnswer(ends),
            ConnectionError::ConnectionClosed(close) => match close.error_code {
                code if code == alert(ALERT_ACCESS_DENIED) => Self::KeyRefused { ends, key },
                code if code == alert(ALERT_UNSUPPORTED_CERTIFICATE) => Self::RoleRefused { ends, key },
                code if code == alert(ALERT_NO_APPLICATION_PROTOCOL) => Self::OtherProtocol(ends),
                TransportErrorCode::CONNECTION_REFUSED => Self::Busy(ends),
                code => Self::Handshake { ends, why: format!("the other side gave up: {code}") },
            },
            ConnectionError::VersionMismatch => Self::OtherProtocol(ends),
            other => match (seen.get(), other) {
                (Some((key, Some(why))), _) => Self::NotTrusted { ends, key: Fingerprint::of(key), why: *why },
                (_, ConnectionError::ApplicationClosed(_)) => {
                    let peer = format!("the broker at {ends}");
                    match Closed::new(other, peer.into(), ends.what, None) {
                        closed if closed.reason() == Some(CloseReason::Busy) => Self::Busy(ends),
                        closed if closed.reason() == Some(CloseReason::Removed) => Self::KeyRefused { ends, key },
                        closed => Self::Closed(closed),
                    }
                }
                _ => Self::Handshake { ends, why: other.to_string() },
            },
        }
    }

    pub(crate) fn objected(objection: Objection, ends: Ends) -> Self {
        match objection {
            Objection::NothingListens => Self::NothingListens(ends),
            Objection::NoWay(source) => Self::NoWay { ends, source },
        }
    }
}
