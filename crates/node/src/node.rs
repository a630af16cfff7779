//! The machine of one broker: what goes in, what comes out, and what is due whatever happens. Commands and replication
//! have files of their own.

mod alarms;
mod checkpoint;
mod commands;
mod election;
#[cfg(feature = "planted-faults")]
mod essence;
mod forced;
mod founding;
mod handover;
mod mastership;
mod peers;
mod replication;
mod routing;
mod standing;

use crate::alarms::Alarms;
use crate::candidacy::Candidacy;
use crate::copies::Copies;
use crate::fault::Planted;
use crate::heard::Heard;
use crate::pending::{Origin, Pending};
use crate::random::Random;
use crate::replica::Replica;
use crate::{AlarmCode, Author, Command, CommandError, Continuity, Heads, Members, Message, Outcome};
use hostler_events::{Actor, AuthorKey, Frontier, Hash, StoredEvent};
use hostler_model::{BrokerId, Epoch, Feed, HlcClock, Incarnation, Mono, Now, PublicKey, SiteId, Wall};
use hostler_views::{Digests, Loaded, SavedViews, SavedViewsError, Views};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use election::Election;
pub use peers::Lag;

use handover::Handover;

/// How often peers compare heads, in ms.
const HEADS_EVERY_MS: u64 = 1_000;
/// How long the master has to answer a forwarded command, in ms.
const FORWARD_MS: u64 = 5_000;
/// Commands on their way at one time; more are answered with "busy".
const COMMANDS: usize = 1_024;

/// What a node is made of.
pub struct NodeConfig {
    /// This broker.
    pub me: BrokerId,
    /// Its site.
    pub site: SiteId,
    /// Its key.
    pub key: AuthorKey,
    /// Keys of brokers that it knows from the token with which it joined.
    pub trusted: Vec<(BrokerId, PublicKey)>,
    /// The feed's incarnation at its last stop; for a new member, its first.
    pub incarnation: Incarnation,
    /// For ids and choices.
    pub seed: [u8; 32],
    /// Types of events that it takes for unknown: what an older program would do. None in a real broker.
    pub unread: Vec<u16>,
}

/// What happens to a node.
#[derive(Debug)]
pub enum Input {
    /// Somebody wants something done; the answer carries the same token.
    Command {
        /// The shell's number for it.
        token: u64,
        /// Who wants it.
        actor: Actor,
        /// What.
        command: Box<Command>,
    },
    /// Somebody wants something done in a site, which may be another than this broker's; the answer carries the same
    /// token.
    CommandIn {
        /// Which site.
        site: SiteId,
        /// The shell's number for it.
        token: u64,
        /// Who wants it.
        actor: Actor,
        /// What.
        command: Box<Command>,
    },
    /// A link to another broker is up.
    Linked(BrokerId),
    /// It is gone.
    Unlinked(BrokerId),
    /// Another broker says something.
    Message {
        /// Who.
        from: BrokerId,
        /// What.
        message: Message,
    },
    /// Another broker does not accept this broker's key: it was removed there, or has not joined.
    Refused(BrokerId),
    /// An agent or a gateway has refused an order: it has seen this epoch.
    Fenced(Epoch),
    /// A batch is on the disk.
    Appended {
        /// Which.
        batch: u64,
    },
    /// Time has passed: a deadline was reached.
    Tick,
}

/// What a node wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Write these, synced, and say [`Input::Appended`].
    Append {
        /// The number to say.
        batch: u64,
        /// The events.
        events: Vec<StoredEvent>,
    },
    /// Say something to another broker.
    Send {
        /// To whom.
        to: BrokerId,
        /// What.
        message: Message,
    },
    /// Read the log from this place, [`limits::CHUNK_BYTES`] at most, and send it as a [`Message::Chunk`].
    SendLog {
        /// To whom.
        to: BrokerId,
        /// Which feed.
        feed: Feed,
        /// From which event on.
        from: u64,
    },
    /// Answer a command.
    Reply {
        /// The shell's number for it.
        token: u64,
        /// What came of it.
        result: Result<Outcome, CommandError>,
    },
    /// The views, or who is alive, changed.
    Changed,
    /// Store [`Node::checkpoint`], so that the next start is fast. Nothing is lost where that fails.
    Checkpoint,
    /// There is something new that an administrator should know; [`Node::alarms`] has all.
    Alarm {
        /// The name of an [`AlarmCode`].
        code: &'static str,
        /// What happened.
        text: String,
    },
}

/// Another broker.
#[derive(Clone, Default)]
struct Peer {
    linked: bool,
    heads: Option<Heads>,
    /// How far its wall clock is behind ours, in ms.
    behind_ms: i64,
    /// What it said to have on its disk since its last heads.
    stored: Frontier,
    /// Whether it made other views of the same events, when that could be compared last.
    differs: bool,
    /// It sent events of a broker whose key is not known yet.
    strangers: bool,
}

