//! The broker's actor: the machine of `hostler_node` between its log, its peers and those who give commands.

mod appending;
mod checkpoint;
mod messages;
mod outbox;
mod restored;
mod states;

pub(crate) use checkpoint::SaveViews;
pub(crate) use messages::{DoCommand, Fenced, FromPeer, GatewayIs, LookAt, Noticed, ReadLog};

use appending::Appending;
use outbox::Outbox;

use crate::backend::{BrokerNow, Snapshot};
use crate::farm::members;
use crate::overlap::{Left, Overlap};
use crate::shared::Shared;
use actix::{Actor, AsyncContext, Context, Handler, Message, ResponseFuture, SpawnHandle};
use hostler_events::Frontier;
use hostler_log_rocks::{LogHandle, RocksReader};
use hostler_model::{BrokerId, Epoch, Feed, GatewayId, MemberRole, Mono, Now, PublicKey, SiteId, Thing, Wall, limits};
use hostler_node::{CommandError, Input, Node, Outcome, Output};
use hostler_views::State;
use hostler_wire::DatagramError;
use hostler_wire::messages::peer::{About, PeerFrame};
use imbl::OrdMap;
use imbl::ordmap::DiffItem;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tracing::{Instrument, debug, error, info, info_span, warn};

/// Messages that wait for this actor; whoever has more waits or hears "busy".
pub(crate) const MAILBOX: usize = 4_096;
/// How often readers get a fresh look at the other brokers, in ms.
const REFRESH_MS: u64 = 1_000;
/// How long readers may have to wait for a change that nobody waits to be answered about, in ms: under load a snapshot
/// then serves many events.
const PUBLISH_EVERY_MS: u64 = 5;
/// Messages that are taken in before anything is done about them, at most: under load many events then share a sync, a
/// message to each of the others, and a snapshot for the readers.
const TAKEN_AT_ONCE: usize = 256;
/// What a broker told of its logons counts for so long, in ms.
const HOUR_MS: u64 = 3_600_000;

/// These batches are on the disk.
#[derive(Message)]
#[rtype(result = "()")]
struct Appended(Vec<u64>);

#[derive(Message)]
#[rtype(result = "()")]
struct Tick;

/// All that waited in the mailbox has been taken in.
#[derive(Message)]
#[rtype(result = "()")]
struct Drain;

/// The broker's actor.
pub(crate) struct NodeActor {
    node: Node,
    site: SiteId,
    trusted: Vec<(BrokerId, PublicKey)>,
    shared: Arc<Shared>,
    log: LogHandle,
    reader: RocksReader,
    waiting: HashMap<u64, oneshot::Sender<Result<Outcome, CommandError>>>,
    next_token: u64,
    /// Answers that wait until readers see what they are about.
    unpublished: Vec<(u64, Result<Outcome, CommandError>)>,
    outbox: Outbox,
    appending: Appending,
    /// Inputs whose outputs have not been looked at yet.
    taken: usize,
    changed: bool,
    published_at: Option<Instant>,
    /// The state of whose gateways and hosts the roster has the keys.
    rostered: Arc<State>,
    main: Arc<State>,
    own: Arc<State>,
    sites: BTreeMap<SiteId, Arc<State>>,
    gateways: BTreeMap<GatewayId, u32>,
    /// What the other brokers told of themselves, and when.
    told: BTreeMap<BrokerId, (About, Mono)>,
    /// The master's epoch for which this was found out, and since when it has been the master.
    master_since: Option<(Epoch, Option<Wall>)>,
    overlap: Overlap,
    timer: Option<SpawnHandle>,
    restored: Option<restored::Restored>,
    _ends_process: EndsProcess,
}

