//! What can happen, within bounds, and what must hold.

use crate::heal;
use crate::machine::Machine;
use crate::net::{ADMIN, id};
use crate::state::{History, State, Used, name};
use crate::step::Conduct;
use hostler_events::{Actor, StoredEvent};
use hostler_node::*;
use stateright::{Model, Property};
use std::hash::{DefaultHasher, Hash as _, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A step of time is longer than every limit that a decision about promotions knows: silence (5 s here), an answer
/// (3 s), a handover (2.5 s), a vote (3 s), a start (3 s).
pub(crate) const STEP_MS: u64 = 6_000;
/// Those who are heard meanwhile are heard so long before its end: recently enough to answer, and too late for anybody
/// to miss them.
const HEARD_MS: u64 = 2_000;

/// What should happen on some path, where the bounds allow it; all other properties hold on all of them.
pub(crate) const SOMETIMES: &str = "an automatic promotion";

/// How often each kind of thing may happen on one path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Steps of time, of all brokers together, and of each.
    pub(crate) times: u8,
    pub(crate) times_each: [u8; 3],
    /// Brokers that compare heads besides.
    pub(crate) exchanges: u8,
    pub(crate) crashes: u8,
    /// Who may crash, or be restored.
    pub(crate) crashing: [bool; 3],
    /// Of the restarts, how many on an older copy of the disk.
    pub(crate) restores: u8,
    pub(crate) duplicates: u8,
    /// Forced promotions.
    pub(crate) forced: u8,
    /// Structural commands, one broker each.
    pub(crate) orders: u8,
    /// Changes of the list of voters.
    pub(crate) changes: u8,
    /// Planned promotions.
    pub(crate) planned: u8,
    /// New epochs, of any kind.
    pub(crate) epochs: u64,
}

impl Bounds {
    /// Nothing happens but that messages are delivered or lost.
    pub(crate) const NONE: Self = Self {
        times: 0,
        times_each: [0; 3],
        exchanges: 0,
        crashes: 0,
        crashing: [false; 3],
        restores: 0,
        duplicates: 0,
        forced: 0,
        orders: 0,
        changes: 0,
        planned: 0,
        epochs: 0,
    };
}

/// How it begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Start {
    /// Everybody hears everybody and has everything.
    Whole,
    /// The master has been cut off for long enough, and the next one has just begun to gather.
    CutOff,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    Deliver(usize, String),
    Duplicate(usize, String),
    /// The disk says that everything is synced.
    Sync(u8),
    /// The process ends and is started again; what was not synced is on the disk, or not.
    Crash {
        at: u8,
        written: bool,
    },
    /// The same, on a copy of its disk that has so many events.
    Restore {
        at: u8,
        events: usize,
    },
    /// Time passes for one broker, which hears these meanwhile.
    Time {
        at: u8,
        hears: Vec<u8>,
    },
    /// One hears what another has.
    Exchange {
        from: u8,
        to: u8,
    },
    /// An administrator forces the promotion of this broker.
    Force(u8),
    /// An administrator gives a structural command to this broker, which takes itself for the master.
    Order(u8),
    /// The same for a change of the list of voters.
    Change(u8),
    /// The same for a planned promotion of another.
    Promote {
        at: u8,
        other: u8,
    },
}

pub(crate) struct Promotions {
    pub(crate) bounds: Bounds,
    pub(crate) conduct: Conduct,
    /// The farm at the beginning: what is on its disks, and when it is.
    pub(crate) disks: [Vec<StoredEvent>; 3],
    pub(crate) start_ms: u64,
    pub(crate) start: Start,
    /// One state of so many is healed, and every one where nothing can happen any more.
    pub(crate) heal_every: u64,
    pub(crate) healed: AtomicUsize,
    /// Steps that do nothing are left out. A random walk takes them: stateright could not tell its path otherwise.
    pub(crate) leaves_out: bool,
}

