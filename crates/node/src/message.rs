//! What nodes say to each other.

use crate::{Command, CommandError, Outcome};
use bytes::Bytes;
use hostler_events::{Actor, Frontier, Hash};
use hostler_model::{BrokerId, Epoch, Feed, SiteId, Wall};
use serde::{Deserialize, Serialize};

/// What a node has on its disk, and what it makes of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Heads {
    /// Its site: epochs of different sites say nothing about each other.
    pub site: SiteId,
    /// For every feed the last event on its disk.
    pub durable: Frontier,
    /// What it has folded; digests are compared only where this is equal.
    pub folded: Frontier,
    /// Digest of its views.
    pub digest: Hash,
    /// The highest epoch of its site that it has on its disk, or that others told of.
    pub epoch: Epoch,
    /// Its wall clock.
    pub wall: Wall,
    /// The brokers that it hears now.
    pub hears: Vec<BrokerId>,
}

/// From one node to another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Message {
    /// Every second, and first on a new link.
    Heads(Box<Heads>),
    /// New events, as soon as they are on the sender's disk.
    Push(Vec<Bytes>),
    /// Send me this feed from this place on.
    Pull {
        /// Which feed.
        feed: Feed,
        /// The first event wanted.
        from: u64,
    },
    /// A part of what was pulled.
    Chunk(Vec<Bytes>),
    /// These are on my disk now.
    Stored {
        /// Which feed.
        feed: Feed,
        /// Up to and with this event.
        seq: u64,
    },
    /// Before a promotion: tell me all that you have.
    Gather {
        /// The sender's number for it.
        round: u64,
        /// Whose promotion.
        site: SiteId,
    },
    /// Answer to [`Message::Gather`].
    Gathered {
        /// The number.
        round: u64,
        /// For every feed the last event on the disk.
        durable: Frontier,
        /// The highest number of any epoch of that site that was seen, held ones included.
        highest: u64,
    },
    /// Vote for me: the answer is an event in the voter's feed.
    Elect {
        /// Number of the epoch that shall begin.
        n: u64,
        /// The mastership that it shall succeed.
        succeeds: Epoch,
    },
    /// Carry out a command that only the master may, or only you.
    Forward {
        /// The sender's number for it.
        request: u64,
        /// Who wants it.
        actor: Actor,
        /// The command.
        command: Box<Command>,
    },
    /// Answer to [`Message::Forward`].
    Forwarded {
        /// The number.
        request: u64,
        /// What came of it.
        result: Result<Box<Outcome>, CommandError>,
    },
    /// A datagram of the membership protocol.
    Gossip(Bytes),
}