impl NodeActor {
    /// The actor around a node.
    #[must_use]
    pub(crate) fn new(
        node: Node,
        site: SiteId,
        trusted: Vec<(BrokerId, PublicKey)>,
        shared: Arc<Shared>,
        log: LogHandle,
        reader: RocksReader,
    ) -> Self {
        Self {
            node,
            site,
            trusted,
            shared,
            log,
            reader,
            waiting: HashMap::new(),
            next_token: 0,
            unpublished: Vec::new(),
            outbox: Outbox::default(),
            appending: Appending::default(),
            taken: 0,
            changed: true,
            published_at: None,
            rostered: Arc::default(),
            main: Arc::default(),
            own: Arc::default(),
            sites: BTreeMap::new(),
            gateways: BTreeMap::new(),
            told: BTreeMap::new(),
            master_since: None,
            overlap: Overlap::default(),
            timer: None,
            restored: None,
            _ends_process: EndsProcess("broker's actor"),
        }
    }

    fn now(&self) -> Now {
        self.shared.clock.now()
    }

    /// What is to be done about it is done when nothing else waits in the mailbox.
    fn handle_input(&mut self, input: Input, ctx: &mut Context<Self>) {
        self.node.handle(self.now(), input);
        self.taken += 1;
        if self.taken >= TAKEN_AT_ONCE {
            self.drain(ctx);
        } else if self.taken == 1 {
            ctx.notify(Drain);
        }
    }

    /// Carries out what the machine says, then sets the alarm clock.
    fn drain(&mut self, ctx: &mut Context<Self>) {
        self.taken = 0;
        let mut checkpoint = false;
        while let Some(output) = self.node.poll() {
            checkpoint |= matches!(output, Output::Checkpoint);
            self.carry_out(output, ctx);
        }
        let rest = std::mem::take(&mut self.appending);
        self.append(rest, ctx);
        self.send_waiting();
        if checkpoint {
            // Behind the events that the views cover, which are in the log's queue now.
            self.save_views(|| ());
        }
        self.changed |= self.overlap.deadline().is_some_and(|at| Instant::now() >= at);
        if self.changed && (!self.unpublished.is_empty() || self.publishing_is_due()) {
            self.publish();
        }
        for (token, result) in std::mem::take(&mut self.unpublished) {
            if let Some(waiting) = self.waiting.remove(&token) {
                // Whoever gave the command may have gone away.
                let _ = waiting.send(result);
            }
        }
        self.arm(ctx);
    }

    fn carry_out(&mut self, output: Output, ctx: &mut Context<Self>) {
        match output {
            Output::Append { batch, events } => {
                if let Some(full) = self.appending.put(batch, events) {
                    self.append(full, ctx);
                }
            }
            Output::Send { to, message: message @ hostler_node::Message::Gossip(_) } => self.send(to, message),
            Output::Send { to, message } => self.outbox.put(to, message),
            Output::SendLog { to, feed, from } => {
                self.send_waiting();
                self.send_log(to, feed, from);
            }
            Output::Reply { token, result } => self.unpublished.push((token, result)),
            Output::Changed => self.changed = true,
            Output::Checkpoint => {}
            Output::Alarm { code, text } => warn!(code, "{text}"),
        }
    }

    fn append(&self, Appending { batches, events, .. }: Appending, ctx: &Context<Self>) {
        if batches.is_empty() {
            return;
        }
        let me = ctx.address();
        let done = Box::new(move |result: Result<(), hostler_log::LogError>| match result {
            // Bounded by the log's own queue.
            Ok(()) => me.do_send(Appended(batches)),
            Err(error) => fatal(&error.to_string()),
        });
        if self.log.try_append(events, done).is_err() {
            fatal("the log takes nothing more: its queue is full or it has stopped");
        }
    }

    fn send_waiting(&mut self) {
        for (to, message) in self.outbox.take() {
            self.send(to, message);
        }
    }

    fn send(&self, to: BrokerId, message: hostler_node::Message) {
        let Some(link) = self.shared.peers.get(to) else { return };
        if let hostler_node::Message::Gossip(data) = &message {
            // A datagram may be lost; one that can't be is a fault.
            if let Err(error @ DatagramError::TooLong { .. }) = link.connection.send_datagram(data.clone()) {
                warn!(%error, "membership datagram not sent");
            }
            return;
        }
        // What finds no room is asked for again: peers compare heads every second.
        if let Err(error) = link.sender.try_send(&PeerFrame::Node(Box::new(message))) {
            debug!(%error, peer = %to.short(), "message to a peer not sent");
        }
    }

