//! The site's actor: the machine of `hostler_seating` between the agents and those who ask for seats.

use crate::actors::agent_link::{AgentLink, Explain, LookAgain, Order, Take, Tell};
use crate::actors::node::{EndsProcess, NodeActor, Noticed};
use crate::backend::{BackendError, HostNow, SessionNow};
use crate::catalog::broker_list;
use crate::shared::{Changed, Shared};
use actix::{
    Actor, Addr, AsyncContext, Context, Handler, Message, MessageResult, ResponseFuture, SpawnHandle, StreamHandler,
};
use hostler_brokering::CatalogKeeper;
use hostler_model::{HostId, SeatId, SessionId, Wall};
use hostler_node::AlarmCode;
use hostler_seating::explanation::Explanation;
use hostler_seating::seat::{NoSeat, Placement, SeatRequest, TicketClaim, TicketRefusal};
use hostler_seating::site::{Site, SiteInput, SiteOutput};
use hostler_views::State;
use hostler_wire::messages::agent::{AgentToBroker, BrokerToAgent, SessionOrder};
use hostler_wire::messages::roster::BrokerList;
use imbl::ordmap::DiffItem;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tracing::{info, warn};

/// Messages that wait for this actor.
pub(crate) const MAILBOX: usize = 16_384;

/// An agent's link is up, or gone.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct AgentIs {
    /// Its host.
    pub(crate) host: HostId,
    /// Tells the link from an earlier one.
    pub(crate) number: u64,
    /// The link; `None` where it is gone.
    pub(crate) link: Option<Addr<AgentLink>>,
}

/// An agent reports, or answers an offer.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct AgentSays {
    /// Its host.
    pub(crate) host: HostId,
    /// Over which link.
    pub(crate) number: u64,
    /// What it says.
    pub(crate) message: AgentToBroker,
}

/// Decide here, now: this is the user's home broker, or it does not answer.
pub(crate) struct Decide(pub(crate) SeatRequest);

impl Message for Decide {
    type Result = Result<Box<Placement>, NoSeat>;
}

/// Present a ticket to the agent; `None` where there is no link to it.
pub(crate) struct TakeTicket(pub(crate) TicketClaim, pub(crate) Wall);

impl Message for TakeTicket {
    type Result = Option<Result<(), TicketRefusal>>;
}

/// A gateway could not reach a host.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Unreachable(pub(crate) HostId, pub(crate) SeatId);

/// All hosts.
pub(crate) struct GetHosts;

impl Message for GetHosts {
    type Result = Vec<HostNow>;
}

/// All sessions.
pub(crate) struct GetSessions;

impl Message for GetSessions {
    type Result = Vec<SessionNow>;
}

/// Do something with a session.
pub(crate) struct OrderSession(pub(crate) SessionId, pub(crate) SessionOrder);

impl Message for OrderSession {
    type Result = Result<(), BackendError>;
}

/// Why a session is where it is.
pub(crate) struct ExplainSession(pub(crate) SessionId);

impl Message for ExplainSession {
    type Result = Result<Option<Explanation>, BackendError>;
}

#[derive(Message)]
#[rtype(result = "()")]
struct Tick;

/// The site's actor.
pub(crate) struct SiteActor {
    site: Site,
    shared: Arc<Shared>,
    node: Addr<NodeActor>,
    agents: BTreeMap<HostId, (u64, Addr<AgentLink>)>,
    waiting: HashMap<u64, oneshot::Sender<Result<Box<Placement>, NoSeat>>>,
    next: u64,
    state: Arc<State>,
    catalog: CatalogKeeper,
    /// The brokers that agents know, as of this state.
    brokers: Option<BrokerList>,
    timer: Option<SpawnHandle>,
    _ends_process: EndsProcess,
}

impl SiteActor {
    /// The actor around a site's machine.
    #[must_use]
    pub(crate) fn new(site: Site, shared: Arc<Shared>, node: Addr<NodeActor>) -> Self {
        Self {
            site,
            shared,
            node,
            agents: BTreeMap::new(),
            waiting: HashMap::new(),
            next: 0,
            state: Arc::default(),
            catalog: CatalogKeeper::default(),
            brokers: None,
            timer: None,
            _ends_process: EndsProcess("site's actor"),
        }
    }

    fn handle_input(&mut self, input: SiteInput, ctx: &mut Context<Self>) {
        self.site.handle(self.shared.clock.now(), input);
        while let Some(output) = self.site.poll() {
            self.carry_out(output, ctx);
        }
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        if let Some(at) = self.site.deadline() {
            let wait_ms = at.since(self.shared.clock.now().mono).max(1);
            self.timer = Some(ctx.notify_later(Tick, Duration::from_millis(wait_ms)));
        }
    }

