//! The farm as it is when a scenario begins: made once, by the real machines, and the same for every seed.

use super::admins::{ADMIN, name, spec};
use super::clock::BEGIN;
use super::host::Host;
use super::machine::Machine;
use crate::dice::Dice;
use crate::scenario::{Cluster, Scenario};
use hostler_events::payload::BrokerAddresses;
use hostler_events::{Actor, AuthorKey, Hash, StoredEvent};
use hostler_log::{EventLog, MemoryLog};
use hostler_model::*;
use hostler_node::{
    Author, Command, CommandError, Founding, Input, ItemSpec, Message, Node, NodeConfig, Outcome, Output, found,
};
use hostler_seating::AdmissionConfig;
use hostler_seating::report::SessionKind;
use hostler_views::Loaded;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// How long before the beginning of a run the farm was founded, in ms.
const FOUNDED_MS: u64 = 120_000;
/// Steps of time while it is being made, in ms.
const STEP_MS: u64 = 50;
/// What follows from one input must end.
const FOLLOWING: usize = 1_000_000;

/// Why a scenario's farm can't be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A command was refused.
    #[error("the farm can't be set up: {what}: {why}")]
    Refused {
        /// Which.
        what: String,
        /// Why.
        why: String,
    },
    /// It does not become one.
    #[error("the farm can't be set up: its brokers don't agree after {0} ms")]
    Torn(u64),
}

/// A farm at its beginning.
pub(crate) struct Setup {
    pub(crate) site: SiteId,
    pub(crate) second_site: SiteId,
    brokers: Vec<(BrokerId, SiteId, MemoryLog)>,
    pub(crate) trusted: Vec<(BrokerId, PublicKey)>,
    pub(crate) hosts: Vec<HostId>,
    pub(crate) host_index: BTreeMap<HostId, usize>,
    pub(crate) users: Vec<UserName>,
    pub(crate) user_index: BTreeMap<UserName, usize>,
    /// What users ask for.
    pub(crate) items: Vec<ItemId>,
}

/// A broker's id goes with its first key.
pub(crate) fn broker_id(key: &PublicKey) -> BrokerId {
    BrokerId(*blake3::hash(&key.0).as_bytes().first_chunk().unwrap_or(&[0; 16]))
}

fn secret(number: usize) -> [u8; 32] {
    *blake3::hash(&number.to_le_bytes()).as_bytes()
}

fn addresses(number: u8) -> BrokerAddresses {
    let at = |port| {
        Address::new(&format!("10.0.0.{number}"), port).unwrap_or_else(|_| unreachable!("an address of numbers"))
    };
    BrokerAddresses { join: at(20_001), access: at(20_002), agent: at(20_003), peer: at(20_030) }
}

fn host_id(number: u16) -> HostId {
    let mut id = [0xA0; 16];
    id[..2].copy_from_slice(&number.to_be_bytes());
    HostId(id)
}

impl Setup {
    /// Makes the farm of a scenario.
    ///
    /// # Errors
    /// Where the machines refuse what it takes: a setting that does not exist, for instance.
    pub(crate) fn new(cluster: &Cluster) -> Result<Self, SetupError> {
        let keys: Vec<_> =
            (0..usize::from(cluster.brokers)).map(|n| AuthorKey::from_secret(&secret(n)).public()).collect();
        let ids: Vec<BrokerId> = keys.iter().map(broker_id).collect();
        let users: Vec<UserName> = (1..=cluster.users).filter_map(|n| format!("user{n}").parse().ok()).collect();
        let mut founders = Founders::begin(ids[0])?;
        founders.furnish(cluster, &ids, &keys, &users)?;
        let brokers = founders.come_together(cluster, &ids, &keys)?;
        let (site, second_site, items) = (founders.site, founders.second_site, founders.items);
        let hosts: Vec<HostId> = (1..=cluster.hosts).map(host_id).collect();
        Ok(Self {
            site,
            second_site,
            brokers,
            trusted: vec![(ids[0], keys[0])],
            host_index: hosts.iter().enumerate().map(|(at, id)| (*id, at)).collect(),
            hosts,
            user_index: users.iter().enumerate().map(|(at, user)| (user.clone(), at)).collect(),
            users,
            items,
        })
    }