/// One broker: its log, its views, and its links to the others.
#[cfg_attr(feature = "planted-faults", derive(Clone))]
pub struct Node {
    me: BrokerId,
    site: SiteId,
    author: Author,
    random: Random,
    replica: Replica,
    continuity: Continuity,
    /// The disk was restored from a copy, and no new incarnation was opened yet.
    restored: bool,
    members: Members,
    alive: BTreeSet<BrokerId>,
    peers: BTreeMap<BrokerId, Peer>,
    pending: Pending,
    heard: Heard,
    candidacy: Option<Candidacy>,
    handover: Option<Handover>,
    election: Election,
    next_renewal: Mono,
    /// The incarnation and the mastership that it is known to have said to go on with.
    resumed: Option<(Feed, Epoch)>,
    known_mastership: Option<Epoch>,
    /// The highest epoch that others said to have seen, without showing it.
    fenced: Epoch,
    /// Brokers that do not accept this broker's key.
    refused_by: BTreeSet<BrokerId>,
    /// What others have of this broker's feeds.
    copies: Copies,
    /// Feeds that are known to have forked.
    forked: BTreeSet<Feed>,
    /// Commands that wait until it is clear whether the feed goes on.
    waiting: VecDeque<(Origin, Actor, Box<Command>)>,
    batches: BTreeMap<u64, Batch>,
    next_number: u64,
    next_heads: Mono,
    /// Since when this broker has lacked what others have.
    behind_since: Option<Mono>,
    digest: Option<(Frontier, Hash)>,
    digests: Digests,
    /// How many events the last checkpoint covers.
    saved_events: u64,
    alarms: Alarms,
    /// The mastership when alarms were last looked for.
    alarms_under: Option<Epoch>,
    /// What a look at the log for alarms said last.
    waiting_events: alarms::Waiting,
    out: VecDeque<Output>,
    planted: Planted,
}

/// Events on their way to the disk.
#[derive(Clone)]
struct Batch {
    events: Vec<StoredEvent>,
    /// Who sent them; `None` for our own.
    from: Option<BrokerId>,
}

impl Node {
    /// A node at a start, with what is on its disk.
    #[must_use]
    pub fn new(config: NodeConfig, events: Vec<Arc<Loaded>>, now: Now) -> Self {
        Self::start(config, events, None, now).0
    }

    fn start(
        config: NodeConfig,
        events: Vec<Arc<Loaded>>,
        saved: Option<SavedViews>,
        now: Now,
    ) -> (Self, Option<SavedViewsError>) {
        let mut random = Random::new(config.seed);
        let mut replica = Replica::default();
        replica.unread = config.unread;
        let mut clock = HlcClock::default();
        replica.trust(config.trusted);
        let no_use = replica.load(events, saved, now.wall, &mut clock);
        let feed = Feed { broker: config.me, incarnation: config.incarnation };
        let (seq, head) = replica.accepted.0.get(&feed).copied().unwrap_or_default();
        let continuity = if replica.has_forked(&feed) { Continuity::Broken } else { Continuity::asking(now.mono) };
        let generation = now.wall.0;
        let members = Members::new(config.me, generation, random.generator());
        let next_number = random.first_number();
        let mut node = Self {
            me: config.me,
            site: config.site,
            author: Author::new(config.key, feed, config.site, seq, head, clock),
            random,
            replica,
            continuity,
            restored: false,
            members,
            alive: BTreeSet::new(),
            peers: BTreeMap::new(),
            pending: Pending::default(),
            heard: Heard::new(now),
            candidacy: None,
            handover: None,
            election: Election::default(),
            next_renewal: now.mono,
            resumed: None,
            known_mastership: None,
            fenced: Epoch::NONE,
            refused_by: BTreeSet::new(),
            copies: Copies::default(),
            forked: BTreeSet::new(),
            waiting: VecDeque::new(),
            batches: BTreeMap::new(),
            next_number,
            next_heads: now.mono,
            behind_since: None,
            digest: None,
            digests: Digests::default(),
            saved_events: 0,
            alarms: Alarms::default(),
            alarms_under: None,
            waiting_events: alarms::Waiting::default(),
            out: VecDeque::new(),
            planted: Planted::default(),
        };
        node.settle(now);
        (node, no_use)
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Now, input: Input) {
        if self.heard.watch_clock(now) && self.replica.hold_again(self.heard.wall(), self.author.clock_mut()) {
            if self.has_written_ahead() {
                self.break_continuity();
            }
            self.out.push_back(Output::Changed);
        }
        match input {
            Input::Command { token, actor, command } => self.route(now, token, self.site, actor, command),
            Input::CommandIn { site, token, actor, command } => self.route(now, token, site, actor, command),
            Input::Linked(peer) => {
                self.peers.entry(peer).or_default().linked = true;
                self.refused_by.remove(&peer);
                self.members.link(now.mono, peer, true);
                self.send_heads(now, peer);
            }
            Input::Unlinked(peer) => {
                if let Some(p) = self.peers.get_mut(&peer) {
                    p.linked = false;
                    p.stored = Frontier::default();
                }
                self.members.link(now.mono, peer, false);
            }
            Input::Message { from, message } => {
                self.heard.hear(now, from);
                self.message(now, from, message);
            }
            Input::Refused(by) => {
                self.refused_by.insert(by);
            }
            Input::Fenced(epoch) => self.fenced = self.fenced.max(epoch),
            Input::Appended { batch } => self.appended(now, batch),
            Input::Tick => {}
        }
        self.after(now);
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When to say [`Input::Tick`].
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        let soonest = self.members.deadline().min(self.next_heads);
        let candidacy = self.candidacy.as_ref().map(|c| c.deadline(self.heard.now()));
        let handover = self.handover.as_ref().map(|h| h.until);
        [self.pending.deadline(), self.continuity.deadline(), candidacy, handover]
            .into_iter()
            .flatten()
            .chain([soonest])
            .min()
    }