    fn carry_out(&mut self, output: SiteOutput, ctx: &mut Context<Self>) {
        match output {
            SiteOutput::Offer { host, offer } => {
                let seat = offer.seat;
                if !self.tell(host, BrokerToAgent::Offer(offer)) {
                    // Said later: the machine is in the middle of something.
                    ctx.notify(Lost(host, seat));
                }
            }
            SiteOutput::Release { host, seat } => {
                self.tell(host, BrokerToAgent::Release { seat });
            }
            SiteOutput::Reply { token, result } => {
                if result.is_ok() {
                    self.shared.count_logon();
                }
                if let Some(waiting) = self.waiting.remove(&token) {
                    let _ = waiting.send(result);
                }
            }
            SiteOutput::Duplicate { user, sessions, .. } => {
                let hosts: Vec<String> = sessions.iter().map(|(host, _)| self.host_name(*host)).collect();
                let text = format!("{user} has a session for the same item on each of: {}", hosts.join(", "));
                self.node.do_send(Noticed(AlarmCode::SessionDuplicate, text));
            }
            SiteOutput::BadReport { host, error } => {
                warn!(host = %host.short(), %error, "a report is not used");
                let text =
                    format!("host {}: {error}; its reports are not used until they make sense", self.host_name(host));
                self.node.do_send(Noticed(AlarmCode::HostNonsense, text));
            }
        }
    }

    fn tell(&self, host: HostId, message: BrokerToAgent) -> bool {
        self.agents.get(&host).is_some_and(|(_, link)| link.try_send(Tell(message)).is_ok())
    }

    fn host_name(&self, host: HostId) -> String {
        self.state.hosts.get(&host).map_or_else(|| host.short(), |h| h.name.value.to_string())
    }

    fn host_of(&self, session: SessionId) -> Result<HostId, BackendError> {
        let found = self.site.sessions().find(|(_, s)| s.id == session).map(|(host, _)| host);
        found.ok_or(BackendError::NoSession(session))
    }

    fn link_of(&self, session: SessionId) -> Result<Addr<AgentLink>, BackendError> {
        let host = self.host_of(session)?;
        self.agents.get(&host).map(|(_, link)| link.clone()).ok_or(BackendError::HostSilent)
    }

    fn refresh(&mut self, ctx: &mut Context<Self>) {
        let snapshot = self.shared.snapshot.borrow().clone();
        let brokers = snapshot.master.map(|(_, epoch)| broker_list(&snapshot.site, epoch));
        let before = std::mem::replace(&mut self.state, snapshot.site.clone());
        if self.brokers != brokers {
            self.brokers = brokers;
            self.agents.values().for_each(|(_, link)| link.do_send(LookAgain));
        } else {
            for change in before.hosts.diff(&self.state.hosts) {
                let (DiffItem::Add(id, _) | DiffItem::Update { new: (id, _), .. } | DiffItem::Remove(id, _)) = change;
                if let Some((_, link)) = self.agents.get(id) {
                    link.do_send(LookAgain);
                }
            }
        }
        if !Arc::ptr_eq(&before, &self.state) {
            let catalog = self.catalog.follow(&self.state);
            self.handle_input(SiteInput::Catalog(Arc::new(catalog)), ctx);
        }
    }
}

/// An offer found no way to its agent.
#[derive(Message)]
#[rtype(result = "()")]
struct Lost(HostId, SeatId);

impl Handler<Lost> for SiteActor {
    type Result = ();

    fn handle(&mut self, Lost(host, seat): Lost, ctx: &mut Self::Context) {
        self.handle_input(SiteInput::OfferLost { host, seat }, ctx);
    }
}

impl Actor for SiteActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.refresh(ctx);
        ctx.add_stream(self.shared.changes());
    }
}

impl StreamHandler<Changed> for SiteActor {
    fn handle(&mut self, _: Changed, ctx: &mut Self::Context) {
        self.refresh(ctx);
    }
}

impl Handler<AgentIs> for SiteActor {
    type Result = ();

    fn handle(&mut self, AgentIs { host, number, link }: AgentIs, ctx: &mut Self::Context) {
        match link {
            Some(link) => {
                self.agents.insert(host, (number, link));
                self.handle_input(SiteInput::AgentUp { host }, ctx);
            }
            None if self.agents.get(&host).is_some_and(|(n, _)| *n == number) => {
                self.agents.remove(&host);
                self.handle_input(SiteInput::AgentDown { host }, ctx);
            }
            None => {}
        }
    }
}

