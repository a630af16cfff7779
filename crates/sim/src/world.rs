//! A simulated farm: the real machines of brokers and hosts, on a clock, a network and disks that the simulation rules.
//! Here is its core, which does what is due; each kind of member has a file of its own.

mod actions;
mod admins;
mod broker;
mod clock;
mod disk;
mod errands;
mod event;
pub(crate) mod fact;
mod host;
mod live;
mod logons;
pub(crate) mod machine;
mod network;
mod seats;
mod setup;
mod trace;

pub(crate) use fact::Fact;
pub(crate) use logons::BLAME_MS;
pub use setup::SetupError;
pub(crate) use setup::{Setup, broker_id};

use event::Place;
use trace::Trace;

use crate::dice::Dice;
use crate::marks::Marks;
use crate::scenario::{Range, Scenario};
use crate::stats::Stats;
use admins::Admins;
use clock::Clock;
use disk::Disk;
use event::{Event, Queue, Undo};
use host::Host;
use logons::Logons;
use machine::Machine;
use network::Network;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hostler_model::BrokerId;

/// How often the whole is looked at, in ms.
pub(crate) const INSPECT_MS: u64 = 1_000;

/// How long the sessions of a storm last, in ms.
const STORM_SESSION_MS: Range<u64> = Range(120_000, 600_000);

/// A simulated farm.
pub(crate) struct World {
    pub(crate) plan: Arc<Scenario>,
    pub(crate) setup: Arc<Setup>,
    pub(crate) seed: u64,
    pub(crate) now_ms: u64,
    queue: Queue,
    pub(crate) machines: Vec<Machine>,
    pub(crate) hosts: Vec<Host>,
    network: Network,
    pub(crate) logons: Logons,
    pub(crate) admins: Admins,
    /// Which of several machines with one id the others reach.
    routes: BTreeMap<BrokerId, usize>,
    /// For choices of the plan's steps.
    dice: Dice,
    disk_dice: Dice,
    /// What happened that a check wants to know, until the checks have seen it.
    pub(crate) facts: VecDeque<Fact>,
    pub(crate) marks: Marks,
    pub(crate) stats: Stats,
    pub(crate) trace: Trace,
    /// Since when nothing has been wrong: no fault is under way, and all brokers agree on who takes work.
    pub(crate) calm_since: Option<u64>,
    /// Faults that are under way.
    under_way: usize,
    pub(crate) healing: bool,
    pub(crate) planted: Option<crate::Planted>,
    print: blake3::Hasher,
}

