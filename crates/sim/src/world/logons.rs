//! Users and the gateways that they come through.

use super::World;
use super::event::{Away, Body, Event, Place};
use super::fact::Fact;
use super::host::Coming;
use super::seats;
use crate::dice::Dice;
use crate::scenario::{Action, Range, Ratio};
use hostler_model::{HostId, ItemId, TicketId, UserName, limits};
use hostler_seating::seat::{Door, NoSeat, Placement, SeatRequest, TicketClaim, TicketRefusal};
use hostler_seating::site::SiteInput;
use std::collections::{BTreeMap, VecDeque};

/// A gateway asks another broker as well where one says nothing for so long, in ms; as `hostler-gateway` does.
const ANSWER_WAIT_MS: u64 = 2 * limits::HOME_BROKER_WAIT_MS;
/// What is refused at once finds out so soon, in ms.
const REFUSED_MS: u64 = 3;
/// After all brokers were asked, a user tries again so much later, in ms.
const ROUND_MS: u64 = 500;
/// Questions that a user asks before giving up.
const ATTEMPTS: u32 = 24;
/// How long a user waits in all, in ms: then the client gives up.
const PATIENCE_MS: u64 = 15_000;
/// Tickets that users keep after they were taken.
const KEPT: usize = 64;
/// An agent has seen by then that a session has ended, in ms.
const SEEN_MS: u64 = 1_000;
/// How long a session lasts that an old ticket should not have started, in ms.
const AGAIN_SESSION_MS: Range<u64> = Range(5_000, 20_000);
/// Hosts that a gateway can't reach in one logon before it gives up.
const AVOIDED: usize = 3;
/// How long everything must have been in order before a failed logon can't be blamed on what was, in ms: a broker that
/// has just started waits 10 s for the hosts, and a host that fell silent is noticed after 5 s.
pub(crate) const BLAME_MS: u64 = 20_000;

/// One user's way in.
#[derive(Clone, Debug)]
struct Logon {
    user: UserName,
    item: ItemId,
    door: Door,
    gateway: usize,
    /// The brokers in the order in which this gateway asks them.
    brokers: Vec<usize>,
    began_ms: u64,
    attempt: u32,
    /// Who is being asked.
    asks: Option<usize>,
    avoid: Vec<HostId>,
    session_ms: u64,
    /// A place was found; what is left is the host's.
    placed: Option<(usize, TicketId)>,
    /// What it presented there.
    claim: Option<TicketClaim>,
    /// Whether the farm had room for everybody when it began.
    had_room: bool,
}

/// A ticket that its user keeps after it was taken.
#[derive(Clone, Debug)]
struct Kept {
    user: UserName,
    claim: TicketClaim,
    taken_ms: u64,
    /// When the session ended that it led to.
    ended_ms: Option<u64>,
}

/// Users, and their logons.
pub(crate) struct Logons {
    pub(crate) dice: Dice,
    next: u64,
    under_way: BTreeMap<u64, Logon>,
    /// Who has a session or wants one, with the user's number.
    inside: BTreeMap<UserName, usize>,
    /// The numbers of all others.
    outside: Vec<usize>,
    stopped: bool,
    kept: VecDeque<Kept>,
}

impl Logons {
    pub(crate) fn new(dice: Dice, users: usize) -> Self {
        Self {
            dice,
            next: 0,
            under_way: BTreeMap::new(),
            inside: BTreeMap::new(),
            outside: (0..users).collect(),
            stopped: false,
            kept: VecDeque::new(),
        }
    }

    pub(crate) fn stop(&mut self) {
        self.stopped = true;
    }

    pub(crate) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    pub(crate) fn request(&self, logon: u64) -> Option<SeatRequest> {
        let on = self.under_way.get(&logon)?;
        Some(seats::request(on.user.clone(), on.item, on.door, on.avoid.clone()))
    }

    pub(crate) fn gateway(&self, logon: u64) -> Option<usize> {
        self.under_way.get(&logon).map(|on| on.gateway)
    }

    pub(crate) fn session_ms(&self, logon: u64) -> u64 {
        self.under_way.get(&logon).map_or(60_000, |on| on.session_ms)
    }

    /// A user wants a session.
    fn enters(&mut self, user: &UserName, number: Option<usize>) {
        let Some(number) = number.filter(|_| !self.inside.contains_key(user)) else { return };
        if let Some(place) = self.outside.iter().position(|n| *n == number) {
            self.outside.swap_remove(place);
        }
        self.inside.insert(user.clone(), number);
    }

    /// A user has no session any more, and wants none.
    fn leaves(&mut self, user: &UserName) {
        self.outside.extend(self.inside.remove(user));
    }