    pub(crate) fn machines(&self, plan: &Scenario, dice: &mut Dice) -> Vec<Machine> {
        let brokers = self.brokers.iter().enumerate();
        let machines = brokers.map(|(at, (id, site, log))| {
            let clock = super::World::new_clock(plan, dice);
            let disk = super::World::disk(log.clone());
            let number = u8::try_from(at + 1).unwrap_or(u8::MAX);
            Machine::new(number, *id, secret(at), *site, self.trusted.clone(), clock, disk)
        });
        machines.collect()
    }

    pub(crate) fn hosts(&self, plan: &Scenario) -> Vec<Host> {
        let cluster = &plan.cluster;
        let kind = if cluster.per_item { SessionKind::PerItem } else { SessionKind::PerUser };
        let config = |host: &HostId| AdmissionConfig {
            host: *host,
            kind,
            hard_cap: cluster.hard_cap,
            logon_slots: cluster.logon_slots,
        };
        self.hosts.iter().map(|host| Host::new(config(host))).collect()
    }

    /// Id and secret of the broker that is made as the nth.
    pub(crate) fn new_broker(&self, number: usize) -> (BrokerId, [u8; 32]) {
        let secret = secret(number);
        (broker_id(&AuthorKey::from_secret(&secret).public()), secret)
    }

    pub(crate) fn addresses(&self, number: u8) -> BrokerAddresses {
        addresses(number)
    }

    /// Some user.
    pub(crate) fn user(&self, number: u64) -> String {
        let count = self.users.len().max(1) as u64;
        self.users.get((number % count) as usize).map_or_else(String::new, ToString::to_string)
    }
}

/// The machines that make the farm: no delay, no loss.
struct Founders {
    nodes: BTreeMap<BrokerId, (Node, MemoryLog)>,
    now_ms: u64,
    replies: BTreeMap<u64, Result<Outcome, CommandError>>,
    next: u64,
    site: SiteId,
    second_site: SiteId,
    first: BrokerId,
    items: Vec<ItemId>,
}

impl Founders {
    fn begin(first: BrokerId) -> Result<Self, SetupError> {
        let key = AuthorKey::from_secret(&secret(0));
        let feed = Feed { broker: first, incarnation: Incarnation { ordinal: 1, random: 1 } };
        let mut author = Author::new(key.clone(), feed, SiteId([9; 16]), 0, Hash::ZERO, HlcClock::default());
        let founding = Founding {
            farm: name("farm"),
            site: SiteId([9; 16]),
            site_name: name("main"),
            broker_name: name("b1"),
            key: key.public(),
            addresses: addresses(1),
            admin: ADMIN,
            admin_name: name("admin"),
            password_hash: String::new(),
            item: None,
        };
        let refused = |why: String| SetupError::Refused { what: "found".into(), why };
        let begin = Wall(BEGIN - FOUNDED_MS);
        let events = found(&mut author, begin, founding).map_err(|error| refused(error.to_string()))?;
        let mut log = MemoryLog::new();
        log.append(&events).map_err(|error| refused(error.to_string()))?;
        let site = SiteId([9; 16]);
        let mut founders = Self {
            nodes: BTreeMap::new(),
            now_ms: BEGIN - FOUNDED_MS,
            replies: BTreeMap::new(),
            next: 0,
            site,
            second_site: site,
            first,
            items: Vec::new(),
        };
        founders.start(first, 0, site, log);
        founders.run(4_000);
        Ok(founders)
    }

    fn now(&self) -> Now {
        Now { wall: Wall(self.now_ms), mono: Mono(self.now_ms) }
    }

    fn start(&mut self, id: BrokerId, number: usize, site: SiteId, log: MemoryLog) {
        let mut events: Vec<StoredEvent> = Vec::new();
        let _ = log.scan(&mut |event| {
            events.push(event);
            std::ops::ControlFlow::Continue(())
        });
        let own = events.iter().map(|e| e.header().feed).filter(|f| f.broker == id).map(|f| f.incarnation).max();
        let first = AuthorKey::from_secret(&secret(0)).public();
        let config = NodeConfig {
            me: id,
            site,
            key: AuthorKey::from_secret(&secret(number)),
            trusted: vec![(self.first, first)],
            incarnation: own.unwrap_or(Incarnation { ordinal: 1, random: number as u64 + 1 }),
            seed: [number as u8 + 1; 32],
            unread: Vec::new(),
        };
        let events = events.iter().map(|e| Arc::new(Loaded::new(e))).collect();
        let node = Node::new(config, events, self.now());
        let others: Vec<BrokerId> = self.nodes.keys().copied().collect();
        self.nodes.insert(id, (node, log));
        for other in others {
            self.input(id, Input::Linked(other));
            self.input(other, Input::Linked(id));
        }
    }