impl World {
    pub(crate) fn new(plan: Arc<Scenario>, setup: Arc<Setup>, seed: u64, tracing: bool) -> Self {
        let planted = plan.expect.planted.as_deref().and_then(crate::planted::find);
        let mut dice = Dice::new(seed, "clocks", 0);
        let machines = setup.machines(&plan, &mut dice);
        let hosts = setup.hosts(&plan);
        let mut world = Self {
            seed,
            now_ms: 0,
            queue: Queue::default(),
            machines,
            hosts,
            network: Network::new(Dice::new(seed, "network", 0)),
            logons: Logons::new(Dice::new(seed, "users", 0), setup.users.len()),
            admins: Admins::new(Dice::new(seed, "administrators", 0)),
            routes: BTreeMap::new(),
            dice: Dice::new(seed, "choices", 0),
            disk_dice: Dice::new(seed, "disks", 0),
            facts: VecDeque::new(),
            marks: Marks::default(),
            stats: Stats::default(),
            trace: Trace::new(tracing),
            calm_since: None,
            under_way: 0,
            healing: false,
            planted,
            print: blake3::Hasher::new(),
            plan,
            setup,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        for at in 0..self.machines.len() {
            self.start_broker(at);
        }
        for host in 0..self.hosts.len() {
            self.start_agent(host);
        }
        self.look_at_all_links();
        for (number, step) in self.plan.step.iter().enumerate() {
            self.queue.push(step.at_ms.0, Event::Step(number));
        }
        self.queue.push(INSPECT_MS, Event::Inspect);
    }

    /// Does the next thing that is due until then. False where there is nothing left.
    pub(crate) fn step_until(&mut self, end_ms: u64) -> bool {
        let Some((at_ms, event)) = self.queue.pop_until(end_ms) else {
            self.now_ms = end_ms;
            return false;
        };
        self.now_ms = at_ms;
        self.stats.steps += 1;
        self.happen(event);
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wake { at, run } => self.wake(at, run),
            Event::Synced { at, run } => self.synced(at, run),
            Event::Arrive { from, to, link, body } => self.arrive(from, to, link, body),
            Event::LinkUp { a, b } => self.link_up(a, b),
            Event::LinkDown { a, b, link } => self.link_down(a, b, link),
            Event::Unlinked { at, run, peer } => self.unlinked(at, run, peer),
            Event::Start(Place::Broker(at)) => {
                if self.machines[at].process.is_none() && !self.machines[at].gone {
                    self.start_broker(at);
                    self.look_at_links(Place::Broker(at));
                }
            }
            Event::Start(Place::Host(at)) => {
                if self.hosts[at].agent.is_none() {
                    self.start_agent(at);
                    self.look_at_links(Place::Host(at));
                }
            }
            Event::Start(Place::Gateway(_)) => {}
            Event::HomeSilent { at, run, walk, tried } => self.home_silent(at, run, walk, tried),
            Event::HostWake { host, run } => self.wake_host(host, run),
            Event::Look { host } => self.look(host),
            Event::Begin { host, run, logon } => self.session_begins(host, run, logon),
            Event::LogOff { host, key } => self.session_ends(host, &key),
            Event::NextLogon { step, until_ms } => self.next_logon(step, until_ms),
            Event::OneLogon => self.begin_logon(STORM_SESSION_MS),
            Event::Turn { twin, original } => self.turn(twin, original),
            Event::NextWork { step, until_ms } => self.next_work(step, until_ms),
            Event::Ask { logon, attempt } => self.ask(logon, attempt),
            Event::Asked { at, run, logon } => self.asked(at, run, logon),
            Event::Answered { logon, by, result } => self.answered(logon, by, result),
            Event::GiveUp { logon, attempt } => self.gives_up(logon, attempt),
            Event::Errand(number) => self.errand(number),
            Event::Step(number) => self.carry_out_step(number),
            Event::Undo(undo) => self.undo(undo),
            Event::Inspect => {
                self.inspect();
                self.queue.push(self.now_ms + INSPECT_MS, Event::Inspect);
            }
        }
    }

    /// Whether the farm is in good order, all brokers agree, and nothing is being done to it.
    fn inspect(&mut self) {
        self.facts.push_back(Fact::Second);
        let whole = self.under_way == 0 && self.agree_on_who_serves();
        self.calm_since = if whole { self.calm_since.or(Some(self.now_ms)) } else { None };
    }

    fn agree_on_who_serves(&self) -> bool {
        let mut running = self.machines.iter().filter(|m| !m.gone);
        let Some(first) = running.next().and_then(|m| m.process.as_ref()) else { return false };
        let site = |m: &Machine| m.site == self.setup.site;
        let mut same = self.machines.iter().filter(|m| !m.gone && site(m));
        same.all(|m| m.process.as_ref().is_some_and(|p| p.serving == first.serving && !p.serving.is_empty()))
    }

    /// How long the farm has been in good order, in ms.
    pub(crate) fn calm_ms(&self) -> u64 {
        self.calm_since.map_or(0, |since| self.now_ms - since)
    }

    /// A fault begins, or ends.
    fn fault_begins(&mut self) {
        self.under_way += 1;
        self.calm_since = None;
    }

    fn fault_ends(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
        self.calm_since = None;
    }

    /// Goes into the digest of the run.
    fn note(&mut self, what: &[u8]) {
        self.print.update(&self.now_ms.to_le_bytes()).update(what);
    }

    /// Digest of all that happened.
    pub(crate) fn digest(&self) -> [u8; 32] {
        *self.print.clone().finalize().as_bytes()
    }

