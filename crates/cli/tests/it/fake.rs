//! A broker without a disk and without other members: a real node carries out the commands, and one host with one
//! session is made up.

use futures::FutureExt;
use futures::future::BoxFuture;
use hostler_broker::backend::{
    Backend, BackendError, BackupPieces, BrokerNow, HostNow, LogQuery, Look, SessionNow, Snapshot,
};
use hostler_broker::rest::hash_password;
use hostler_events::payload::BrokerAddresses;
use hostler_events::{Actor, AuthorKey, Hash, StoredEvent};
use hostler_model::{
    Address, AdminId, BrokerId, Feed, GatewayId, HlcClock, HostId, Incarnation, ItemId, Launch, MemberRole, Mono, Now,
    PublicKey, SeatId, SessionId, SiteId, Thing, TicketId, TokenId, Wall,
};
use hostler_node::{
    Alarm, AlarmCode, Author, Command, CommandError, Founding, Input, ItemSpec, Node, NodeConfig, Outcome, Output,
    found,
};
use hostler_seating::explanation::{Explanation, Reason};
use hostler_seating::report::{Origin, Session, SessionState};
use hostler_seating::seat::{NoSeat, Placement, SeatRequest};
use hostler_views::{Entry, Loaded};
use hostler_wire::MemberKey;
use hostler_wire::messages::agent::SessionOrder;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// The first administrator's password.
pub(crate) const PASSWORD: &str = "correct horse";
/// The only session.
pub(crate) const SESSION: SessionId = SessionId([0x5e; 16]);
/// The only host.
pub(crate) const HOST: HostId = HostId([0x40; 16]);
const START: Wall = Wall(1_700_000_000_000);

/// A broker for tests.
pub(crate) struct Fake {
    pub(crate) key: MemberKey,
    node: Mutex<Node>,
    log: Mutex<Vec<StoredEvent>>,
    snapshot: Mutex<Arc<Snapshot>>,
    wall: AtomicU64,
    commands: AtomicU64,
    pub(crate) orders: Mutex<Vec<(SessionId, SessionOrder)>>,
}

impl Fake {
    /// A farm with an owner `anna`, a host, a gateway, a user `alice` and a desktop for everyone.
    pub(crate) fn new(access: Address) -> Arc<Self> {
        let key = MemberKey::from_seed(&[7; 32]);
        let (me, site) = (BrokerId(key.fingerprint().0), SiteId([9; 16]));
        let author_key = || AuthorKey::from_secret(key.secret());
        let incarnation = Incarnation { ordinal: 1, random: 1 };
        let feed = Feed { broker: me, incarnation };
        let mut author = Author::new(author_key(), feed, site, 0, Hash::ZERO, HlcClock::default());
        let founding = Founding {
            farm: "Office".parse().unwrap(),
            site,
            site_name: "main".parse().unwrap(),
            broker_name: "b1".parse().unwrap(),
            key: key.public(),
            addresses: BrokerAddresses {
                join: access.with_port(20_001),
                agent: access.with_port(20_003),
                peer: access.with_port(20_030),
                access,
            },
            admin: AdminId([0xad; 16]),
            admin_name: "anna".parse().unwrap(),
            password_hash: hash_password(PASSWORD).unwrap(),
            item: None,
        };
        let events = found(&mut author, START, founding).unwrap();
        let loaded = events.iter().map(|e| Arc::new(Loaded::new(e))).collect();
        let config =
            NodeConfig { me, site, key: author_key(), trusted: vec![], incarnation, seed: [3; 32], unread: vec![] };
        let node = Node::new(config, loaded, Now { wall: START, mono: Mono(0) });
        let empty = Snapshot {
            me,
            site_id: site,
            main: Arc::default(),
            site: Arc::default(),
            sites: BTreeMap::new(),
            master: None,
            master_since: None,
            durable: Default::default(),
            brokers: BTreeMap::from([(me, BrokerNow { alive: true, ..BrokerNow::default() })]),
            held_brokers: BTreeMap::new(),
            gateways: BTreeMap::from([(GatewayId([0x90; 16]), 3)]),
            alarms: vec![Alarm {
                code: AlarmCode::ClockOff,
                since: START,
                about: Some(Thing::Broker(me)),
                text: "a clock is slow".into(),
            }],
            events: 0,
            removal: None,
        };
        let fake = Self {
            key,
            node: Mutex::new(node),
            log: Mutex::new(events),
            snapshot: Mutex::new(Arc::new(empty)),
            wall: AtomicU64::new(START.0 + 1_000),
            commands: AtomicU64::new(0),
            orders: Mutex::default(),
        };
        fake.furnish(me);
        Arc::new(fake)
    }

    fn furnish(&self, me: BrokerId) {
        let site = self.snapshot().site_id;
        let must = |actor, command| self.run(actor, site, command).unwrap();
        for (n, role) in [(1, MemberRole::Agent), (2, MemberRole::Gateway)] {
            let expires = START.plus(3_600_000);
            let token = TokenId([n; 16]);
            must(Actor::System, Command::CreateToken { token, role, issuer: me, verifier: [0x77; 32], expires });
        }
        let (host, gateway) = (TokenId([1; 16]), TokenId([2; 16]));
        let join_host = Command::JoinHost {
            token: host,
            host: HOST,
            name: "rdsh-1".parse().unwrap(),
            key: PublicKey([1; 32]),
            address: "rdsh-1:3389".parse().unwrap(),
        };
        must(Actor::Token(host), join_host);
        let join_gateway = Command::JoinGateway {
            token: gateway,
            gateway: GatewayId([0x90; 16]),
            name: "gw-1".parse().unwrap(),
            key: PublicKey([2; 32]),
            address: "gw-1:3389".parse().unwrap(),
        };
        must(Actor::Token(gateway), join_gateway);
        must(Actor::System, Command::AddUser { name: "alice".parse().unwrap() });
        let spec = ItemSpec { everyone: true, default: true, ..ItemSpec::default() };
        must(Actor::System, Command::Publish { name: "Desktop".parse().unwrap(), launch: Launch::Desktop, spec });
    }

