//! A few nodes on a network that the test rules: links that come and go, disks that can be copied, clocks that lie.

use hostler_events::payload::BrokerAddresses;
use hostler_events::{Actor, AuthorKey, Hash, StoredEvent};
use hostler_model::*;
use hostler_node::*;
use hostler_views::{Loaded, SavedViews, SavedViewsError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) const SITE: SiteId = SiteId([9; 16]);
pub(crate) const ADMIN: AdminId = AdminId([7; 16]);

/// One broker's machine and disk.
pub(crate) struct Machine {
    pub(crate) node: Option<Node>,
    pub(crate) disk: Vec<StoredEvent>,
    /// The last checkpoint on the disk.
    pub(crate) saved: Option<Vec<u8>>,
    /// How far its wall clock is off, in ms.
    pub(crate) clock_ms: i64,
    pub(crate) site: SiteId,
    /// Its key.
    pub(crate) secret: [u8; 32],
    starts: u8,
}

pub(crate) struct Net {
    pub(crate) machines: BTreeMap<BrokerId, Machine>,
    links: BTreeSet<(BrokerId, BrokerId)>,
    pub(crate) time_ms: u64,
    replies: BTreeMap<(BrokerId, u64), Result<Outcome, CommandError>>,
    next_token: u64,
    pub(crate) alarms: Vec<(BrokerId, &'static str)>,
    /// Checkpoints that a start could not use.
    pub(crate) no_use: Vec<(BrokerId, SavedViewsError)>,
    /// Disks that never answer: their events are written, and nobody hears of it.
    pub(crate) silent_disks: BTreeSet<BrokerId>,
    /// What they have not answered.
    unanswered: Vec<(BrokerId, u64)>,
}

pub(crate) fn secret(n: u8) -> [u8; 32] {
    [n; 32]
}

pub(crate) fn id(n: u8) -> BrokerId {
    BrokerId([n; 16])
}

pub(crate) fn addresses(n: u8) -> BrokerAddresses {
    let at = |port| Address::new(&format!("127.0.0.{n}"), port).unwrap();
    BrokerAddresses { join: at(1), access: at(2), agent: at(3), peer: at(4) }
}

impl Net {
    /// A farm of `count` brokers that have heard of each other; broker 1 is the master.
    pub(crate) fn farm(count: u8) -> Self {
        let mut net = Self {
            machines: BTreeMap::new(),
            links: BTreeSet::new(),
            time_ms: 1_000_000,
            replies: BTreeMap::new(),
            next_token: 0,
            alarms: Vec::new(),
            no_use: Vec::new(),
            silent_disks: BTreeSet::new(),
            unanswered: Vec::new(),
        };
        let feed = Feed { broker: id(1), incarnation: Incarnation { ordinal: 1, random: 1 } };
        let mut author =
            Author::new(AuthorKey::from_secret(&secret(1)), feed, SITE, 0, Hash::ZERO, HlcClock::default());
        let founding = Founding {
            farm: "farm".parse().unwrap(),
            site: SITE,
            site_name: "main".parse().unwrap(),
            broker_name: "b1".parse().unwrap(),
            key: AuthorKey::from_secret(&secret(1)).public(),
            addresses: addresses(1),
            admin: ADMIN,
            admin_name: "admin".parse().unwrap(),
            password_hash: String::new(),
            item: None,
        };
        let disk = found(&mut author, Wall(net.time_ms), founding).unwrap();
        net.add(1, disk);
        net.start(id(1));
        net.run(4_000);
        for n in 2..=count {
            let token = TokenId([n; 16]);
            let expires = Wall(u64::MAX);
            let create =
                Command::CreateToken { token, role: MemberRole::Broker, issuer: id(1), verifier: [0; 32], expires };
            net.command(1, create).unwrap();
            let key = AuthorKey::from_secret(&secret(n)).public();
            let name = format!("b{n}").parse().unwrap();
            let join = Command::JoinBroker { token, broker: id(n), name, key, addresses: addresses(n) };
            net.command_as(1, Actor::Token(token), join).unwrap();
            net.add(n, Vec::new());
            net.start(id(n));
            for other in 1..n {
                net.link(other, n, true);
            }
            net.run(5_000);
        }
        net
    }

    fn add(&mut self, n: u8, disk: Vec<StoredEvent>) {
        self.add_to(SITE, n, disk);
    }