    fn send_log(&self, to: BrokerId, feed: Feed, from: u64) {
        match self.reader.read(feed, from, limits::CHUNK_BYTES) {
            Ok(events) if events.is_empty() => {}
            Ok(events) => {
                let bytes = events.iter().map(|e| e.bytes().clone()).collect();
                self.send(to, hostler_node::Message::Chunk(bytes));
            }
            Err(error) => fatal(&error.to_string()),
        }
    }

    fn publishing_is_due(&self) -> bool {
        self.published_at.is_none_or(|at| at.elapsed() >= Duration::from_millis(PUBLISH_EVERY_MS))
    }

    /// Readers get a copy of the state after every change: nothing here may take longer in a larger farm. The copy
    /// shares what did not change, and so does comparing it.
    fn publish(&mut self) {
        let views = self.node.views();
        states::follow(&mut self.sites, views);
        let state = |id: Option<SiteId>| id.and_then(|id| self.sites.get(&id)).cloned().unwrap_or_default();
        (self.own, self.main) = (state(Some(self.site)), state(views.main_site()));
        let members: BTreeSet<BrokerId> = self.sites.values().flat_map(|s| s.order.iter().copied()).collect();
        let brokers = members.iter().map(|id| (*id, self.broker_now(*id))).collect();
        self.told.retain(|id, _| members.contains(id));
        let views = self.node.views();
        let events = views.timelines().map(|(_, t)| t.entries().len() as u64).sum();
        self.set_roster();
        let snapshot = Snapshot {
            me: self.shared.me,
            site_id: self.site,
            main: self.main.clone(),
            site: self.own.clone(),
            sites: self.sites.clone(),
            master: self.node.master(),
            master_since: self.master_since(),
            durable: self.node.durable().clone(),
            brokers,
            held_brokers: self.node.held_brokers().map(|(id, _, at)| (id, at.peer.clone())).collect(),
            gateways: self.gateways.clone(),
            alarms: self.node.alarms(),
            events,
            removal: self.node.removal(),
        };
        self.shared.snapshot.send_replace(Arc::new(snapshot));
        self.changed = false;
        self.published_at = Some(Instant::now());
    }

    fn broker_now(&self, broker: BrokerId) -> BrokerNow {
        let now = self.now();
        if broker == self.shared.me {
            let About { version, logons_last_hour } = self.shared.about();
            let lag = self.node.own_lag(now.mono);
            return BrokerNow { alive: true, lag, clock_behind_ms: 0, version: Some(version), logons_last_hour };
        }
        let told = self.told.get(&broker);
        let recent = told.filter(|(_, at)| now.mono.since(*at) < HOUR_MS);
        BrokerNow {
            alive: self.node.alive().contains(&broker),
            lag: self.node.peer_lag(broker, now.wall).unwrap_or_default(),
            clock_behind_ms: self.node.clock_behind_ms(broker).unwrap_or_default(),
            version: told.map(|(about, _)| about.version.clone()),
            logons_last_hour: recent.map_or(0, |(about, _)| about.logons_last_hour),
        }
    }

    /// Found out once for each epoch: it takes a look at the whole log.
    fn master_since(&mut self) -> Option<Wall> {
        let (_, epoch) = self.node.master()?;
        match self.master_since {
            Some((known, since)) if known == epoch => since,
            _ => {
                let since = self.node.master_since();
                self.master_since = Some((epoch, since));
                since
            }
        }
    }