impl Promotions {
    pub(crate) fn new(start: Start, bounds: Bounds, fault: Option<Fault>, slow: bool, heal_every: u64) -> Self {
        let (disks, start_ms) = crate::farm();
        let conduct = Conduct { fault, slow, exact: bounds.restores > 0 };
        Self { bounds, conduct, disks, start_ms, start, heal_every, healed: AtomicUsize::new(0), leaves_out: true }
    }

    /// The beginning: everybody hears everybody and has everything.
    pub(crate) fn begin(&self) -> State {
        let machine = |at: usize| {
            let disk = self.disks[at].iter().cloned().map(Arc::new).collect();
            Arc::new(Machine::new(at as u8 + 1, disk, self.start_ms))
        };
        let mut state = State {
            machines: [machine(0), machine(1), machine(2)],
            network: Vec::new(),
            used: Used::default(),
            history: Arc::new(History::default()),
            highest: 0,
        };
        for at in 0..3 {
            self.boot(&mut state, at);
        }
        for (from, to) in pairs() {
            state.exchange(self.conduct, from, to);
        }
        state.highest = state.machines[0].node.as_ref().map_or(0, |n| n.epoch().n);
        state.network.clear();
        if self.start == Start::CutOff {
            for (a, b) in [(0, 1), (0, 2), (1, 0), (2, 0)] {
                state.input(self.conduct, a, Input::Unlinked(id(b as u8 + 1)), None);
            }
            // The second of the list is heard by the third, and so it is the one that stands.
            self.pass_time(&mut state, 2, &[1]);
            self.pass_time(&mut state, 1, &[2]);
        }
        state
    }

    pub(crate) fn boot(&self, state: &mut State, at: usize) {
        Arc::make_mut(&mut state.machines[at]).start(self.conduct.fault);
        for other in (0..3).filter(|o| *o != at) {
            state.input(self.conduct, other, Input::Linked(id(at as u8 + 1)), None);
            state.input(self.conduct, at, Input::Linked(id(other as u8 + 1)), None);
        }
        state.note(self.conduct, at);
    }

    fn first_epoch(&self) -> u64 {
        self.disks[0].iter().map(|e| e.header().epoch.n).max().unwrap_or(0)
    }

    pub(crate) fn pass_time(&self, state: &mut State, at: usize, hears: &[usize]) {
        let end = state.machines[at].clock_ms + STEP_MS;
        if !hears.is_empty() {
            Arc::make_mut(&mut state.machines[at]).clock_ms = end - HEARD_MS;
            for from in hears {
                state.exchange(self.conduct, *from, at);
            }
        }
        Arc::make_mut(&mut state.machines[at]).clock_ms = end;
        state.input(self.conduct, at, Input::Tick, None);
        state.note(self.conduct, at);
    }

    pub(crate) fn deliver(&self, state: &mut State, number: usize, keep: bool) {
        let envelope = if keep { state.network[number].clone() } else { state.network.remove(number) };
        let message = envelope.message.clone();
        state.input(self.conduct, at(envelope.to), Input::Message { from: id(envelope.from), message }, None);
    }

    pub(crate) fn synced(&self, state: &mut State, at: usize) {
        if state.machines[at].unsynced.is_empty() {
            return;
        }
        let inputs: Vec<Input> = state.sync(at).collect();
        for input in inputs {
            state.input(self.conduct, at, input, None);
        }
        state.note(self.conduct, at);
    }

    fn command(&self, state: &mut State, at: usize, command: Command) {
        let command = Box::new(command);
        state.input(self.conduct, at, Input::Command { token: 1, actor: Actor::Admin(ADMIN), command }, None);
    }

    fn may_crash(&self, used: &Used) -> bool {
        used.crashes < self.bounds.crashes || used.restores < self.bounds.restores
    }

    fn crashes(&self, state: &State, machine: &Machine, out: &mut Vec<Action>) {
        let (me, used) = (machine.me, &state.used);
        if !self.bounds.crashing[at(me)] {
            return;
        }
        if used.crashes < self.bounds.crashes {
            out.push(Action::Crash { at: me, written: false });
            if self.conduct.slow && !machine.unsynced.is_empty() {
                out.push(Action::Crash { at: me, written: true });
            }
        }
        if used.restores < self.bounds.restores {
            let oldest = self.disks[at(me)].len();
            // What of others is missing comes again; so a copy is told by what of its own it lacks.
            let own = |n: &usize| machine.disk[*n].header().feed.broker == id(me);
            let copies = (oldest..machine.disk.len()).filter(own);
            out.extend(copies.map(|events| Action::Restore { at: me, events }));
        }
    }