    pub(crate) fn add_to(&mut self, site: SiteId, n: u8, disk: Vec<StoredEvent>) {
        let machine = Machine { node: None, disk, saved: None, clock_ms: 0, site, secret: secret(n), starts: 0 };
        self.machines.insert(id(n), machine);
    }

    fn now(&self, broker: BrokerId) -> Now {
        let wall = self.time_ms.saturating_add_signed(self.machines[&broker].clock_ms);
        Now { wall: Wall(wall), mono: Mono(self.time_ms) }
    }

    /// Starts a node on what is on its disk.
    pub(crate) fn start(&mut self, broker: BrokerId) {
        let now = self.now(broker);
        let machine = self.machines.get_mut(&broker).unwrap();
        machine.starts += 1;
        let incarnation =
            machine.disk.iter().map(|e| e.header().feed).filter(|f| f.broker == broker).map(|f| f.incarnation);
        let config = NodeConfig {
            me: broker,
            site: machine.site,
            key: AuthorKey::from_secret(&machine.secret),
            trusted: vec![(id(1), AuthorKey::from_secret(&secret(1)).public())],
            incarnation: incarnation.max().unwrap_or(Incarnation { ordinal: 1, random: u64::from(broker.0[0]) }),
            seed: [broker.0[0].wrapping_mul(31).wrapping_add(machine.starts); 32],
            unread: Vec::new(),
        };
        let events = machine.disk.iter().map(|e| Arc::new(Loaded::new(e))).collect();
        let saved = machine.saved.as_ref().map(|bytes| SavedViews::decode(bytes).unwrap());
        let (node, error) = Node::resume(config, events, saved, now);
        machine.node = Some(node);
        self.no_use.extend(error.map(|error| (broker, error)));
        let linked: Vec<BrokerId> = self.links.iter().filter(|(a, _)| *a == broker).map(|(_, b)| *b).collect();
        for other in linked {
            self.input(broker, Input::Linked(other));
            self.input(other, Input::Linked(broker));
        }
    }

    /// The process ends; the disk stays.
    pub(crate) fn stop(&mut self, n: u8) {
        self.machines.get_mut(&id(n)).unwrap().node = None;
        let linked: Vec<BrokerId> = self.links.iter().filter(|(a, _)| *a == id(n)).map(|(_, b)| *b).collect();
        for other in linked {
            self.input(other, Input::Unlinked(id(n)));
        }
    }

    /// A link between two brokers comes up or goes away.
    pub(crate) fn link(&mut self, a: u8, b: u8, up: bool) {
        for (from, to) in [(id(a), id(b)), (id(b), id(a))] {
            if up {
                self.links.insert((from, to));
                self.input(from, Input::Linked(to));
            } else {
                self.links.remove(&(from, to));
                self.input(from, Input::Unlinked(to));
            }
        }
    }

    /// Gives a node something and carries out all that follows at this moment.
    fn input(&mut self, broker: BrokerId, input: Input) {
        let mut todo = vec![(broker, input)];
        while !todo.is_empty() {
            let (broker, input) = todo.remove(0);
            let now = self.now(broker);
            let linked = |to: BrokerId| self.links.contains(&(broker, to));
            let Some(machine) = self.machines.get_mut(&broker) else { continue };
            let Some(node) = machine.node.as_mut() else { continue };
            node.handle(now, input);
            while let Some(output) = node.poll() {
                match output {
                    Output::Append { batch, events } => {
                        assert!(events.len() <= hostler_log::limits::GROUP_EVENTS, "the log refuses larger batches");
                        machine.disk.extend(events);
                        if self.silent_disks.contains(&broker) {
                            self.unanswered.push((broker, batch));
                        } else {
                            todo.push((broker, Input::Appended { batch }));
                        }
                    }
                    Output::Send { to, message } if linked(to) => {
                        todo.push((to, Input::Message { from: broker, message }));
                    }
                    Output::Send { .. } => {}
                    Output::SendLog { to, feed, from } => {
                        let wanted = machine.disk.iter().filter(|e| e.header().feed == feed && e.header().seq >= from);
                        let mut wanted: Vec<_> = wanted.collect();
                        wanted.sort_by_key(|e| e.header().seq);
                        let message = Message::Chunk(wanted.into_iter().take(3).map(|e| e.bytes().clone()).collect());
                        if linked(to) {
                            todo.push((to, Input::Message { from: broker, message }));
                        }
                    }
                    Output::Reply { token, result } => {
                        self.replies.insert((broker, token), result);
                    }
                    Output::Changed => {}
                    Output::Checkpoint => machine.saved = node.checkpoint().map(|saved| saved.encode().unwrap()),
                    Output::Alarm { code, .. } => self.alarms.push((broker, code)),
                }
            }
        }
    }