    /// Who may connect: the keys that the views hold now, and for a moment those that they held before.
    fn set_roster(&mut self) {
        let views = self.node.views();
        let mut brokers: Vec<_> = members(&self.sites, &self.main).map(|m| (m.key, m.id.0)).collect();
        brokers.extend(self.node.held_brokers().map(|(id, key, _)| (key, id.0)));
        if brokers.is_empty() {
            // The log has not come yet.
            brokers = self.trusted.iter().map(|(id, key)| (*key, id.0)).collect();
        }
        let stolen = |id| views.timelines().any(|(_, t)| t.rules().was_revoked(Thing::Broker(BrokerId(id))));
        let now = Instant::now();
        let left = |id| if stolen(id) { Left::AtOnce } else { Left::Removed };
        self.shared.roster.set(MemberRole::Broker, self.overlap.keys(MemberRole::Broker, brokers, left, now));
        // Of the others there are many, whose keys are rarely new.
        let before = std::mem::replace(&mut self.rostered, self.own.clone());
        let (gateways, hosts) = (&self.own.gateways, &self.own.hosts);
        if differ(&before.gateways, gateways, |g| g.key.value) || self.overlap.is_due(MemberRole::Gateway, now) {
            let keys = gateways.iter().map(|(id, g)| (g.key.value, id.0)).collect();
            let keys = self.overlap.keys(MemberRole::Gateway, keys, |_| Left::AtOnce, now);
            self.shared.roster.set(MemberRole::Gateway, keys);
        }
        if differ(&before.hosts, hosts, |h| h.key.value) || self.overlap.is_due(MemberRole::Agent, now) {
            let keys = hosts.iter().map(|(id, h)| (h.key.value, id.0)).collect();
            let keys = self.overlap.keys(MemberRole::Agent, keys, |_| Left::AtOnce, now);
            self.shared.roster.set(MemberRole::Agent, keys);
        }
    }

    fn arm(&mut self, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let now = self.now().mono;
        let mut wait_ms = self.node.deadline().map_or(1_000, |at| at.since(now));
        if let Some(at) = self.overlap.deadline() {
            let left_ms = at.saturating_duration_since(Instant::now()).as_millis();
            wait_ms = wait_ms.min(u64::try_from(left_ms).unwrap_or(u64::MAX) + 1);
        }
        if self.changed {
            wait_ms = wait_ms.min(PUBLISH_EVERY_MS);
        }
        self.timer = Some(ctx.notify_later(Tick, Duration::from_millis(wait_ms.max(1))));
    }
}

/// Whether members came, went or have another key.
fn differ<I: Ord, M: PartialEq>(before: &OrdMap<I, M>, now: &OrdMap<I, M>, key: impl Fn(&M) -> PublicKey) -> bool {
    before.diff(now).any(|change| match change {
        DiffItem::Update { old: (_, old), new: (_, new) } => key(old) != key(new),
        DiffItem::Add(..) | DiffItem::Remove(..) => true,
    })
}

/// The log can't be trusted any more: nothing may be answered after that. What was acknowledged is there at the next
/// start.
pub(crate) fn fatal(why: &str) {
    error!("{why}; this broker ends now, and everything that it acknowledged is there when it starts again");
    std::process::exit(70);
}

/// Ends the process where its owner panics. A connection's actor may fail alone; without the broker's or the site's
/// own, the process would stand there and answer nothing, and the others would not take over.
pub(crate) struct EndsProcess(pub(crate) &'static str);

impl Drop for EndsProcess {
    fn drop(&mut self) {
        if std::thread::panicking() {
            fatal(&format!("the {} failed by a fault of the program", self.0));
        }
    }
}

impl Actor for NodeActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        // How far the others are behind changes without an event.
        ctx.run_interval(Duration::from_millis(REFRESH_MS), |me, ctx| {
            me.shared.peers.tell_all(&PeerFrame::About(me.shared.about()));
            me.changed = true;
            me.drain(ctx);
        });
        self.drain(ctx);
    }
}

impl Handler<DoCommand> for NodeActor {
    type Result = ResponseFuture<Result<Outcome, CommandError>>;

    fn handle(&mut self, message: DoCommand, ctx: &mut Self::Context) -> Self::Result {
        self.next_token += 1;
        let token = self.next_token;
        let (sender, receiver) = oneshot::channel();
        self.waiting.insert(token, sender);
        let (actor, site, what) = (message.actor, message.site, message.command.name());
        let span = info_span!("command", number = token, what, actor = ?actor);
        let command = Box::new(message.command);
        span.in_scope(|| self.handle_input(Input::CommandIn { site, token, actor, command }, ctx));
        let answer = async move {
            let result = receiver.await.unwrap_or(Err(CommandError::Busy));
            match &result {
                Ok(o) => info!(events = o.events.len(), durable_on = o.durable_on, members = o.members, "carried out"),
                Err(why) => info!(code = why.code(), %why, "refused"),
            }
            result
        };
        Box::pin(answer.instrument(span))
    }
}

