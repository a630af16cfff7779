//! Why connections end: stable codes that both sides understand, and what a side knows about a connection that ended.

use crate::service::Service;
use quinn::{ConnectionError, VarInt};
use std::sync::Arc;

/// Why one side closed a connection. The codes are part of the protocol: they are never reused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CloseReason {
    /// All was said.
    Done,
    /// The key is not, or no longer, on the roster.
    Removed,
    /// As many connections as this side takes, or it can't keep up.
    Busy,
    /// A frame was longer than the limit.
    FrameTooLong,
    /// A stream ended within a frame.
    FrameCutOff,
    /// A message could not be understood, or was not expected.
    BadMessage,
    /// This side's process is being stopped.
    Stopping,
    /// A newer connection of the same member took this one's place.
    Replaced,
    /// The join token was not accepted.
    TokenRefused,
    /// The connection has been open for as long as its purpose allows.
    TookTooLong,
}

impl CloseReason {
    const ALL: [Self; 10] = [
        Self::Done,
        Self::Removed,
        Self::Busy,
        Self::FrameTooLong,
        Self::FrameCutOff,
        Self::BadMessage,
        Self::Stopping,
        Self::Replaced,
        Self::TokenRefused,
        Self::TookTooLong,
    ];

    /// The code on the wire.
    #[must_use]
    pub fn code(self) -> u32 {
        match self {
            Self::Done => 0,
            Self::Removed => 1,
            Self::Busy => 2,
            Self::FrameTooLong => 3,
            Self::FrameCutOff => 4,
            Self::BadMessage => 5,
            Self::Stopping => 6,
            Self::Replaced => 7,
            Self::TokenRefused => 8,
            Self::TookTooLong => 9,
        }
    }

    /// What the other side is told, and shows.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Removed => "this key is not a member of the farm any more",
            Self::Busy => "too busy to serve this connection",
            Self::FrameTooLong => "a frame was longer than allowed",
            Self::FrameCutOff => "a frame was cut off",
            Self::BadMessage => "a message could not be understood",
            Self::Stopping => "the process is being stopped",
            Self::Replaced => "a newer connection of the same member took this one's place",
            Self::TokenRefused => "the join token was not accepted",
            Self::TookTooLong => "the connection was open for too long",
        }
    }

    fn from_code(code: VarInt) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| u64::from(reason.code()) == code.into_inner())
    }
}

/// How a connection ended, with the peer's name in the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// The peer closed it.
    #[error("{peer} closed the connection: {}", reason.text())]
    ByPeer {
        /// Who.
        peer: Arc<str>,
        /// Why.
        reason: CloseReason,
    },
    /// This side closed it.
    #[error("the connection to {peer} was closed here: {}", reason.text())]
    Here {
        /// To whom it was.
        peer: Arc<str>,
        /// Why.
        reason: CloseReason,
    },
    /// The peer fell silent.
    #[error("no sign of life from {peer} for {idle_ms} ms: is its machine down, or the network between us cut?")]
    Silent {
        /// Who.
        peer: Arc<str>,
        /// For how long, in ms.
        idle_ms: u128,
    },
    /// The peer's process is a new one, which does not know the connection.
    #[error("{peer} does not know this connection any more: its process was restarted")]
    Restarted {
        /// Who.
        peer: Arc<str>,
    },
    /// Anything else.
    #[error("the connection to {peer} broke: {why}")]
    Broken {
        /// To whom it was.
        peer: Arc<str>,
        /// What QUIC says.
        why: String,
    },
}

impl Closed {
    /// `here`: the reason that this side gave, if it closed the connection itself.
    pub(crate) fn new(error: &ConnectionError, peer: Arc<str>, service: Service, here: Option<CloseReason>) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => match CloseReason::from_code(close.error_code) {
                Some(reason) => Self::ByPeer { peer, reason },
                None => Self::Broken { peer, why: format!("closed with the unknown code {}", close.error_code) },
            },
            ConnectionError::LocallyClosed => Self::Here { peer, reason: here.unwrap_or(CloseReason::Done) },
            ConnectionError::TimedOut => Self::Silent { peer, idle_ms: service.idle().as_millis() },
            ConnectionError::Reset => Self::Restarted { peer },
            // What the peer wrote into it is not shown: it may be anything.
            ConnectionError::ConnectionClosed(close) => {
                Self::Broken { peer, why: format!("aborted by the peer, {}", close.error_code) }
            }
            other => Self::Broken { peer, why: other.to_string() },
        }
    }

    /// The code that came with it, where one did.
    #[must_use]
    pub fn reason(&self) -> Option<CloseReason> {
        match self {
            Self::ByPeer { reason, .. } | Self::Here { reason, .. } => Some(*reason),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_one_reason() {
        for (i, reason) in CloseReason::ALL.into_iter().enumerate() {
            assert_eq!(
                (reason.code() as usize, CloseReason::from_code(VarInt::from_u32(reason.code()))),
                (i, Some(reason))
            );
        }
        assert_eq!(CloseReason::from_code(VarInt::from_u32(10)), None);
    }
}