    /// Lets time pass.
    pub(crate) fn advance(&self, ms: u64) {
        self.wall.fetch_add(ms, Ordering::Relaxed);
    }

    fn run(&self, actor: Actor, site: SiteId, command: Command) -> Result<Outcome, CommandError> {
        let mut node = self.node.lock().unwrap();
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        let wall = self.wall();
        let now = Now { wall, mono: Mono(wall.since(START)) };
        node.handle(now, Input::CommandIn { site, token: number, actor, command: Box::new(command) });
        let mut answer = Err(CommandError::NotReady);
        while let Some(output) = node.poll() {
            match output {
                Output::Append { batch, events } => {
                    self.log.lock().unwrap().extend(events);
                    node.handle(now, Input::Appended { batch });
                }
                Output::Reply { token, result } if token == number => answer = result,
                _ => {}
            }
        }
        let before = self.snapshot.lock().unwrap().clone();
        let site = Arc::new(node.views().main().unwrap().clone());
        let entries = node.views().timeline(before.site_id).unwrap().entries().len();
        *self.snapshot.lock().unwrap() = Arc::new(Snapshot {
            main: site.clone(),
            sites: node.views().timelines().map(|(id, t)| (*id, Arc::new(t.state().clone()))).collect(),
            site,
            master: node.master(),
            durable: node.durable().clone(),
            events: entries as u64,
            ..(*before).clone()
        });
        answer
    }

    fn explanation(&self, item: ItemId) -> Explanation {
        Explanation {
            at: START,
            broker: BrokerId(self.key.fingerprint().0),
            user: "alice".parse().unwrap(),
            item,
            host: HOST,
            reason: Reason::LowestScore,
            candidates: Vec::new(),
            excluded: Arc::default(),
            eligible: 1,
        }
    }

    fn desktop(&self) -> ItemId {
        *self.snapshot().site.items.keys().next().unwrap()
    }

    fn place(&self, request: SeatRequest) -> Result<Box<Placement>, NoSeat> {
        let snapshot = self.snapshot();
        if snapshot.site.user_named(&request.user).is_none() {
            return Err(NoSeat::UnknownUser(request.user.to_string()));
        }
        let item = request.item.unwrap_or_else(|| self.desktop());
        Ok(Box::new(Placement {
            host: HOST,
            seat: SeatId([0x5a; 16]),
            ticket: TicketId([0x71; 16]),
            user: request.user,
            item,
            launch: snapshot.site.items[&item].launch.value.clone(),
            reattach: None,
            explanation: Arc::new(self.explanation(item)),
        }))
    }
}

fn now<T: Send + 'static>(value: T) -> BoxFuture<'static, T> {
    futures::future::ready(value).boxed()
}

impl Backend for Fake {
    fn backup(&self) -> Result<BackupPieces, BackendError> {
        Err(BackendError::Busy)
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.lock().unwrap().clone()
    }

    fn key(&self) -> &MemberKey {
        &self.key
    }

    fn wall(&self) -> Wall {
        Wall(self.wall.load(Ordering::Relaxed))
    }

    fn command(&self, actor: Actor, site: SiteId, command: Command) -> BoxFuture<'_, Result<Outcome, CommandError>> {
        self.advance(1);
        now(self.run(actor, site, command))
    }

    fn seat(&self, request: SeatRequest) -> BoxFuture<'_, Result<Box<Placement>, NoSeat>> {
        now(self.place(request))
    }

    fn hosts(&self) -> BoxFuture<'_, Result<Vec<HostNow>, BackendError>> {
        now(Ok(vec![HostNow { host: HOST, view: None }]))
    }

    fn sessions(&self) -> BoxFuture<'_, Result<Vec<SessionNow>, BackendError>> {
        let session = Session {
            id: SESSION,
            user: "alice".parse().unwrap(),
            state: SessionState::Active,
            started: START,
            origin: Origin::Seat { seat: SeatId([0x5a; 16]), item: self.desktop() },
        };
        now(Ok(vec![SessionNow { host: HOST, session }]))
    }

    fn order(&self, session: SessionId, order: SessionOrder) -> BoxFuture<'_, Result<(), BackendError>> {
        self.orders.lock().unwrap().push((session, order));
        now(Ok(()))
    }

    fn explain(&self, _: SessionId) -> BoxFuture<'_, Result<Option<Explanation>, BackendError>> {
        now(Ok(Some(self.explanation(self.desktop()))))
    }

    fn log(&self, query: LogQuery) -> BoxFuture<'_, Result<Vec<Entry>, BackendError>> {
        let node = self.node.lock().unwrap();
        let site = query.site.unwrap_or(self.snapshot().site_id);
        now(Ok(query.of(node.views().timeline(site).map_or(&[][..], |t| t.entries()))))
    }

    fn look(&self, look: Look) -> BoxFuture<'_, Result<(), BackendError>> {
        look(self.node.lock().unwrap().views());
        now(Ok(()))
    }

    fn scan(&self, each: &mut dyn FnMut(StoredEvent) -> ControlFlow<()>) -> Result<(), BackendError> {
        for event in self.log.lock().unwrap().iter() {
            if each(event.clone()).is_break() {
                break;
            }
        }
        Ok(())
    }
}