    fn input(&mut self, at: BrokerId, input: Input) {
        let now = self.now();
        let mut todo = VecDeque::from([(at, input)]);
        for _ in 0..FOLLOWING {
            let Some((at, input)) = todo.pop_front() else { return };
            let Some((node, log)) = self.nodes.get_mut(&at) else { continue };
            node.handle(now, input);
            while let Some(output) = node.poll() {
                match output {
                    Output::Append { batch, events } => {
                        if log.append(&events).is_ok() {
                            todo.push_back((at, Input::Appended { batch }));
                        }
                    }
                    Output::Send { to, message } => todo.push_back((to, Input::Message { from: at, message })),
                    Output::SendLog { to, feed, from } => {
                        let events = log.read(feed, from, limits::CHUNK_BYTES).unwrap_or_default();
                        let bytes = events.iter().map(|e| e.bytes().clone()).collect();
                        todo.push_back((to, Input::Message { from: at, message: Message::Chunk(bytes) }));
                    }
                    Output::Reply { token, result } => {
                        self.replies.insert(token, result);
                    }
                    Output::Changed | Output::Checkpoint | Output::Alarm { .. } => {}
                }
            }
        }
    }

    fn run(&mut self, ms: u64) {
        for _ in 0..ms / STEP_MS {
            self.now_ms += STEP_MS;
            let ids: Vec<BrokerId> = self.nodes.keys().copied().collect();
            for id in ids {
                self.input(id, Input::Tick);
            }
        }
    }

    fn command(&mut self, site: SiteId, actor: Actor, command: Command) -> Result<Outcome, SetupError> {
        self.command_at(self.first, site, actor, command)
    }

    fn command_at(
        &mut self,
        at: BrokerId,
        site: SiteId,
        actor: Actor,
        command: Command,
    ) -> Result<Outcome, SetupError> {
        self.next += 1;
        let token = self.next;
        let what = command.name().to_owned();
        let refused = |why: String| SetupError::Refused { what: what.clone(), why };
        self.input(at, Input::CommandIn { site, token, actor, command: Box::new(command) });
        for _ in 0..200 {
            if let Some(result) = self.replies.remove(&token) {
                return result.map_err(|error| refused(error.to_string()));
            }
            self.run(STEP_MS);
        }
        Err(refused("no answer".into()))
    }

    fn admin(&mut self, command: Command) -> Result<Outcome, SetupError> {
        self.command(self.site, Actor::Admin(ADMIN), command)
    }

    fn new_token(&mut self) -> TokenId {
        self.next += 1;
        let mut id = [0x70; 16];
        id[..8].copy_from_slice(&self.next.to_be_bytes());
        TokenId(id)
    }

    fn token(&mut self, role: MemberRole) -> Result<TokenId, SetupError> {
        let (token, issuer) = (self.new_token(), self.first);
        let create = Command::CreateToken { token, role, issuer, verifier: [0; 32], expires: Wall(u64::MAX) };
        self.admin(create)?;
        Ok(token)
    }

    /// Everything that is in the log before the others start.
    fn furnish(
        &mut self,
        cluster: &Cluster,
        ids: &[BrokerId],
        keys: &[PublicKey],
        users: &[UserName],
    ) -> Result<(), SetupError> {
        let first_site = usize::from(cluster.brokers - cluster.second_site);
        for at in 1..first_site {
            self.join_broker(at, ids, keys)?;
        }
        for number in 1..=cluster.hosts {
            let token = self.token(MemberRole::Agent)?;
            let mut key = [0x11; 32];
            key[..2].copy_from_slice(&number.to_be_bytes());
            let address = Address::new(&format!("10.1.{}.{}", number / 250, number % 250 + 1), 3_389);
            let address = address.unwrap_or_else(|_| unreachable!("an address of numbers"));
            let host = host_id(number);
            let join =
                Command::JoinHost { token, host, name: name(&format!("h{number}")), key: PublicKey(key), address };
            self.command(self.site, Actor::Token(token), join)?;
        }
        for number in 1..=cluster.items {
            let spec = ItemSpec { default: number == 1, ..spec(true) };
            let outcome = self.admin(Command::Publish {
                name: name(&format!("desktop{number}")),
                launch: Launch::Desktop,
                spec,
            })?;
            if let Some(Thing::Item(item)) = outcome.thing {
                self.items.push(item);
            }
        }
        self.admin(Command::Publish { name: name("spare"), launch: Launch::Desktop, spec: spec(false) })?;
        for user in users {
            self.admin(Command::AddUser { name: user.clone() })?;
        }
        for (key, value) in cluster.settings.iter().filter(|(key, _)| !key.starts_with("promotion.")) {
            self.admin(Command::Set { key: key.clone(), value: Some(value.clone()) })?;
        }
        Ok(())
    }