    fn healed_well(&self, state: &State) -> bool {
        let mut hasher = DefaultHasher::new();
        state.hash(&mut hasher);
        let mut left = Vec::new();
        self.actions(state, &mut left);
        let wanted = hasher.finish().is_multiple_of(self.heal_every) || left.is_empty() && self.heal_every < u64::MAX;
        if !wanted {
            return true;
        }
        self.healed.fetch_add(1, Ordering::Relaxed);
        heal::heal(self, state).is_ok()
    }
}

pub(crate) fn pairs() -> impl Iterator<Item = (usize, usize)> {
    (0..3).flat_map(|a| (0..3).filter(move |b| a != *b).map(move |b| (a, b)))
}

fn at(n: u8) -> usize {
    usize::from(n) - 1
}

impl Model for Promotions {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.begin()]
    }

    fn actions(&self, state: &State, out: &mut Vec<Action>) {
        let (bounds, used) = (&self.bounds, &state.used);
        if let Some(machine) = state.machines.iter().find(|m| !self.conduct.slow && !m.unsynced.is_empty()) {
            out.push(Action::Sync(machine.me));
            return self.crashes(state, machine, out);
        }
        let up = |m: u8| state.machines[at(m)].node.is_some();
        for (number, envelope) in state.network.iter().enumerate() {
            let again = number > 0 && state.network[number - 1].print == envelope.print;
            if up(envelope.to) && !again {
                out.push(Action::Deliver(number, name(&envelope.message)));
                if used.duplicates < bounds.duplicates {
                    out.push(Action::Duplicate(number, name(&envelope.message)));
                }
            }
        }
        for machine in &state.machines {
            let me = machine.me;
            let Some(node) = &machine.node else { continue };
            if self.conduct.slow && !machine.unsynced.is_empty() {
                out.push(Action::Sync(me));
            }
            self.crashes(state, machine, out);
            let others: Vec<u8> = (1..=3).filter(|o| *o != me && up(*o)).collect();
            if used.times < bounds.times && used.time_of[at(me)] < bounds.times_each[at(me)] {
                let master =
                    node.views().site(crate::net::SITE).and_then(|s| s.master.as_ref()).map(|m| m.epoch.broker);
                let rest: Vec<u8> = others.iter().copied().filter(|o| Some(id(*o)) != master).collect();
                let mut hears = vec![Vec::new(), others.clone(), rest];
                if self.conduct.slow {
                    hears.extend(others.iter().map(|o| vec![*o]));
                }
                hears.sort();
                hears.dedup();
                out.extend(hears.into_iter().map(|hears| Action::Time { at: me, hears }));
            }
            if used.exchanges < bounds.exchanges {
                // To hear that somebody lives is a part of how time passes.
                let of_use =
                    |o: &&u8| state.machines[at(**o)].node.as_ref().is_some_and(|other| node.learns_from(other));
                out.extend(others.iter().filter(of_use).map(|o| Action::Exchange { from: *o, to: me }));
            }
            if used.forced.iter().sum::<u8>() < bounds.forced && used.forced[at(me)] == 0 {
                out.push(Action::Force(me));
            }
            if node.master().is_some_and(|(master, _)| master == id(me)) {
                if used.orders < bounds.orders {
                    out.push(Action::Order(me));
                }
                if used.changes < bounds.changes {
                    out.push(Action::Change(me));
                }
                if used.planned < bounds.planned {
                    out.extend(others.iter().map(|other| Action::Promote { at: me, other: *other }));
                }
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Deliver(number, _) => {
                self.deliver(&mut state, number, false);
                // It did nothing: it might as well be lost.
                let answered = state.network.len() >= last.network.len();
                if self.leaves_out && !answered && state.same_machines(last) && state.history == last.history {
                    return None;
                }
            }
            Action::Duplicate(number, _) => {
                state.used.duplicates += 1;
                self.deliver(&mut state, number, true);
            }
            Action::Sync(me) => self.synced(&mut state, at(me)),
            Action::Crash { at: me, written } => {
                state.used.crashes += 1;
                let unsynced = std::mem::take(&mut Arc::make_mut(&mut state.machines[at(me)]).unsynced);
                if written {
                    Arc::make_mut(&mut state.machines[at(me)]).unsynced = unsynced;
                    state.sync(at(me)).for_each(drop);
                }
                self.boot(&mut state, at(me));
            }
            Action::Restore { at: me, events } => {
                state.used.restores += 1;
                // Nobody restores a disk within the time in which a link breaks down: what was under way is over.
                state.network.retain(|e| e.from != me);
                let machine = Arc::make_mut(&mut state.machines[at(me)]);
                machine.disk.truncate(events);
                machine.unsynced.clear();
                self.boot(&mut state, at(me));
            }
            Action::Time { at: me, hears } => {
                state.used.times += 1;
                state.used.time_of[at(me)] += 1;
                let hears: Vec<usize> = hears.into_iter().map(at).collect();
                self.pass_time(&mut state, at(me), &hears);
            }
            Action::Exchange { from, to } => {
                state.used.exchanges += 1;
                state.exchange(self.conduct, at(from), at(to));
                if self.leaves_out && state.same_machines(last) {
                    return None;
                }
            }
            Action::Force(me) => {
                state.used.forced[at(me)] += 1;
                let before = state.machines[at(me)].essence;
                let lost =
                    state.machines[at(me)].node.as_ref()?.views().site(crate::net::SITE)?.master.as_ref()?.epoch.broker;
                let command = Command::ForcePromotion {
                    broker: format!("b{me}"),
                    lost: format!("b{}", lost.0[0]),
                    reason: "cut off".into(),
                };
                self.command(&mut state, at(me), command);
                // It was refused.
                if self.leaves_out && before == state.machines[at(me)].essence {
                    return None;
                }
            }
            Action::Order(me) => {
                state.used.orders += 1;
                let name = format!("op{me}{}", state.used.orders);
                self.command(&mut state, at(me), crate::net::admin(&name));
            }
            Action::Change(me) => {
                state.used.changes += 1;
                let other = if me == 3 { 2 } else { 3 };
                self.command(&mut state, at(me), Command::DisableBroker { broker: format!("b{other}") });
            }
            Action::Promote { at: me, other } => {
                state.used.planned += 1;
                self.command(&mut state, at(me), Command::Promote { broker: format!("b{other}") });
                if self.leaves_out && state.same_machines(last) {
                    return None;
                }
            }
        }
        let at_once = !self.conduct.slow && !self.may_crash(&state.used);
        while let Some(at) = (0..3).find(|at| at_once && !state.machines[*at].unsynced.is_empty()) {
            self.synced(&mut state, at);
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("at most one automatic master per number", |_, s: &State| {
                s.history.automatic.values().all(|masters| masters.len() == 1)
            }),
            Property::always("a vote is never taken back", |_, s: &State| {
                s.history.votes.values().all(|candidates| candidates.len() == 1)
            }),
            Property::always("what is superseded is listed", |_, s: &State| {
                s.machines.iter().all(|m| m.wrong.is_none())
            }),
            Property::always("views of the same events are equal", |_, s: &State| {
                pairs().all(|(a, b)| match (&s.machines[a].node, &s.machines[b].node) {
                    (Some(x), Some(y)) if x.folded() == y.folded() => s.machines[a].digest == s.machines[b].digest,
                    _ => true,
                })
            }),
            Property::always("no fork, no forgery", |_, s: &State| s.history.alarms.is_empty()),
            Property::always("all have the same once messages are delivered", |m: &Self, s: &State| m.healed_well(s)),
            Property::sometimes(SOMETIMES, |_, s: &State| !s.history.automatic.is_empty()),
        ]
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.highest <= self.first_epoch() + self.bounds.epochs
    }
}