impl Handler<FromPeer> for NodeActor {
    type Result = ();

    fn handle(&mut self, message: FromPeer, ctx: &mut Self::Context) {
        let input = match message {
            FromPeer::Link(peer) if self.shared.peers.get(peer).is_some() => Input::Linked(peer),
            FromPeer::Link(peer) => Input::Unlinked(peer),
            FromPeer::Refused(peer) => Input::Refused(peer),
            FromPeer::Says(from, message, room) => {
                drop(room);
                Input::Message { from, message: *message }
            }
            FromPeer::Tells(from, mut about) => {
                about.version = about.version.chars().take(limits::NAME_BYTES).collect();
                self.told.insert(from, (about, self.now().mono));
                return;
            }
        };
        self.handle_input(input, ctx);
    }
}

impl Handler<GatewayIs> for NodeActor {
    type Result = ();

    fn handle(&mut self, message: GatewayIs, ctx: &mut Self::Context) {
        match message.1 {
            Some(connections) => self.gateways.insert(message.0, connections),
            None => self.gateways.remove(&message.0),
        };
        self.changed = true;
        self.drain(ctx);
    }
}

impl Handler<ReadLog> for NodeActor {
    type Result = actix::MessageResult<ReadLog>;

    fn handle(&mut self, ReadLog(query): ReadLog, _: &mut Self::Context) -> Self::Result {
        let site = query.site.unwrap_or(self.site);
        let entries = self.node.views().timeline(site).map_or(&[][..], |t| t.entries());
        actix::MessageResult(query.of(entries))
    }
}

impl Handler<LookAt> for NodeActor {
    type Result = ();

    fn handle(&mut self, LookAt(look): LookAt, _: &mut Self::Context) {
        look(self.node.views());
    }
}

impl Handler<Noticed> for NodeActor {
    type Result = ();

    fn handle(&mut self, Noticed(code, text): Noticed, ctx: &mut Self::Context) {
        self.node.notice(self.now(), code, text);
        self.drain(ctx);
    }
}

impl Handler<Fenced> for NodeActor {
    type Result = ();

    fn handle(&mut self, Fenced(member, epoch): Fenced, ctx: &mut Self::Context) {
        let known = match member {
            Thing::Host(id) => self.own.hosts.get(&id).map(|h| format!("host {}", h.name.value)),
            Thing::Gateway(id) => self.own.gateways.get(&id).map(|g| format!("gateway {}", g.name.value)),
            _ => None,
        };
        let known = known.unwrap_or_else(|| member.to_string());
        warn!(member = %known, epoch = epoch.n, "a member has seen an epoch that this broker has not: it takes no orders");
        self.handle_input(Input::Fenced(epoch), ctx);
    }
}

impl Handler<Appended> for NodeActor {
    type Result = ();

    fn handle(&mut self, Appended(batches): Appended, ctx: &mut Self::Context) {
        for batch in batches {
            self.handle_input(Input::Appended { batch }, ctx);
        }
        self.forget_restored();
    }
}

impl Handler<Drain> for NodeActor {
    type Result = ();

    fn handle(&mut self, _: Drain, ctx: &mut Self::Context) {
        self.drain(ctx);
    }
}

impl Handler<Tick> for NodeActor {
    type Result = ();

    fn handle(&mut self, _: Tick, ctx: &mut Self::Context) {
        self.timer = None;
        self.handle_input(Input::Tick, ctx);
    }
}

/// Nothing yet: before the first snapshot is published.
pub(crate) fn empty_snapshot(me: BrokerId, site_id: SiteId) -> Arc<Snapshot> {
    Arc::new(Snapshot {
        me,
        site_id,
        main: Arc::default(),
        site: Arc::default(),
        sites: BTreeMap::new(),
        master: None,
        master_since: None,
        durable: Frontier::default(),
        brokers: BTreeMap::new(),
        held_brokers: BTreeMap::new(),
        gateways: BTreeMap::new(),
        alarms: Vec::new(),
        events: 0,
        removal: None,
    })
}
