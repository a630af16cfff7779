//! The network: who is cut off from whom, links that come up and die, and how long a message takes.

use super::World;
use super::event::{Body, Event, Place};
use crate::dice::Dice;
use hostler_model::Mono;
use hostler_node::{Input, Message};
use hostler_seating::AdmissionInput;
use hostler_seating::site::SiteInput;
use std::collections::{BTreeMap, BTreeSet};

/// A link between brokers on which nothing is heard is dead after so long, in ms; as in `hostler-wire`.
pub(crate) const PEER_IDLE_MS: u64 = 2_000;
/// The same for a link between a broker and an agent.
pub(crate) const AGENT_IDLE_MS: u64 = 5_000;
/// A process that ends says so, or its machine does, within so many ms.
const GOODBYE_MS: u64 = 15;
/// How long it takes until a link that is gone is tried again, in ms.
const REDIAL_MS: crate::scenario::Range<u64> = crate::scenario::Range(60, 600);
/// A broker whose key is not accepted tries again after so long, in ms.
const REFUSED_MS: u64 = 1_000;
/// A lost part of a stream is sent again after so long, in ms, and a round trip.
const RESEND_MS: u64 = 25;

/// A cut: what is on the two sides can't talk, or only in one direction.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    pub(crate) id: u64,
    pub(crate) inside: BTreeSet<Place>,
    /// Pairs that are cut; instead of sides.
    pub(crate) pairs: BTreeSet<(Place, Place)>,
    /// Only what comes from the inside is lost.
    pub(crate) one_way: bool,
}

impl Cut {
    fn cuts(&self, from: Place, to: Place) -> bool {
        let (a, b) = (self.inside.contains(&from), self.inside.contains(&to));
        (a && !b) || (b && !a && !self.one_way) || self.pairs.contains(&(from, to)) || self.pairs.contains(&(to, from))
    }
}

/// A link between two members.
#[derive(Clone, Debug, Default)]
struct Link {
    number: u64,
    up: bool,
    /// An attempt to bring it up is under way.
    dialing: bool,
    /// How often each end was started when it came up.
    runs: (u32, u32),
    /// When the last message of a stream arrives, each way.
    last_ms: [u64; 2],
    /// What a cut holds back, each way; it is sent again when that ends, if the link lives so long.
    held: [Vec<Body>; 2],
}

/// The network.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) cuts: Vec<Cut>,
    links: BTreeMap<(Place, Place), Link>,
    dice: Dice,
    next: u64,
}

impl Network {
    pub(crate) fn new(dice: Dice) -> Self {
        Self { cuts: Vec::new(), links: BTreeMap::new(), dice, next: 0 }
    }

