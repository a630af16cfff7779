//! What the host's actor is told, and by whom.

use crate::broker_link::BrokerLink;
use actix::{Addr, Message};
use hostler_model::{BrokerId, Epoch, PublicKey, SessionId, UserName};
use hostler_seating::admission::{FoundSession, KeptSession};
use hostler_seating::seat::Offer;
use hostler_wire::messages::agent::BrokerToAgent;
use tokio::sync::oneshot;

/// One connection to one broker. An answer belongs on the connection on which the question came: on a later one its
/// number may be that of another question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LinkId {
    pub(crate) broker: BrokerId,
    pub(crate) connection: u64,
}

/// By the agent itself, once: what was on disk.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Begin {
    pub(crate) kept: Vec<KeptSession>,
}

/// By a link that says hello: which epoch is the highest that was seen.
#[derive(Message)]
#[rtype(result = "Epoch")]
pub(crate) struct SeenEpoch;

/// By a link: what its broker said.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct FromBroker {
    pub(crate) link: LinkId,
    pub(crate) message: BrokerToAgent,
}

/// By whoever looks after the key: the actors of the links.
#[derive(Message)]
#[rtype(result = "Vec<Addr<BrokerLink>>")]
pub(crate) struct GetLinks;

/// By whoever looks after the key: ask a broker for another one, over this link.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct AskForKey {
    pub(crate) link: Addr<BrokerLink>,
    pub(crate) key: PublicKey,
    pub(crate) proof: Vec<u8>,
    pub(crate) answer: oneshot::Sender<Result<(), String>>,
}

/// By the source's thread: what it saw.
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[rtype(result = "()")]
pub(crate) struct Looked {
    pub(crate) sessions: Vec<FoundSession>,
    pub(crate) logons_in_flight: u32,
}

/// By the source's thread: what came of a job.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct OrderDone {
    pub(crate) purpose: Purpose,
    pub(crate) result: Result<(), String>,
}

/// Why something is done with a session.
#[derive(Clone, Debug)]
pub(crate) enum Purpose {
    /// A broker ordered it.
    Order { link: LinkId, request: u64 },
    /// It is the session of somebody who used the ticket of somebody else.
    Stranger { session: SessionId, user: UserName, expected: UserName },
}

/// By whoever embeds the agent: what a user who arrives was promised.
#[derive(Message)]
#[rtype(result = "Option<Offer>")]
pub(crate) struct AwaitedBy {
    pub(crate) user: UserName,
}

/// By the agent itself, and by the host to its links.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct Stop;