    pub(crate) fn is_out(&mut self, user: &UserName, now_ms: u64) {
        // Whoever is on the way back to a session that ends meanwhile gets another one.
        if !self.under_way.values().any(|on| on.user == *user) {
            self.leaves(user);
        }
        for kept in self.kept.iter_mut().filter(|kept| kept.user == *user) {
            kept.ended_ms.get_or_insert(now_ms);
        }
    }

    /// A host's machine is away: the sessions there have ended.
    pub(crate) fn host_stops(&mut self, at: usize, all: bool) {
        if all {
            let failed: Vec<u64> = self
                .under_way
                .iter()
                .filter(|(_, l)| l.placed.is_some_and(|(h, _)| h == at))
                .map(|(id, _)| *id)
                .collect();
            for logon in failed {
                if let Some(on) = self.under_way.remove(&logon) {
                    self.leaves(&on.user);
                }
            }
        }
    }
}

impl World {
    /// Somebody wants to log on; at most one logon of a user at a time.
    pub(crate) fn begin_logon(&mut self, session_ms: Range<u64>) {
        let users = self.setup.users.len();
        if users == 0 || self.hosts.is_empty() {
            return;
        }
        let again = self.logons.dice.happens(Ratio { of: 1, out_of: 20 });
        if !again && !self.logons.outside.is_empty() {
            let place = self.logons.dice.index(self.logons.outside.len());
            let user = self.setup.users[self.logons.outside[place]].clone();
            self.begin_logon_of(user, session_ms, None);
            return;
        }
        // Somebody who has a session asks again: the client was closed, or another is opened.
        let host = self.logons.dice.index(self.hosts.len());
        let Some(user) = self.hosts[host].live.all().next().map(|s| s.user.clone()) else { return };
        if !self.logons.under_way.values().any(|l| l.user == user) {
            self.begin_logon_of(user, session_ms, None);
        }
    }

    /// This user wants to log on, through a certain door where one is given.
    fn begin_logon_of(&mut self, user: UserName, session_ms: Range<u64>, door: Option<Door>) -> Option<u64> {
        let item = self.item_of(&user)?;
        let gateway = self.logons.dice.index(usize::from(self.plan.cluster.gateways));
        let site = self.setup.site;
        let mut brokers: Vec<usize> =
            (0..self.machines.len()).filter(|at| self.machines[*at].site == site && !self.machines[*at].gone).collect();
        let turn = self.logons.dice.index(brokers.len());
        brokers.rotate_left(turn);
        let drawn = if self.logons.dice.happens(Ratio { of: 1, out_of: 2 }) { Door::Api } else { Door::Open };
        let door = door.unwrap_or(drawn);
        self.logons.next += 1;
        let (logon, began_ms) = (self.logons.next, self.now_ms);
        self.logons.enters(&user, self.setup.user_index.get(&user).copied());
        let session_ms = self.logons.dice.between(session_ms);
        let had_room = self.has_room(gateway);
        let on = Logon {
            user,
            item,
            door,
            gateway,
            brokers,
            began_ms,
            attempt: 0,
            asks: None,
            avoid: Vec::new(),
            session_ms,
            placed: None,
            claim: None,
            had_room,
        };
        self.logons.under_way.insert(logon, on);
        self.stats.logons += 1;
        self.queue.push(self.now_ms, Event::Ask { logon, attempt: 0 });
        Some(logon)
    }

    /// Somebody whose session has ended presents its ticket once more: it stands in a file that they have kept.
    pub(crate) fn present_again(&mut self) {
        // The host's agent sees a moment later than its users that a session has ended.
        let seen = |kept: &Kept| kept.ended_ms.is_some_and(|at| at + SEEN_MS < self.now_ms);
        let out = |kept: &Kept| seen(kept) && !self.logons.inside.contains_key(&kept.user);
        let Some(kept) = self.logons.kept.iter().position(out).and_then(|n| self.logons.kept.remove(n)) else {
            return;
        };
        let Kept { user, claim, taken_ms, .. } = kept;
        let Some(host) = self.host_of(claim.host) else { return };
        let Some(by) = self.any_running() else { return };
        let Some(logon) = self.begin_logon_of(user, AGAIN_SESSION_MS, Some(Door::Api)) else { return };
        let Some(on) = self.logons.under_way.get_mut(&logon) else { return };
        on.placed = Some((host, claim.ticket));
        let (attempt, issued) = (on.attempt, self.machines[by].now(taken_ms).wall);
        let sent = self.send(Place::Broker(by), Place::Host(host), Body::Take { logon, claim, issued });
        let wait_ms = if sent { 2_000 } else { REFUSED_MS };
        self.queue.push(self.now_ms + wait_ms, Event::GiveUp { logon, attempt });
    }

    /// What a user works with: always the same.
    fn item_of(&self, user: &UserName) -> Option<ItemId> {
        let number = self.setup.user_index.get(user)?;
        self.setup.items.get(number % self.setup.items.len().max(1)).copied()
    }

