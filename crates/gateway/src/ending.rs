//! How a client's connection ended, in words for the log. None of it is told to the client.

use crate::brokers::Undecided;
use crate::connection::{DIAL_MS, FIRST_PACKET_MS};
use crate::metrics::{Metrics, count};
use crate::splice::RelayError;
use hostler_rdp::{Rejection, TicketError};
use hostler_wire::messages::gateway::TurnedAway;
use std::io;

/// How a connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ending {
    #[error("both sides were done")]
    Done,
    #[error(transparent)]
    Broke(#[from] RelayError),
    #[error("{0}")]
    Rejected(#[from] Rejection),
    #[error("no complete first packet within {FIRST_PACKET_MS} ms: {0} bytes came")]
    Slow(usize),
    #[error("the client left before its first packet was complete: {0} bytes came")]
    Left(usize),
    #[error("the client's connection broke before its first packet was complete: {0}")]
    ClientBroke(io::Error),
    #[error("the client left before it was decided where it goes")]
    LeftWaiting,
    #[error("the client sent neither a user name nor a ticket")]
    NoName,
    #[error(transparent)]
    BadTicket(#[from] TicketError),
    #[error(transparent)]
    TurnedAway(#[from] TurnedAway),
    #[error(transparent)]
    Undecided(#[from] Undecided),
    #[error("the ticket's host could not be reached: {0}")]
    TicketHostUnreachable(io::Error),
    #[error("{tried} hosts could not be reached, the last one because: {last}; an attempt may take {DIAL_MS} ms")]
    HostsUnreachable { tried: usize, last: io::Error },
    #[error("the gateway was stopped")]
    Stopped,
}

impl Ending {
    /// One short word for machines that read the log; it never changes.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Broke(_) => "broke",
            Self::Rejected(rejection) => rejection.word(),
            Self::Slow(_) => "slow",
            Self::Left(_) => "left",
            Self::LeftWaiting => "left-waiting",
            Self::ClientBroke(_) => "client-broke",
            Self::NoName => "no-name",
            Self::BadTicket(_) => "bad-ticket",
            Self::TurnedAway(_) => "turned-away",
            Self::Undecided(_) => "undecided",
            Self::TicketHostUnreachable(_) | Self::HostsUnreachable { .. } => "unreachable",
            Self::Stopped => "stopped",
        }
    }

    pub(crate) fn count(&self, metrics: &Metrics) {
        match self {
            Self::Done
            | Self::Broke(_)
            | Self::Stopped
            | Self::LeftWaiting
            | Self::TicketHostUnreachable(_)
            | Self::HostsUnreachable { .. } => {}
            Self::Rejected(_) | Self::Slow(_) | Self::Left(_) | Self::ClientBroke(_) => count(&metrics.rejected),
            Self::NoName | Self::BadTicket(_) | Self::TurnedAway(_) => count(&metrics.turned_away),
            Self::Undecided(_) => count(&metrics.undecided),
        }
    }

    /// Whether the client spoke RDP and waits for an answer.
    pub(crate) fn is_answered(&self) -> bool {
        matches!(
            self,
            Self::NoName
                | Self::BadTicket(_)
                | Self::TurnedAway(_)
                | Self::Undecided(_)
                | Self::TicketHostUnreachable(_)
                | Self::HostsUnreachable { .. }
        )
    }
}
