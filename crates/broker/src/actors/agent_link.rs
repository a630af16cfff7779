//! The actor of a link to an agent: it passes on what the agent reports, and asks it things.

use crate::actors::node::{Fenced, NodeActor, Noticed};
use crate::actors::site::{AgentIs, AgentSays, SiteActor};
use crate::catalog::{broker_list, host_settings};
use crate::rotation::replace_key;
use crate::shared::Shared;
use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, ResponseFuture, WrapFuture,
};
use hostler_model::{HostId, SessionId, Thing, Wall};
use hostler_node::AlarmCode;
use hostler_seating::explanation::Explanation;
use hostler_seating::seat::{TicketClaim, TicketRefusal};
use hostler_wire::messages::agent::{AgentToBroker, BrokerToAgent, HostSettings, SessionOrder};
use hostler_wire::messages::roster::BrokerList;
use hostler_wire::{CloseReason, Connection, Typed, TypedReceiver, TypedSender};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, debug, info, info_span, warn};

/// Messages that wait for this actor.
const MAILBOX: usize = 256;
/// How long an agent has to answer, in ms.
const ANSWER_MS: u64 = 5_000;

/// Say something to the agent that needs no answer here.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Tell(pub(crate) BrokerToAgent);

/// Present a ticket.
pub(crate) struct Take {
    /// What it says.
    pub(crate) claim: TicketClaim,
    /// When it was given out.
    pub(crate) issued: Wall,
}

impl Message for Take {
    type Result = Result<(), TicketRefusal>;
}

/// Do something with a session; the error is a sentence.
pub(crate) struct Order(pub(crate) SessionId, pub(crate) SessionOrder);

impl Message for Order {
    type Result = Result<(), String>;
}

/// Tell why a session is there.
pub(crate) struct Explain(pub(crate) SessionId);

impl Message for Explain {
    type Result = Option<Box<Explanation>>;
}

/// What the farm wants of the agent may have changed. There are thousands of links, so they don't all look at every
/// change by themselves.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct LookAgain;

/// What waits for an answer.
enum Waiting {
    Taken(oneshot::Sender<Result<(), TicketRefusal>>),
    Done(oneshot::Sender<Result<(), String>>),
    Explained(oneshot::Sender<Option<Box<Explanation>>>),
}

/// The actor of a link to an agent.
pub(crate) struct AgentLink {
    host: HostId,
    number: u64,
    connection: Connection,
    sender: TypedSender<BrokerToAgent>,
    receiver: Option<TypedReceiver<AgentToBroker>>,
    shared: Arc<Shared>,
    site: Addr<SiteActor>,
    node: Addr<NodeActor>,
    waiting: HashMap<u64, Waiting>,
    next: u64,
    told: Option<(HostSettings, BrokerList)>,
}

impl AgentLink {
    /// The actor of a link that is up.
    #[must_use]
    pub(crate) fn new(
        host: HostId,
        number: u64,
        link: Typed<BrokerToAgent, AgentToBroker>,
        shared: Arc<Shared>,
        site: Addr<SiteActor>,
        node: Addr<NodeActor>,
    ) -> Self {
        let connection = link.connection().clone();
        let (sender, receiver) = link.split();
        Self {
            host,
            number,
            connection,
            sender,
            receiver: Some(receiver),
            shared,
            site,
            node,
            waiting: HashMap::new(),
            next: 0,
            told: None,
        }
    }

    fn say(&self, message: &BrokerToAgent) {
        if let Err(error) = self.sender.try_send(message) {
            debug!(%error, host = %self.host.short(), "message to an agent not sent");
        }
    }

    fn ask(&mut self, waiting: Waiting, message: impl FnOnce(u64) -> BrokerToAgent, ctx: &mut Context<Self>) {
        self.next += 1;
        let request = self.next;
        self.waiting.insert(request, waiting);
        self.say(&message(request));
        // Who waits hears that nothing comes when its sender is dropped.
        ctx.run_later(Duration::from_millis(ANSWER_MS), move |me, _| {
            me.waiting.remove(&request);
        });
    }

    /// Tells the agent what the farm wants of it, where that has changed.
    fn update(&mut self, welcome: bool) {
        let snapshot = self.shared.snapshot.borrow().clone();
        let Some(host) = snapshot.site.hosts.get(&self.host) else { return };
        let Some((_, epoch)) = snapshot.master else { return };
        let (settings, brokers) = (host_settings(host), broker_list(&snapshot.site, epoch));
        let before = self.told.replace((settings.clone(), brokers.clone()));
        if welcome {
            let version = env!("CARGO_PKG_VERSION").to_string();
            return self.say(&BrokerToAgent::Welcome { version, settings, brokers });
        }
        let Some((old_settings, old_brokers)) = before else { return };
        if old_settings != settings {
            self.say(&BrokerToAgent::Settings(settings));
        }
        if old_brokers != brokers {
            self.say(&BrokerToAgent::Brokers(brokers));
        }
    }
}