    /// True where most hosts have room and this gateway reaches them.
    fn has_room(&self, gateway: usize) -> bool {
        let reached = |h: &usize| !self.network.is_cut(Place::Gateway(gateway), Place::Host(*h));
        let with_room = (0..self.hosts.len()).filter(reached).filter(|h| self.hosts[*h].has_room()).count();
        with_room * 2 > self.hosts.len()
    }

    pub(crate) fn next_logon(&mut self, step: usize, until_ms: u64) {
        if self.now_ms >= until_ms || self.logons.stopped {
            return;
        }
        let Some(Action::Logons { per_minute, session_ms, .. }) = self.plan.step.get(step).map(|s| s.action.clone())
        else {
            return;
        };
        self.begin_logon(session_ms);
        let mean_ms = (60_000 / u64::from(per_minute.max(1))).max(1);
        let wait_ms = self.logons.dice.between(Range(0, 2 * mean_ms));
        self.queue.push(self.now_ms + wait_ms, Event::NextLogon { step, until_ms });
    }

    /// The gateway asks the next broker.
    pub(crate) fn ask(&mut self, logon: u64, attempt: u32) {
        let Some(on) = self.logons.under_way.get_mut(&logon) else { return };
        if on.attempt != attempt || on.placed.is_some() {
            return;
        }
        if on.attempt >= ATTEMPTS || self.now_ms > on.began_ms + PATIENCE_MS || on.brokers.is_empty() {
            return self.logon_failed(logon, "no broker gave an answer in time", true);
        }
        let count = on.brokers.len();
        let at = on.brokers[attempt as usize % count];
        on.attempt += 1;
        on.asks = Some(at);
        let (next, gateway) = (on.attempt, on.gateway);
        let round_ms = if (next as usize).is_multiple_of(count) { ROUND_MS } else { 0 };
        let (from, to) = (Place::Gateway(gateway), Place::Broker(at));
        if self.machines[at].process.is_none() {
            return self.queue.push(self.now_ms + REFUSED_MS + round_ms, Event::Ask { logon, attempt: next });
        }
        self.queue.push(self.now_ms + ANSWER_WAIT_MS + round_ms, Event::Ask { logon, attempt: next });
        if !self.network.is_cut(from, to)
            && let Some(delay_ms) = self.delay(from, to, true)
        {
            let run = self.machines[at].run;
            self.queue.push(self.now_ms + delay_ms, Event::Asked { at, run, logon });
        }
    }

    /// A broker has ended: its gateways notice at once.
    pub(crate) fn retry_logons_of(&mut self, at: usize) {
        let waits = |l: &Logon| l.asks == Some(at) && l.placed.is_none();
        let logons: Vec<(u64, u32)> =
            self.logons.under_way.iter().filter(|(_, l)| waits(l)).map(|(id, l)| (*id, l.attempt)).collect();
        for (logon, attempt) in logons {
            self.queue.push(self.now_ms + REFUSED_MS, Event::Ask { logon, attempt });
        }
    }

    pub(crate) fn answered(&mut self, logon: u64, by: usize, result: Result<Box<Placement>, Away>) {
        let Some(on) = self.logons.under_way.get_mut(&logon) else { return };
        if on.placed.is_some() {
            return;
        }
        match result {
            Ok(placement) => self.connect(logon, by, &placement),
            Err(Away::NotServing | Away::NoSeat(NoSeat::Busy)) => {
                if on.asks == Some(by) {
                    let attempt = on.attempt;
                    let again_ms =
                        if (attempt as usize).is_multiple_of(on.brokers.len().max(1)) { ROUND_MS } else { REFUSED_MS };
                    self.queue.push(self.now_ms + again_ms, Event::Ask { logon, attempt });
                }
            }
            Err(Away::NoSeat(why)) => {
                let blameless =
                    matches!(why, NoSeat::NoHost { .. } | NoSeat::UnknownUser(_) | NoSeat::NotEntitled { .. });
                self.logon_failed(logon, &why.to_string(), blameless);
            }
        }
    }