    /// The views.
    #[must_use]
    pub fn views(&self) -> &Views {
        &self.replica.views
    }

    /// The brokers that are alive, this one included.
    #[must_use]
    pub fn alive(&self) -> BTreeSet<BrokerId> {
        self.alive.iter().copied().chain([self.me]).collect()
    }

    /// The master of this broker's site, and its epoch. A broker that has seen a higher epoch than its own promotion's
    /// is not master.
    #[must_use]
    pub fn master(&self) -> Option<(BrokerId, Epoch)> {
        let (epoch, _) = self.replica.views.timeline(self.site)?.rules().highest_effective()?;
        (epoch >= self.epoch().max(self.fenced)).then_some((epoch.broker, epoch))
    }

    /// The highest epoch that was seen in this broker's site.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.replica.epochs.get(&self.site).copied().unwrap_or(Epoch::NONE)
    }

    /// The highest epoch that is on the disk. What is not may get lost, and then nobody must wait for its master.
    fn durable_epoch(&self) -> Epoch {
        let durable = |e: &&hostler_views::Entry| self.replica.is_durable(&e.loaded.reference);
        // The order begins with the epoch.
        let entries = self.replica.views.timeline(self.site).map_or(&[][..], |t| t.entries());
        entries.iter().rev().find(durable).map_or(Epoch::NONE, |e| e.key.epoch)
    }

    /// For every feed the last event on the disk.
    #[must_use]
    pub fn durable(&self) -> &Frontier {
        &self.replica.durable
    }

    /// For every feed the last event in the views.
    #[must_use]
    pub fn folded(&self) -> &Frontier {
        &self.replica.folded
    }

    /// The incarnation in which the next event will be, unless a new one has to be opened for it.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.author.feed().incarnation
    }

    /// Digest of the views, computed where it is asked for.
    pub fn digest(&mut self) -> Hash {
        match &self.digest {
            Some((at, digest)) if *at == self.replica.folded => *digest,
            _ => {
                let digest = self.digests.of(&self.replica.views);
                self.digest = Some((self.replica.folded.clone(), digest));
                digest
            }
        }
    }

    fn message(&mut self, now: Now, from: BrokerId, message: Message) {
        match message {
            Message::Heads(heads) => self.compare(now, from, *heads),
            Message::Push(bytes) | Message::Chunk(bytes) => {
                let events = bytes.into_iter().map(StoredEvent::parse).collect::<Result<Vec<_>, _>>();
                match events {
                    Ok(events) => self.accept(from, events),
                    Err(error) => {
                        self.alarm(AlarmCode::EventUnreadable, format!("broker {} sent: {error}", from.short()))
                    }
                }
            }
            Message::Pull { feed, from: place } => {
                let (feed, place) = self.replica.in_log(feed, place.max(1));
                self.out.push_back(Output::SendLog { to: from, feed, from: place });
            }
            Message::Stored { feed, seq } => {
                if let Some(peer) = self.peers.get_mut(&from) {
                    peer.stored.raise(feed, seq, Hash::ZERO);
                }
            }
            Message::Forward { request, actor, command } => {
                self.command(now, Origin::Peer(from, request), actor, command);
            }
            Message::Forwarded { request, result } => self.forwarded(now, request, result),
            Message::Gather { round, site } => self.gather(from, round, site),
            Message::Gathered { round, durable, highest } => self.gathered(from, round, durable, highest),
            Message::Elect { n, succeeds } => self.elect(now, from, n, succeeds),
            Message::Gossip(data) => self.members.receive(now.mono, &data),
        }
    }

    /// What is due, whatever happened.
    fn after(&mut self, now: Now) {
        self.settle(now);
        self.members.tick(now.mono);
        for (to, data) in self.members.drain() {
            self.out.push_back(Output::Send { to, message: Message::Gossip(data) });
        }
        let alive = self.members.alive();
        if alive != self.alive {
            self.alive = alive;
            self.out.push_back(Output::Changed);
        }
        if now.mono >= self.next_heads {
            self.next_heads = now.mono.plus(HEADS_EVERY_MS);
            let linked: Vec<BrokerId> = self.peers.iter().filter(|(_, p)| p.linked).map(|(id, _)| *id).collect();
            for to in linked {
                self.send_heads(now, to);
            }
            self.watch_own_lag(now.mono);
            self.release_held();
            self.look_for_alarms(now);
        } else if self.has_other_master() {
            self.look_for_alarms(now);
        }
        self.found_where_due(now);
        self.tend_mastership(now);
        self.try_parked(now);
        self.answer_spread(now);
        self.time_out_forwarded(now);
        self.ask_for_checkpoint();
    }

    /// What was held for being from the future counts once most clocks show its time.
    fn release_held(&mut self) {
        if self.replica.release_held(self.heard.wall(), self.author.clock_mut()) {
            self.out.push_back(Output::Changed);
        }
    }

    /// Once it is clear whether the feed goes on, what waited for that is carried out.
    fn settle(&mut self, now: Now) {
        // Asked for after every input, and of no interest once it is settled.
        let asks = self.continuity.is_asking();
        let members = if asks { self.other_members() } else { BTreeSet::new() };
        let settled = self.continuity.settle(now.mono, &members);
        if asks && settled {
            // By now it is known what most clocks show, if it ever will be.
            self.release_held();
            if self.has_written_ahead() {
                self.continuity = Continuity::Broken;
            }
        }
        self.look_at_standing(now);
        if settled {
            self.heed_restored();
            for (origin, actor, command) in std::mem::take(&mut self.waiting) {
                self.command(now, origin, actor, command);
            }
        }
    }

    /// How far this clock is ahead of the peers' median, in ms; negative where it is behind.
    #[must_use]
    pub fn clock_ahead(&self) -> i64 {
        let mut behind: Vec<i64> =
            self.peers.values().filter(|p| p.linked && p.heads.is_some()).map(|p| p.behind_ms).collect();
        if behind.len().is_multiple_of(2) {
            // Between two in the middle this clock decides: one broker's wrong clock must not make the others' wrong.
            behind.push(0);
        }
        behind.sort_unstable();
        behind.get(behind.len() / 2).copied().unwrap_or(0)
    }

    fn ahead_ms(&self) -> u64 {
        let ahead_ms = u64::try_from(self.clock_ahead()).unwrap_or(0);
        if self.planted.is(crate::fault::Fault::ClockAheadIgnored) { 0 } else { ahead_ms }
    }

    /// What it wrote in the future, by a clock that was wrong, must not be followed by something earlier.
    fn has_written_ahead(&self) -> bool {
        let feed = self.author.feed();
        let last = |f: &Frontier| f.0.get(&feed).map_or(0, |(seq, _)| *seq);
        last(&self.replica.folded) < last(&self.replica.accepted)
    }

    /// All other brokers of the farm, by the views and by what is held.
    fn other_members(&self) -> BTreeSet<BrokerId> {
        let states = self.replica.views.timelines().map(|(_, t)| t.state());
        let members = states.flat_map(|s| s.order.iter()).chain(self.replica.held_brokers.keys());
        members.copied().filter(|b| *b != self.me).collect()
    }

    /// Brokers whose joining is from the future by this one's clock. Links to them are what can put that right.
    pub fn held_brokers(
        &self,
    ) -> impl Iterator<Item = (BrokerId, PublicKey, &hostler_events::payload::BrokerAddresses)> {
        self.replica.held_brokers.iter().map(|(id, (key, addresses))| (*id, *key, addresses))
    }

    fn member_count(&self) -> u32 {
        u32::try_from(self.other_members().len() + 1).unwrap_or(u32::MAX)
    }

    fn broker_name(&self, broker: BrokerId) -> String {
        let mut states = self.replica.views.timelines().map(|(_, t)| t.state());
        states.find_map(|s| s.brokers.get(&broker)).map_or_else(|| broker.short(), |b| b.name.to_string())
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }
}

fn signed_difference(ours: Wall, theirs: Wall) -> i64 {
    let (a, b) = (i64::try_from(ours.0).unwrap_or(i64::MAX), i64::try_from(theirs.0).unwrap_or(i64::MAX));
    a.saturating_sub(b)
}