impl Actor for AgentLink {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        let Some(receiver) = self.receiver.take() else { return ctx.stop() };
        let (site, node, shared, me) = (self.site.clone(), self.node.clone(), self.shared.clone(), ctx.address());
        let (host, number) = (self.host, self.number);
        info!(host = %host.short(), remote = %self.connection.remote(), "link to an agent is up");
        let span = info_span!("agent", host = %host.short());
        let up = AgentIs { host, number, link: Some(me.clone()) };
        let read = async move {
            if site.send(up).await.is_err() {
                return;
            }
            let said = read(host, number, receiver, site, (node, shared), me).await;
            if let Err(error) = said {
                debug!(%error, "link ended");
            }
        };
        let read = AbortOnDropHandle::new(self.shared.runtime.spawn(read.instrument(span)));
        ctx.spawn(read.into_actor(self).map(|_, _, ctx| ctx.stop()));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.connection.close(CloseReason::Done);
        info!(host = %self.host.short(), "link to an agent is gone");
        self.site.do_send(AgentIs { host: self.host, number: self.number, link: None });
    }
}

async fn read(
    host: HostId,
    number: u64,
    mut receiver: TypedReceiver<AgentToBroker>,
    site: Addr<SiteActor>,
    (node, shared): (Addr<NodeActor>, Arc<Shared>),
    me: Addr<AgentLink>,
) -> Result<(), hostler_wire::TypedRecvError> {
    while let Some(message) = receiver.recv().await? {
        let delivered = match message {
            AgentToBroker::Report(_) | AgentToBroker::Verdict { .. } => {
                site.send(AgentSays { host, number, message }).await.is_ok()
            }
            AgentToBroker::Stranger { session, user, expected, ended } => {
                let what = if ended { "was logged off" } else { "goes on" };
                let expected = expected.map_or_else(String::new, |e| format!(" where {e} was expected"));
                let text = format!("session {} of {user} began without a seat{expected}; it {what}", session.short());
                node.send(Noticed(AlarmCode::SessionStranger, text)).await.is_ok()
            }
            AgentToBroker::ReplaceKey { request, key, proof } => {
                let (epoch, result) = replace_key(&node, &shared, Thing::Host(host), (key, &proof)).await;
                me.send(Tell(BrokerToAgent::KeyReplaced { request, epoch, result })).await.is_ok()
            }
            AgentToBroker::Fenced { epoch } => node.send(Fenced(Thing::Host(host), epoch)).await.is_ok(),
            other => me.send(FromAgent(other)).await.is_ok(),
        };
        if !delivered {
            break;
        }
    }
    Ok(())
}

/// What the agent says to this actor itself.
#[derive(Message)]
#[rtype(result = "()")]
struct FromAgent(AgentToBroker);

impl Handler<FromAgent> for AgentLink {
    type Result = ();

    fn handle(&mut self, FromAgent(message): FromAgent, ctx: &mut Self::Context) {
        match message {
            AgentToBroker::Hello { host, version, .. } => {
                if host != self.host {
                    warn!(host = %self.host.short(), claims = %host.short(), "an agent claims to be another host");
                    return ctx.stop();
                }
                debug!(host = %host.short(), version, "hello");
                self.update(true);
            }
            AgentToBroker::Taken { request, result } => {
                if let Some(Waiting::Taken(waiting)) = self.waiting.remove(&request) {
                    let _ = waiting.send(result);
                }
            }
            AgentToBroker::Done { request, result } => {
                if let Some(Waiting::Done(waiting)) = self.waiting.remove(&request) {
                    let _ = waiting.send(result);
                }
            }
            AgentToBroker::Explained { request, explanation } => {
                if let Some(Waiting::Explained(waiting)) = self.waiting.remove(&request) {
                    let _ = waiting.send(explanation);
                }
            }
            _ => {}
        }
    }
}

impl Handler<LookAgain> for AgentLink {
    type Result = ();

    fn handle(&mut self, _: LookAgain, _: &mut Self::Context) {
        self.update(false);
    }
}

impl Handler<Tell> for AgentLink {
    type Result = ();

    fn handle(&mut self, Tell(message): Tell, _: &mut Self::Context) {
        self.say(&message);
    }
}

impl Handler<Take> for AgentLink {
    type Result = ResponseFuture<Result<(), TicketRefusal>>;

    fn handle(&mut self, Take { claim, issued }: Take, ctx: &mut Self::Context) -> Self::Result {
        let (sender, receiver) = oneshot::channel();
        self.ask(Waiting::Taken(sender), |request| BrokerToAgent::Take { request, claim, issued }, ctx);
        Box::pin(async move { receiver.await.unwrap_or(Err(TicketRefusal::HostUnreachable)) })
    }
}

impl Handler<Order> for AgentLink {
    type Result = ResponseFuture<Result<(), String>>;

    fn handle(&mut self, Order(session, order): Order, ctx: &mut Self::Context) -> Self::Result {
        let (sender, receiver) = oneshot::channel();
        self.ask(Waiting::Done(sender), |request| BrokerToAgent::Order { request, session, order }, ctx);
        Box::pin(async move { receiver.await.unwrap_or_else(|_| Err("the agent did not answer in time".to_string())) })
    }
}

impl Handler<Explain> for AgentLink {
    type Result = ResponseFuture<Option<Box<Explanation>>>;

    fn handle(&mut self, Explain(session): Explain, ctx: &mut Self::Context) -> Self::Result {
        let (sender, receiver) = oneshot::channel();
        self.ask(Waiting::Explained(sender), |request| BrokerToAgent::Explain { request, session }, ctx);
        Box::pin(async move { receiver.await.ok().flatten() })
    }
}