    /// The gateway connects the client to the host, or presents the ticket first.
    fn connect(&mut self, logon: u64, by: usize, placement: &Placement) {
        let Some(host) = self.host_of(placement.host) else { return };
        let Some(on) = self.logons.under_way.get_mut(&logon) else { return };
        let (gateway, door) = (on.gateway, on.door);
        if !self.hosts[host].on || self.network.is_cut(Place::Gateway(gateway), Place::Host(host)) {
            self.marks.hit("host.unreachable");
            let Some(on) = self.logons.under_way.get_mut(&logon) else { return };
            on.avoid.push(placement.host);
            let (tried, attempt) = (on.avoid.len(), on.attempt);
            let (id, seat) = (placement.host, placement.seat);
            for other in 0..self.machines.len() {
                if other == by {
                    self.tell_seating(by, SiteInput::Unreachable { host: id, seat });
                } else {
                    self.send(Place::Broker(by), Place::Broker(other), Body::Unreachable { host: id, seat });
                }
            }
            if tried > AVOIDED {
                return self.logon_failed(logon, "no host could be reached", true);
            }
            return self.queue.push(self.now_ms + REFUSED_MS, Event::Ask { logon, attempt });
        }
        let user = &placement.user;
        let back = placement.reattach.is_some();
        self.trace.user(self.now_ms, || {
            format!("{user} is sent to h{}{}", host + 1, if back { ", back to a session" } else { "" })
        });
        if door == Door::Open {
            return self.comes_in(logon, host, placement.ticket);
        }
        let claim = TicketClaim { ticket: placement.ticket, seat: placement.seat, host: placement.host };
        let issued = self.machines[by].now(self.now_ms).wall;
        let sent = self.send(Place::Broker(by), Place::Host(host), Body::Take { logon, claim, issued });
        let Some(on) = self.logons.under_way.get_mut(&logon) else { return };
        on.placed = Some((host, placement.ticket));
        on.claim = Some(claim);
        let attempt = on.attempt;
        // Whoever gets no answer about the ticket asks for a new one.
        let wait_ms = if sent { 2_000 } else { REFUSED_MS };
        self.queue.push(self.now_ms + wait_ms, Event::GiveUp { logon, attempt });
    }

    fn comes_in(&mut self, logon: u64, host: usize, ticket: TicketId) {
        let Some(on) = self.logons.under_way.get_mut(&logon) else { return };
        on.placed = Some((host, ticket));
        // Nobody waits for an answer any more.
        on.attempt = ATTEMPTS + 1;
        let coming = Coming { logon, user: on.user.clone(), item: on.item, ticket: Some(ticket) };
        self.comes(host, coming);
    }

    pub(crate) fn taken(&mut self, _by: usize, host: usize, logon: u64, result: Result<(), TicketRefusal>) {
        let Some(on) = self.logons.under_way.get_mut(&logon) else { return };
        let Some((placed, ticket)) = on.placed.filter(|_| on.attempt <= ATTEMPTS) else { return };
        match result {
            Ok(()) if placed == host => {
                if let Some(claim) = on.claim {
                    let (user, taken_ms) = (on.user.clone(), self.now_ms);
                    let kept = Kept { user, claim, taken_ms, ended_ms: None };
                    self.logons.kept.push_back(kept);
                    let old = self.logons.kept.len().saturating_sub(KEPT);
                    self.logons.kept.drain(..old);
                }
                self.comes_in(logon, host, ticket);
            }
            _ => {
                self.marks.hit("ticket.refused");
                let Some(on) = self.logons.under_way.get_mut(&logon) else { return };
                on.placed = None;
                let attempt = on.attempt;
                self.queue.push(self.now_ms + REFUSED_MS, Event::Ask { logon, attempt });
            }
        }
    }

    /// No answer about a ticket.
    pub(crate) fn gives_up(&mut self, logon: u64, attempt: u32) {
        let Some(on) = self.logons.under_way.get_mut(&logon) else { return };
        if on.attempt == attempt && on.placed.is_some() {
            on.placed = None;
            self.queue.push(self.now_ms, Event::Ask { logon, attempt });
        }
    }

    pub(crate) fn logon_is_through(&mut self, logon: u64) {
        let Some(on) = self.logons.under_way.remove(&logon) else { return };
        let took_ms = self.now_ms - on.began_ms;
        self.stats.logon_took(took_ms);
        self.note(&took_ms.to_le_bytes());
    }

    /// A logon has come to nothing. `blameless`: it should have found a place, if one was there.
    pub(crate) fn logon_failed(&mut self, logon: u64, why: &str, blameless: bool) {
        let Some(on) = self.logons.under_way.remove(&logon) else { return };
        let inside = self.hosts.iter().any(|h| h.live.of(&on.user).next().is_some());
        if !inside {
            self.logons.leaves(&on.user);
        }
        self.stats.logons_failed += 1;
        self.note(why.as_bytes());
        let calm = self.calm_ms() >= BLAME_MS.max(self.now_ms - on.began_ms + 1);
        let room = on.had_room && self.has_room(on.gateway);
        let user = on.user;
        self.trace.say(self.now_ms, || format!("{user} gets no session: {why}"));
        self.facts.push_back(Fact::LogonFailed { user, why: why.to_owned(), blameless: blameless && calm && room });
    }

    /// After everything is mended, some users log on: they must get in.
    pub(crate) fn probe(&mut self, count: usize) {
        self.logons.stopped = false;
        for _ in 0..count {
            self.begin_logon(Range::just(600_000));
        }
        self.logons.stopped = true;
    }
}