    /// A silent disk answers all that it has written, and is silent no more.
    #[allow(dead_code)] // not in every test file
    pub(crate) fn disk_answers(&mut self, n: u8) {
        self.silent_disks.remove(&id(n));
        for (broker, batch) in self.unanswered.extract_if(.., |(broker, _)| *broker == id(n)).collect::<Vec<_>>() {
            self.input(broker, Input::Appended { batch });
        }
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, ms: u64) {
        for _ in 0..ms / 50 {
            self.time_ms += 50;
            let ids: Vec<BrokerId> = self.machines.keys().copied().collect();
            for broker in ids {
                self.input(broker, Input::Tick);
            }
        }
    }

    /// Gives a command as the administrator and waits for its answer.
    pub(crate) fn command(&mut self, n: u8, command: Command) -> Result<Outcome, CommandError> {
        self.command_as(n, Actor::Admin(ADMIN), command)
    }

    pub(crate) fn command_as(&mut self, n: u8, actor: Actor, command: Command) -> Result<Outcome, CommandError> {
        self.next_token += 1;
        let token = self.next_token;
        self.input(id(n), Input::Command { token, actor, command: Box::new(command) });
        self.answer(n, token)
    }

    /// Gives a command for a site, which may be another than the broker's, and waits for its answer.
    pub(crate) fn command_in(
        &mut self,
        n: u8,
        site: SiteId,
        actor: Actor,
        command: Command,
    ) -> Result<Outcome, CommandError> {
        self.next_token += 1;
        let token = self.next_token;
        self.input(id(n), Input::CommandIn { site, token, actor, command: Box::new(command) });
        self.answer(n, token)
    }

    fn answer(&mut self, n: u8, token: u64) -> Result<Outcome, CommandError> {
        for _ in 0..200 {
            if let Some(result) = self.replies.remove(&(id(n), token)) {
                return result;
            }
            self.run(50);
        }
        panic!("broker {n} gave no answer in 10 s");
    }

    /// Gives a command and waits for nothing.
    pub(crate) fn tell(&mut self, n: u8, command: Command) {
        self.next_token += 1;
        let (token, actor, command) = (self.next_token, Actor::Admin(ADMIN), Box::new(command));
        self.input(id(n), Input::Command { token, actor, command });
    }

    /// Gives a node a message as if a peer had sent it.
    pub(crate) fn deliver(&mut self, to: u8, from: u8, message: Message) {
        self.input(id(to), Input::Message { from: id(from), message });
    }

    /// Another broker does not accept this broker's key.
    pub(crate) fn refuse(&mut self, n: u8, by: u8) {
        self.input(id(n), Input::Refused(id(by)));
    }

    /// An agent of this broker has seen an epoch that the broker does not know.
    pub(crate) fn fence(&mut self, n: u8, epoch: Epoch) {
        self.input(id(n), Input::Fenced(epoch));
    }

    pub(crate) fn node(&mut self, n: u8) -> &mut Node {
        self.machines.get_mut(&id(n)).unwrap().node.as_mut().unwrap()
    }

    /// The digests of all running nodes.
    pub(crate) fn digests(&mut self) -> Vec<Hash> {
        self.machines.values_mut().filter_map(|m| m.node.as_mut()).map(Node::digest).collect()
    }

    pub(crate) fn assert_equal_views(&mut self) {
        let digests = self.digests();
        assert!(digests.windows(2).all(|w| w[0] == w[1]), "different views: {digests:?}");
    }
}

pub(crate) fn user(name: &str) -> Command {
    Command::AddUser { name: name.parse().unwrap() }
}

pub(crate) fn admin(name: &str) -> Command {
    let grants = vec![hostler_events::payload::Grant { role: hostler_events::payload::Role::Operator, site: None }];
    Command::AddAdmin { name: name.parse().unwrap(), password_hash: "x".into(), grants }
}