    fn join_broker(&mut self, at: usize, ids: &[BrokerId], keys: &[PublicKey]) -> Result<(), SetupError> {
        let token = self.token(MemberRole::Broker)?;
        self.redeem(self.first, self.site, token, at, ids, keys)
    }

    fn redeem(
        &mut self,
        issuer: BrokerId,
        site: SiteId,
        token: TokenId,
        at: usize,
        ids: &[BrokerId],
        keys: &[PublicKey],
    ) -> Result<(), SetupError> {
        let number = u8::try_from(at + 1).unwrap_or(u8::MAX);
        let join = Command::JoinBroker {
            token,
            broker: ids[at],
            name: name(&format!("b{number}")),
            key: keys[at],
            addresses: addresses(number),
        };
        self.command_at(issuer, site, Actor::Token(token), join).map(|_| ())
    }

    /// A second site with the brokers from this one on.
    fn open_second(&mut self, from: usize, ids: &[BrokerId], keys: &[PublicKey]) -> Result<(), SetupError> {
        let added = self.admin(Command::AddSite { name: name("north") })?;
        let Some(Thing::Site(north)) = added.thing else {
            return Err(SetupError::Refused { what: "add site".into(), why: "it has no id".into() });
        };
        self.second_site = north;
        let (token, issuer) = (self.new_token(), self.first);
        let expires = Wall(u64::MAX);
        self.admin(Command::OpenSite { site: "north".into(), token, issuer, verifier: [0; 32], expires })?;
        self.redeem(issuer, self.site, token, from, ids, keys)?;
        self.start(ids[from], from, north, MemoryLog::new());
        self.run(5_000);
        for at in from + 1..ids.len() {
            let (token, issuer, role) = (self.new_token(), ids[from], MemberRole::Broker);
            let create = Command::CreateToken { token, role, issuer, verifier: [0; 32], expires };
            self.command(north, Actor::Admin(ADMIN), create)?;
            self.redeem(issuer, north, token, at, ids, keys)?;
            self.start(ids[at], at, north, MemoryLog::new());
            self.run(5_000);
        }
        Ok(())
    }

    /// All brokers start, and become one farm; the second site is opened.
    fn come_together(
        &mut self,
        cluster: &Cluster,
        ids: &[BrokerId],
        keys: &[PublicKey],
    ) -> Result<Vec<(BrokerId, SiteId, MemoryLog)>, SetupError> {
        let first_site = usize::from(cluster.brokers - cluster.second_site);
        let log = self.nodes[&self.first].1.clone();
        for (at, id) in ids.iter().enumerate().take(first_site).skip(1) {
            self.start(*id, at, self.site, log.clone());
        }
        self.run(10_000);
        if cluster.second_site > 0 {
            self.open_second(first_site, ids, keys)?;
        }
        let site_of = |at: usize| if at < first_site { self.site } else { self.second_site };
        let sites: Vec<SiteId> = (0..ids.len()).map(site_of).collect();
        // Automatic promotion takes brokers that are there.
        for (key, value) in cluster.settings.iter().filter(|(key, _)| key.starts_with("promotion.")) {
            self.admin(Command::Set { key: key.clone(), value: Some(value.clone()) })?;
        }
        for _ in 0..200 {
            if self.is_one() {
                let logs =
                    ids.iter().zip(sites).filter_map(|(id, site)| Some((*id, site, self.nodes.get(id)?.1.clone())));
                return Ok(logs.collect());
            }
            self.run(500);
        }
        Err(SetupError::Torn(100_000))
    }

    fn is_one(&mut self) -> bool {
        let digests: Vec<Hash> = self.nodes.values_mut().map(|(node, _)| node.digest()).collect();
        let first = self.nodes.values().next().map(|(node, _)| node.durable().clone());
        let same = |n: &Node| Some(n.durable()) == first.as_ref() && n.master().is_some();
        digests.windows(2).all(|two| two[0] == two[1]) && self.nodes.values().all(|(node, _)| same(node))
    }
}
