//! What others ask the broker's actor for, or tell it.

use crate::backend::{LogQuery, Look};
use actix::Message;
use hostler_events::Actor as Who;
use hostler_model::{BrokerId, Epoch, GatewayId, SiteId, Thing};
use hostler_node::{AlarmCode, Command, CommandError, Outcome};
use hostler_views::Entry;
use hostler_wire::messages::peer::About;
use tokio::sync::OwnedSemaphorePermit;

/// Carry out a command.
pub(crate) struct DoCommand {
    /// Who wants it.
    pub(crate) actor: Who,
    /// In which site.
    pub(crate) site: SiteId,
    /// What.
    pub(crate) command: Command,
}

impl Message for DoCommand {
    type Result = Result<Outcome, CommandError>;
}

/// What a peer's link says.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) enum FromPeer {
    /// A link came up, or one is gone: [`Shared::peers`] says what is there now. Of two links on two threads, the end of
    /// the former one may be told after the beginning of the next.
    Link(BrokerId),
    /// The peer does not accept this broker's key.
    Refused(BrokerId),
    /// The peer says something. What comes with it is given back when that was taken in.
    Says(BrokerId, Box<hostler_node::Message>, Option<OwnedSemaphorePermit>),
    /// The peer tells of itself.
    Tells(BrokerId, About),
}

/// A gateway's link is up and carries so many connections, or it is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct GatewayIs(pub(crate) GatewayId, pub(crate) Option<u32>);

/// A part of the log.
pub(crate) struct ReadLog(pub(crate) LogQuery);

impl Message for ReadLog {
    type Result = Vec<Entry>;
}

/// A look at the views.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct LookAt(pub(crate) Look);

/// Something that seating found out.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Noticed(pub(crate) AlarmCode, pub(crate) String);

/// An agent or a gateway refused an order: it has seen a later epoch.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Fenced(pub(crate) Thing, pub(crate) Epoch);