impl Handler<AgentSays> for SiteActor {
    type Result = ();

    fn handle(&mut self, AgentSays { host, number, message }: AgentSays, ctx: &mut Self::Context) {
        if self.agents.get(&host).is_none_or(|(n, _)| *n != number) {
            return;
        }
        match message {
            AgentToBroker::Report(report) => self.handle_input(SiteInput::Report { host, report: report.into() }, ctx),
            AgentToBroker::Verdict { seat, verdict } => {
                self.handle_input(SiteInput::Verdict { host, seat, verdict }, ctx);
            }
            _ => {}
        }
    }
}

impl Handler<Decide> for SiteActor {
    type Result = ResponseFuture<Result<Box<Placement>, NoSeat>>;

    fn handle(&mut self, Decide(request): Decide, ctx: &mut Self::Context) -> Self::Result {
        self.next += 1;
        let token = self.next;
        let (sender, receiver) = oneshot::channel();
        self.waiting.insert(token, sender);
        let user = request.user.clone();
        self.handle_input(SiteInput::Request { token, request }, ctx);
        Box::pin(async move {
            let result = receiver.await.unwrap_or(Err(NoSeat::Busy));
            match &result {
                Ok(p) => info!(user = ?user.as_str(), host = %p.host.short(), seat = %p.seat.short(), "seated"),
                Err(why) => info!(user = ?user.as_str(), %why, "not seated"),
            }
            result
        })
    }
}

impl Handler<TakeTicket> for SiteActor {
    type Result = ResponseFuture<Option<Result<(), TicketRefusal>>>;

    fn handle(&mut self, TakeTicket(claim, issued): TakeTicket, _: &mut Self::Context) -> Self::Result {
        let link = self.agents.get(&claim.host).map(|(_, link)| link.clone());
        Box::pin(async move {
            let taken = link?.send(Take { claim, issued }).await;
            Some(taken.unwrap_or(Err(TicketRefusal::HostUnreachable)))
        })
    }
}

impl Handler<Unreachable> for SiteActor {
    type Result = ();

    fn handle(&mut self, Unreachable(host, seat): Unreachable, ctx: &mut Self::Context) {
        self.handle_input(SiteInput::Unreachable { host, seat }, ctx);
    }
}

impl Handler<GetHosts> for SiteActor {
    type Result = MessageResult<GetHosts>;

    fn handle(&mut self, _: GetHosts, _: &mut Self::Context) -> Self::Result {
        let now = self.shared.clock.now().mono;
        let mut views: BTreeMap<HostId, _> = self.site.hosts(now).map(|v| (v.host, v)).collect();
        let hosts = self.state.hosts.keys().map(|host| HostNow { host: *host, view: views.remove(host) });
        MessageResult(hosts.collect())
    }
}

impl Handler<GetSessions> for SiteActor {
    type Result = MessageResult<GetSessions>;

    fn handle(&mut self, _: GetSessions, _: &mut Self::Context) -> Self::Result {
        let sessions = self.site.sessions().map(|(host, s)| SessionNow { host, session: s.clone() });
        MessageResult(sessions.collect())
    }
}

impl Handler<OrderSession> for SiteActor {
    type Result = ResponseFuture<Result<(), BackendError>>;

    fn handle(&mut self, OrderSession(session, order): OrderSession, _: &mut Self::Context) -> Self::Result {
        let link = self.link_of(session);
        Box::pin(async move {
            let done = link?.send(Order(session, order)).await.map_err(|_| BackendError::HostSilent)?;
            done.map_err(BackendError::Host)
        })
    }
}

impl Handler<ExplainSession> for SiteActor {
    type Result = ResponseFuture<Result<Option<Explanation>, BackendError>>;

    fn handle(&mut self, ExplainSession(session): ExplainSession, _: &mut Self::Context) -> Self::Result {
        let link = self.link_of(session);
        Box::pin(async move {
            let explanation = link?.send(Explain(session)).await.map_err(|_| BackendError::HostSilent)?;
            Ok(explanation.map(|e| *e))
        })
    }
}

impl Handler<Tick> for SiteActor {
    type Result = ();

    fn handle(&mut self, _: Tick, ctx: &mut Self::Context) {
        self.timer = None;
        self.handle_input(SiteInput::Tick, ctx);
    }
}