    /// True where a machine is the one that the others reach by its id.
    fn is_reached(&self, at: usize) -> bool {
        let Some(machine) = self.machines.get(at).filter(|m| !m.gone) else { return false };
        self.routes.get(&machine.id).is_none_or(|to| *to == at)
    }

    /// The machine that the others reach by an id.
    pub(crate) fn machine_of(&self, id: BrokerId) -> Option<usize> {
        (0..self.machines.len()).find(|at| self.machines[*at].id == id && self.is_reached(*at))
    }

    /// The machines that should be brokers of the farm now.
    pub(crate) fn members(&self) -> Vec<usize> {
        let removed = |m: &Machine| m.process.as_ref().is_some_and(|p| p.node.removal().is_some());
        let member = |m: &Machine| !m.gone && !m.is_twin && m.process.is_some() && !removed(m);
        (0..self.machines.len()).filter(|at| member(&self.machines[*at])).collect()
    }

    /// Why the brokers are not one farm; `None` where they are.
    pub(crate) fn torn(&mut self) -> Option<String> {
        if let Some(away) = self.machines.iter().find(|m| !m.gone && !m.is_twin && m.process.is_none()) {
            return Some(format!("{} does not run", away.name()));
        }
        if self.admins.is_adding() {
            return Some("a broker is still being added".into());
        }
        let members = self.members();
        let mut first: Option<(usize, hostler_events::Frontier, hostler_events::Hash)> = None;
        let mut masters = BTreeMap::new();
        for at in members {
            let (name, site) = (self.machines[at].name(), self.machines[at].site);
            let Some(process) = &mut self.machines[at].process else { continue };
            let (durable, digest) = (process.node.durable().clone(), process.node.digest());
            let Some(master) = process.node.master() else { return Some(format!("{name} knows no master")) };
            if *masters.entry(site).or_insert(master) != master {
                return Some(format!("{name} takes another broker for the master than those before it"));
            }
            match &first {
                None => first = Some((at, durable, digest)),
                Some((other, had, was)) => {
                    let other = self.machines[*other].name();
                    if *had != durable {
                        return Some(format!("{name} and {other} have different events"));
                    }
                    if *was != digest {
                        return Some(format!("{name} and {other} have different views"));
                    }
                }
            }
        }
        None
    }

    /// Everything works again from here on: no cut, no broken disk, no wrong clock, nobody who is away.
    pub(crate) fn heal(&mut self) {
        self.healing = true;
        self.trace.say(self.now_ms, || "everything is mended".into());
        self.network.cuts.clear();
        self.admins.stop();
        self.logons.stop();
        for at in 0..self.machines.len() {
            if self.machines[at].is_twin && !self.machines[at].gone {
                self.undo(Undo::Twin(at));
            }
        }
        for at in 0..self.machines.len() {
            let now_ms = self.now_ms;
            let machine = &mut self.machines[at];
            machine.slow_links_ms = 0;
            machine.paused_until = 0;
            (machine.disk.full, machine.disk.fails, machine.disk.slow_ms) = (false, None, 0);
            machine.clock.set_right(now_ms);
            if machine.older {
                self.stop_broker(at, true);
                self.machines[at].older = false;
            }
            if self.machines[at].process.is_none() && !self.machines[at].gone && !self.admins.replaces(at) {
                self.queue.push(now_ms, Event::Start(Place::Broker(at)));
            }
            self.wake_soon(at);
        }
        for host in 0..self.hosts.len() {
            self.hosts[host].mend();
            if self.hosts[host].agent.is_none() {
                self.queue.push(self.now_ms, Event::Start(Place::Host(host)));
            }
        }
        self.under_way = 0;
        self.look_at_all_links();
    }

    fn new_clock(plan: &Scenario, dice: &mut Dice) -> Clock {
        Clock::new(dice.between(plan.clock.skew_ms), dice.between(plan.clock.drift_ppm))
    }

    fn disk(log: hostler_log::MemoryLog) -> Disk {
        Disk::new(log)
    }
}