    pub(crate) fn is_cut(&self, from: Place, to: Place) -> bool {
        self.cuts.iter().any(|cut| cut.cuts(from, to))
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

fn ordered(a: Place, b: Place) -> (Place, Place) {
    if a < b { (a, b) } else { (b, a) }
}

impl World {
    /// How often a member was started; `None` where it does not run.
    fn run_of(&self, place: Place) -> Option<u32> {
        match place {
            Place::Broker(at) => self.machines.get(at).filter(|m| m.process.is_some()).map(|m| m.run),
            Place::Host(at) => self.hosts.get(at).filter(|h| h.agent.is_some()).map(|h| h.run),
            Place::Gateway(_) => Some(0),
        }
    }

    fn slow_ms(&self, place: Place) -> u64 {
        match place {
            Place::Broker(at) => self.machines.get(at).map_or(0, |m| m.slow_links_ms),
            Place::Host(at) => self.hosts.get(at).map_or(0, |h| h.slow_ms),
            Place::Gateway(_) => 0,
        }
    }

    /// How long one way takes now; `None` for a datagram that is lost.
    pub(crate) fn delay(&mut self, from: Place, to: Place, stream: bool) -> Option<u64> {
        let network = &self.plan.network;
        let one_way = self.network.dice.between(network.delay_ms);
        let lost = self.network.dice.happens(network.loss);
        if lost && !stream {
            return None;
        }
        let delay = one_way + self.slow_ms(from) + self.slow_ms(to);
        Some(if lost { 3 * delay + RESEND_MS } else { delay })
    }

    /// Says something to another member over the link to it. False where there is none.
    pub(crate) fn send(&mut self, from: Place, to: Place, body: Body) -> bool {
        let (key, way) = (ordered(from, to), usize::from(from > to));
        let runs = (self.run_of(key.0), self.run_of(key.1));
        let cut = !self.network.cuts.is_empty() && self.network.is_cut(from, to);
        let Some(link) = self.network.links.get_mut(&key).filter(|link| link.up) else { return false };
        if runs.0 != Some(link.runs.0) && from == key.0 || runs.1 != Some(link.runs.1) && from == key.1 {
            return false;
        }
        let datagram = matches!(body, Body::Node(Message::Gossip(_)));
        if cut {
            if !datagram {
                link.held[way].push(body);
            }
            return true;
        }
        let number = link.number;
        let Some(delay_ms) = self.delay(from, to, !datagram) else { return true };
        let mut at_ms = self.now_ms + delay_ms;
        let Some(link) = self.network.links.get_mut(&key) else { return false };
        if datagram {
            let (duplicate, reorder) = (self.plan.network.duplicate, self.plan.network.reorder);
            if self.network.dice.happens(reorder) {
                at_ms += 2 * delay_ms + 1;
            }
            if self.network.dice.happens(duplicate) {
                let event = Event::Arrive { from, to, link: number, body: body.clone() };
                self.queue.push(at_ms + delay_ms, event);
            }
        } else {
            // A stream keeps its order.
            at_ms = at_ms.max(link.last_ms[way]);
            link.last_ms[way] = at_ms;
        }
        self.queue.push(at_ms, Event::Arrive { from, to, link: number, body });
        true
    }

    /// Something has arrived: true where the link over which it came still stands.
    pub(crate) fn arrives(&self, from: Place, to: Place, number: u64) -> bool {
        let key = ordered(from, to);
        let Some(link) = self.network.links.get(&key) else { return false };
        let run = if to == key.0 { link.runs.0 } else { link.runs.1 };
        link.up && link.number == number && self.run_of(to) == Some(run)
    }

    /// Looks at all links of a member, after something has changed there.
    pub(crate) fn look_at_links(&mut self, place: Place) {
        let others: Vec<Place> = match place {
            Place::Broker(_) => {
                let brokers = (0..self.machines.len()).map(Place::Broker);
                brokers.chain((0..self.hosts.len()).map(Place::Host)).filter(|p| *p != place).collect()
            }
            Place::Host(_) => (0..self.machines.len()).map(Place::Broker).collect(),
            Place::Gateway(_) => Vec::new(),
        };
        for other in others {
            self.look_at_link(place, other);
        }
    }

    pub(crate) fn look_at_all_links(&mut self) {
        for at in 0..self.machines.len() {
            self.look_at_links(Place::Broker(at));
        }
    }

    /// True where both ends run and hear each other.
    fn could_talk(&self, a: Place, b: Place) -> bool {
        let belongs = match ordered(a, b) {
            (Place::Broker(a), Place::Broker(b)) => {
                self.machines[a].id != self.machines[b].id && self.is_reached(a) && self.is_reached(b)
            }
            (Place::Broker(a), Place::Host(_)) => self.machines[a].site == self.setup.site && self.is_reached(a),
            _ => false,
        };
        let runs = self.run_of(a).is_some() && self.run_of(b).is_some();
        belongs && runs && !self.network.is_cut(a, b) && !self.network.is_cut(b, a)
    }

    fn look_at_link(&mut self, a: Place, b: Place) {
        let (a, b) = ordered(a, b);
        let could = self.could_talk(a, b);
        let runs = (self.run_of(a), self.run_of(b));
        let link = self.network.links.entry((a, b)).or_default();
        if link.up {
            let same = runs == (Some(link.runs.0), Some(link.runs.1));
            let number = link.number;
            if !same {
                let wait_ms = self.network.dice.between(crate::scenario::Range(1, GOODBYE_MS));
                self.queue.push(self.now_ms + wait_ms, Event::LinkDown { a, b, link: number });
            } else if !could {
                let idle = if matches!(b, Place::Host(_)) { AGENT_IDLE_MS } else { PEER_IDLE_MS };
                self.queue.push(self.now_ms + idle, Event::LinkDown { a, b, link: number });
            } else {
                self.send_held(a, b);
            }
        } else if could && !link.dialing {
            link.dialing = true;
            let wait_ms = self.network.dice.between(REDIAL_MS);
            self.queue.push(self.now_ms + wait_ms, Event::LinkUp { a, b });
        }
    }

    fn send_held(&mut self, a: Place, b: Place) {
        for (from, to, way) in [(a, b, 0), (b, a, 1)] {
            let held = self.network.links.get_mut(&(a, b)).map(|link| std::mem::take(&mut link.held[way]));
            for body in held.unwrap_or_default() {
                self.send(from, to, body);
            }
        }
    }

    pub(crate) fn link_up(&mut self, a: Place, b: Place) {
        let could = self.could_talk(a, b);
        let accepted = could && self.accept_each_other(a, b);
        let (Some(run_a), Some(run_b)) = (self.run_of(a), self.run_of(b)) else {
            if let Some(link) = self.network.links.get_mut(&(a, b)) {
                link.dialing = false;
            }
            return;
        };
        let number = self.network.number();
        let Some(link) = self.network.links.get_mut(&(a, b)) else { return };
        if could && !accepted {
            // Whoever was removed goes on trying.
            self.queue.push(self.now_ms + REFUSED_MS, Event::LinkUp { a, b });
            return;
        }
        link.dialing = false;
        if !could || link.up {
            return;
        }
        *link = Link { number, up: true, runs: (run_a, run_b), ..Link::default() };
        match (a, b) {
            (Place::Broker(x), Place::Broker(y)) => {
                let (id_x, id_y) = (self.machines[x].id, self.machines[y].id);
                self.tell_node(x, Input::Linked(id_y));
                self.tell_node(y, Input::Linked(id_x));
            }
            (Place::Broker(x), Place::Host(h)) => {
                let host = self.hosts[h].id;
                self.tell_seating(x, SiteInput::AgentUp { host });
                self.send_settings(x, h);
                self.tell_agent(h, AdmissionInput::ReportNow, None);
            }
            _ => {}
        }
    }

    pub(crate) fn link_down(&mut self, a: Place, b: Place, number: u64) {
        let could = self.could_talk(a, b);
        let runs = (self.run_of(a), self.run_of(b));
        let Some(link) = self.network.links.get_mut(&(a, b)) else { return };
        let same = runs == (Some(link.runs.0), Some(link.runs.1));
        if !link.up || link.number != number || (could && same) {
            return;
        }
        let ran = link.runs;
        link.up = false;
        link.held = Default::default();
        match (a, b) {
            (Place::Broker(x), Place::Broker(y)) => {
                let (id_x, id_y) = (self.machines[x].id, self.machines[y].id);
                self.unlinked(x, ran.0, id_y);
                self.unlinked(y, ran.1, id_x);
            }
            (Place::Broker(x), Place::Host(h)) => {
                let host = self.hosts[h].id;
                if runs.0 == Some(ran.0) {
                    self.tell_seating(x, SiteInput::AgentDown { host });
                }
            }
            _ => {}
        }
        self.look_at_link(a, b);
    }

    /// A broker finds out that a link is dead; where its process stands still, when it goes on.
    pub(crate) fn unlinked(&mut self, at: usize, run: u32, peer: hostler_model::BrokerId) {
        if self.run_of(Place::Broker(at)) != Some(run) {
            return;
        }
        if self.is_paused(at) {
            let until_ms = self.machines[at].paused_until;
            return self.queue.push(until_ms, Event::Unlinked { at, run, peer });
        }
        // Another machine may have the id: a new link counts, however late the old one's end is noticed.
        let linked = |other: usize| {
            let link = self.network.links.get(&ordered(Place::Broker(at), Place::Broker(other)));
            self.machines[other].id == peer && link.is_some_and(|link| link.up)
        };
        if !(0..self.machines.len()).any(linked) {
            self.tell_node(at, Input::Unlinked(peer));
            self.home_gone(at, peer);
        }
    }

    /// Ends the links of a broker to others that do not accept its key any more.
    pub(crate) fn drop_strangers(&mut self, at: usize) {
        let me = Place::Broker(at);
        for other in (0..self.machines.len()).filter(|o| *o != at) {
            let (a, b) = ordered(me, Place::Broker(other));
            if self.network.links.get(&(a, b)).is_none_or(|link| !link.up) {
                continue;
            }
            if !self.accept_each_other(a, b)
                && let Some(link) = self.network.links.get_mut(&(a, b))
            {
                link.up = false;
                link.held = Default::default();
                link.dialing = true;
                let ids = (self.machines[at].id, self.machines[other].id);
                self.tell_node(at, Input::Unlinked(ids.1));
                self.tell_node(other, Input::Unlinked(ids.0));
                self.queue.push(self.now_ms + REFUSED_MS, Event::LinkUp { a, b });
            }
        }
    }

    /// True where each of two brokers knows the other's key as a member's. Who does not is told so.
    fn accept_each_other(&mut self, a: Place, b: Place) -> bool {
        let (Place::Broker(x), Place::Broker(y)) = (a, b) else { return true };
        let mut all = true;
        for (x, y) in [(x, y), (y, x)] {
            let other = self.machines[y].id;
            let knows = |m: &super::machine::Machine| {
                let Some(process) = &m.process else { return false };
                if process.members.is_empty() {
                    m.trusted.iter().any(|(id, _)| *id == other)
                } else {
                    process.members.contains(&other)
                }
            };
            if !knows(&self.machines[x]) {
                all = false;
                let by = self.machines[x].id;
                self.tell_node(y, Input::Refused(by));
            }
        }
        all
    }

    /// For deadlines.
    pub(crate) fn when(&self, at: usize, deadline: Mono) -> u64 {
        self.machines[at].clock.when(deadline, self.now_ms)
    }
}
