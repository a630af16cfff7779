//! The actor of the link to one broker: connects, says hello, and carries messages between the broker and the host's
//! actor. When the link ends it connects again, and the host then reports at once.

mod backoff;

use crate::host::{FromBroker, Host, LinkId, SeenEpoch, Stop};
use crate::once::OncePerCause;
use actix::dev::SendError as MailboxFull;
use actix::fut::WrapFuture;
use actix::{Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, ContextFutureSpawner, Handler, Message};
use backoff::Backoff;
use hostler_model::{Epoch, HostId};
use hostler_seating::seat::{Refusal, TicketRefusal};
use hostler_wire::messages::agent::{AgentToBroker, BrokerToAgent};
use hostler_wire::messages::roster::BrokerEntry;
use hostler_wire::{
    CloseReason, Connection, DialError, Dialer, LinkError, Roster, SendError, Typed, TypedReceiver, TypedSendError,
    TypedSender,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tracing::Span;

/// Messages that may wait for a link.
const MAILBOX: usize = 1_024;
/// Room in a link's queue that reports leave to answers, in bytes: some thousand of them.
const ANSWERS_BYTES: usize = 64 * 1024;
/// How long a broker may take to answer the hello, in ms.
const WELCOME_MS: u64 = 5_000;

/// What all links of an agent share.
#[derive(Clone)]
pub(crate) struct LinkContext {
    pub(crate) dialer: Arc<Dialer>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) runtime: Handle,
}

/// By the host: tell the broker.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Say {
    /// Only if this connection is still the one.
    pub(crate) only: Option<u64>,
    pub(crate) message: Arc<AgentToBroker>,
}

/// By whoever looks after the key: is there a link?
#[derive(Message)]
#[rtype(result = "bool")]
pub(crate) struct IsLinked;

/// By the reading task: what the broker said on a connection.
#[derive(Message)]
#[rtype(result = "()")]
struct Received {
    connection: u64,
    message: BrokerToAgent,
}

/// By the reading task: a connection has ended.
#[derive(Message)]
#[rtype(result = "()")]
struct Ended {
    connection: u64,
    why: String,
}

/// Why a connection did not become a link.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("the agent is being stopped")]
    Stopped,
}

type Opened = (Typed<AgentToBroker, BrokerToAgent>, Epoch);

/// The actor.
pub(crate) struct BrokerLink {
    entry: BrokerEntry,
    me: HostId,
    host: Addr<Host>,
    shared: LinkContext,
    open: Option<Open>,
    connections: u64,
    backoff: Backoff,
    cause: OncePerCause,
    span: Span,
}

/// The connection that is there now.
struct Open {
    sender: TypedSender<AgentToBroker>,
    connection: Connection,
    reader: AbortHandle,
    welcomed: bool,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl BrokerLink {
    /// Starts the actor on the arbiter of the one that calls.
    pub(crate) fn open(entry: BrokerEntry, me: HostId, host: Addr<Host>, shared: LinkContext) -> Addr<Self> {
        let span =
            tracing::info_span!("broker_link", host = %me.short(), broker = %entry.id.short(), name = %entry.name);
        Self {
            entry,
            me,
            host,
            shared,
            open: None,
            connections: 0,
            backoff: Backoff::new(),
            cause: OncePerCause::default(),
            span,
        }
        .start()
    }

    fn dial(&mut self, ctx: &mut Context<Self>) {
        let (dialer, host) = (self.shared.dialer.clone(), self.host.clone());
        let (address, id) = (self.entry.addresses.agent.clone(), self.entry.id);
        let opening = async move {
            let link = dialer.connect(&address, id).await?.open_link().await?;
            let epoch = host.send(SeenEpoch).await.map_err(|_| OpenError::Stopped)?;
            Ok((Typed::from(link), epoch))
        };
        opening.into_actor(self).map(|opened, act, ctx| act.opened(opened, ctx)).spawn(ctx);
    }

    fn opened(&mut self, opened: Result<Opened, OpenError>, ctx: &mut Context<Self>) {
        match opened {
            Ok((link, epoch)) => {
                self.connections += 1;
                let (number, connection) = (self.connections, link.connection().clone());
                let (sender, receiver) = link.split();
                let reading = self.shared.runtime.spawn(read(receiver, number, ctx.address()));
                self.open = Some(Open { sender, connection, reader: reading.abort_handle(), welcomed: false });
                let version = env!("CARGO_PKG_VERSION").to_string();
                self.say(&AgentToBroker::Hello { version, host: self.me, epoch });
                ctx.run_later(Duration::from_millis(WELCOME_MS), move |act, ctx| act.must_be_welcome(number, ctx));
            }
            Err(OpenError::Stopped | OpenError::Dial(DialError::Stopped)) => ctx.stop(),
            Err(error) => self.failed(&error.to_string(), ctx),
        }
    }

    fn failed(&mut self, why: &str, ctx: &mut Context<Self>) {
        self.open = None;
        let _in = self.span.clone().entered();
        if self.cause.is_new(why) {
            tracing::warn!(why, "no link to the broker; tried again until there is one");
        }
        ctx.run_later(self.backoff.next(), |act, ctx| act.dial(ctx));
    }

    fn must_be_welcome(&mut self, number: u64, ctx: &mut Context<Self>) {
        if let Some(open) = self.open.as_ref().filter(|open| number == self.connections && !open.welcomed) {
            open.connection.close(CloseReason::TookTooLong);
            self.failed(&format!("the broker did not answer the hello within {WELCOME_MS} ms"), ctx);
        }
    }

    /// A report that finds no room is left out, the next one is whole again. Anything else that is lost would leave the
    /// broker waiting, so the link is made anew.
    fn say(&self, message: &AgentToBroker) {
        let Some(open) = &self.open else { return };
        let _in = self.span.enter();
        let spare_bytes = if matches!(message, AgentToBroker::Report(_)) { ANSWERS_BYTES } else { 0 };
        match (open.sender.try_send_sparing(spare_bytes, message), message) {
            // The reader sees the end and says why.
            (Ok(()) | Err(TypedSendError::Send(SendError::Ended { .. })), _) => {}
            (Err(error), AgentToBroker::Report(_)) => tracing::debug!(%error, "a report was left out"),
            (Err(error), _) => {
                tracing::warn!(%error, "the broker does not take what it is told; the link is made anew");
                open.connection.close(CloseReason::Busy);
            }
        }
    }

    fn welcome(&mut self, version: &str) {
        let Some(open) = &mut self.open else { return };
        open.welcomed = true;
        self.backoff = Backoff::new();
        self.cause.clear();
        let _in = self.span.enter();
        tracing::info!(peer = %open.connection.peer(), ?version, "linked with the broker");
    }

    /// Waits until the host has taken it; until then nothing more is read from the broker.
    fn hand_on(&self, message: FromBroker, ctx: &mut Context<Self>) {
        let taken = self.host.send(message).into_actor(self);
        ctx.wait(taken.map(|taken, _, ctx: &mut Context<Self>| {
            if taken.is_err() {
                ctx.stop();
            }
        }));
    }
}

/// Reads until the connection ends. It waits for the actor, so that a broker can't send faster than the agent takes.
async fn read(mut receiver: TypedReceiver<BrokerToAgent>, connection: u64, link: Addr<BrokerLink>) {
    let why = loop {
        match receiver.recv().await {
            Ok(Some(message)) => {
                if link.send(Received { connection, message }).await.is_err() {
                    return;
                }
            }
            Ok(None) => break "the broker has ended the link".to_string(),
            Err(error) => break error.to_string(),
        }
    };
    // Fails only where the actor has ended as well.
    let _ = link.send(Ended { connection, why }).await;
}

/// What a broker is told whose question finds no room; `None` for what must not be lost.
fn busy(message: &BrokerToAgent) -> Option<AgentToBroker> {
    let why = || "the agent on the host is busy; try again in a moment".to_string();
    Some(match message {
        BrokerToAgent::Offer(offer) => AgentToBroker::Verdict { seat: offer.seat, verdict: Err(Refusal::Busy) },
        BrokerToAgent::Take { request, .. } => {
            AgentToBroker::Taken { request: *request, result: Err(TicketRefusal::HostUnreachable) }
        }
        BrokerToAgent::Order { request, .. } => AgentToBroker::Done { request: *request, result: Err(why()) },
        BrokerToAgent::Explain { .. }
        | BrokerToAgent::Welcome { .. }
        | BrokerToAgent::Settings(_)
        | BrokerToAgent::Brokers(_)
        | BrokerToAgent::KeyReplaced { .. }
        | BrokerToAgent::Release { .. } => return None,
    })
}

impl Actor for BrokerLink {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.dial(ctx);
    }
}

impl Handler<Received> for BrokerLink {
    type Result = ();
    fn handle(&mut self, Received { connection, message }: Received, ctx: &mut Self::Context) {
        if self.open.is_none() || connection != self.connections {
            return;
        }
        if let BrokerToAgent::Welcome { version, .. } = &message {
            self.welcome(version);
        }
        let full = busy(&message);
        let message = FromBroker { link: LinkId { broker: self.entry.id, connection }, message };
        let Some(full) = full else { return self.hand_on(message, ctx) };
        match self.host.try_send(message) {
            Ok(()) => {}
            Err(MailboxFull::Full(_)) => self.say(&full),
            Err(MailboxFull::Closed(_)) => ctx.stop(),
        }
    }
}

impl Handler<Ended> for BrokerLink {
    type Result = ();
    fn handle(&mut self, Ended { connection, why }: Ended, ctx: &mut Self::Context) {
        if self.open.is_some() && connection == self.connections {
            self.failed(&why, ctx);
        }
    }
}

impl Handler<Say> for BrokerLink {
    type Result = ();
    fn handle(&mut self, Say { only, message }: Say, _: &mut Self::Context) {
        let welcomed = self.open.as_ref().is_some_and(|open| open.welcomed);
        if only.map_or(welcomed, |connection| connection == self.connections) {
            self.say(&message);
        }
    }
}

impl Handler<IsLinked> for BrokerLink {
    type Result = bool;
    fn handle(&mut self, IsLinked: IsLinked, _: &mut Self::Context) -> Self::Result {
        self.open.as_ref().is_some_and(|open| open.welcomed)
    }
}

impl Handler<Stop> for BrokerLink {
    type Result = ();
    fn handle(&mut self, Stop: Stop, ctx: &mut Self::Context) {
        if let Some(open) = &self.open {
            open.connection.close(CloseReason::Stopping);
        }
        ctx.stop();
    }
}
