//! The steps of a plan, carried out, and what ends by itself.

use super::World;
use super::admins::{ADMIN, For};
use super::event::{Event, Place, Undo};
use super::fact::Fact;
use super::machine::Machine;
use super::network::Cut;
use crate::scenario::{Action, Range, Ratio, WhichHost, Who};
use hostler_events::Actor;
use hostler_log::{EventLog, MemoryLog};
use hostler_model::BrokerId;
use hostler_node::Command;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// How often the network changes its mind about which of two copies of a broker it reaches, in ms.
const TURN_MS: Range<u64> = Range(1_500, 5_000);

impl World {
    pub(crate) fn carry_out_step(&mut self, number: usize) {
        let Some(action) = self.plan.step.get(number).map(|s| s.action.clone()) else { return };
        let (kind, is_fault) = action.kind();
        self.note(kind.as_bytes());
        if is_fault {
            self.stats.fault(kind);
        }
        self.trace.say(self.now_ms, || format!("-- {}", describe(&action)));
        self.carry_out(number, action);
    }

    fn carry_out(&mut self, number: usize, action: Action) {
        match action {
            Action::Partition { isolate, with, one_way, lasts_ms } => {
                let inside: Vec<usize> = isolate.into_iter().filter_map(|who| self.find(who)).collect();
                let mut inside: BTreeSet<Place> = inside.into_iter().map(Place::Broker).collect();
                inside.extend(self.share(with, self.hosts.len()).into_iter().map(Place::Host));
                inside
                    .extend(self.share(with, usize::from(self.plan.cluster.gateways)).into_iter().map(Place::Gateway));
                self.cut(inside, BTreeSet::new(), one_way, lasts_ms.0);
            }
            Action::Ring { lasts_ms } => {
                let live: Vec<usize> = (0..self.machines.len()).filter(|at| !self.machines[*at].gone).collect();
                let far = |a: usize, b: usize| {
                    let apart = a.abs_diff(b);
                    apart > 1 && apart + 1 < live.len()
                };
                let all = (0..live.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
                let pairs =
                    all.filter(|(a, b)| far(*a, *b)).map(|(a, b)| (Place::Broker(live[a]), Place::Broker(live[b])));
                self.cut(BTreeSet::new(), pairs.collect(), false, lasts_ms.0);
            }
            Action::SlowLinks { who, by_ms, lasts_ms } => {
                if let Some(at) = self.find(who) {
                    self.machines[at].slow_links_ms += by_ms.0;
                    self.for_a_while(lasts_ms.0, Undo::Slow(at, by_ms.0));
                }
            }
            Action::Crash { who, lasts_ms } => self.away(who, lasts_ms.0, false),
            Action::Restart { who, lasts_ms } => self.away(who, lasts_ms.0, true),
            Action::Pause { who, lasts_ms } => {
                if let Some(at) = self.find(who) {
                    let until_ms = self.now_ms + lasts_ms.0;
                    self.machines[at].paused_until = until_ms;
                    self.calm_since = None;
                    // Its links die where it is silent for too long; it finds out when it goes on.
                    let inside = BTreeSet::from([Place::Broker(at)]);
                    self.cut(inside, BTreeSet::new(), false, lasts_ms.0);
                }
            }
            Action::Snapshot { who } => {
                if let Some(at) = self.find(who) {
                    self.machines[at].disk.snapshot();
                }
            }
            Action::Restore { who, lasts_ms } => {
                if let Some(at) = self.find(who) {
                    self.stop_broker(at, false);
                    self.facts.push_back(Fact::DiskLost { at });
                    let disk = &mut self.machines[at].disk;
                    disk.log = disk.snapshots.front().cloned().unwrap_or_else(|| disk.half());
                    self.marks.hit("disk.restored");
                    self.starts_in(at, lasts_ms.0);
                }
            }
            Action::Clone { who, lasts_ms } => self.clone_broker(who, lasts_ms.0),
            Action::Wipe { who, lasts_ms } => self.lose_disk(who, lasts_ms.0, "disk.wiped"),
            Action::BitRot { who, lasts_ms } => {
                if let Some(at) = self.find(who) {
                    if self.finds_rot(at) {
                        self.marks.hit("disk.rotten");
                    }
                    self.lose_disk(who_is(&self.machines[at]), lasts_ms.0, "disk.wiped");
                }
            }
            Action::DiskFull { who, lasts_ms } => {
                if let Some(at) = self.find(who) {
                    self.machines[at].disk.full = true;
                    self.for_a_while(lasts_ms.0, Undo::Room(at));
                }
            }
            Action::SyncError { who, .. } => {
                if let Some(at) = self.find(who) {
                    let kept = self.disk_dice.happens(Ratio { of: 1, out_of: 2 });
                    self.machines[at].disk.fails = Some(kept);
                    self.calm_since = None;
                }
            }
            Action::SlowDisk { who, by_ms, lasts_ms } => {
                if let Some(at) = self.find(who) {
                    self.machines[at].disk.slow_ms = by_ms.0;
                    self.for_a_while(lasts_ms.0, Undo::SlowDisk(at));
                }
            }
            Action::ClockJump { who, by_ms } => {
                if let Some(at) = self.find(who) {
                    let showed = self.machines[at].now(self.now_ms).wall.0;
                    self.facts.push_back(Fact::ClockJumps { at, showed });
                    let skew = &mut self.machines[at].clock.skew_ms;
                    *skew = skew.saturating_add(by_ms.0);
                    self.calm_since = None;
                    self.wake_soon(at);
                }
            }
            Action::ClockDrift { who, ppm } => {
                if let Some(at) = self.find(who) {
                    let now_ms = self.now_ms;
                    self.machines[at].clock.drift(now_ms, ppm.0);
                    self.wake_soon(at);
                }
            }
            Action::AddBroker { site } => {
                let site = if site == 2 { self.setup.second_site } else { self.setup.site };
                self.calm_since = None;
                self.add_broker(None, site);
            }
            Action::Logons { lasts_ms, .. } => {
                let until_ms = self.now_ms + lasts_ms.0;
                self.queue.push(self.now_ms, Event::NextLogon { step: number, until_ms });
            }
            Action::Work { lasts_ms, .. } => {
                let until_ms = self.now_ms + lasts_ms.0;
                self.queue.push(self.now_ms, Event::NextWork { step: number, until_ms });
            }
            Action::Storm { .. } => self.storm(&action),
            Action::PresentAgain {} => self.present_again(),
            Action::AgentGone { .. }
            | Action::Reboot { .. }
            | Action::Lies { .. }
            | Action::SlowAgent { .. }
            | Action::FailsLogons { .. }
            | Action::Drain { .. }
            | Action::Empty { .. } => self.on_host(action),
            other => self.administer(other),
        }
    }

    /// What administrators do.
    fn administer(&mut self, action: Action) {
        let named = |world: &mut Self, who: Who| world.find(who).map(|at| world.machines[at].id.to_string());
        let me = Actor::Admin(ADMIN);
        let site = self.setup.site;
        match action {
            Action::RemoveBroker { who } => {
                if let Some(broker) = named(self, who) {
                    self.see_to(None, Command::RemoveBroker { broker });
                }
            }
            Action::DisableBroker { who } => {
                if let Some(broker) = named(self, who) {
                    self.see_to(None, Command::DisableBroker { broker });
                }
            }
            Action::EnableBroker { who } => {
                if let Some(broker) = named(self, who) {
                    self.see_to(None, Command::EnableBroker { broker });
                }
            }
            Action::MoveBroker { who, up, at } => {
                if let (Some(broker), Some(at)) = (named(self, who), self.find(at)) {
                    self.command(at, site, me, Command::MoveBroker { broker, up }, For::Record);
                }
            }
            Action::RevokeBroker { who } => {
                if let Some(broker) = named(self, who) {
                    self.see_to(None, Command::RevokeBroker { broker });
                }
            }
            Action::Promote { who } => {
                if let Some(broker) = named(self, who) {
                    self.see_to(None, Command::Promote { broker });
                }
            }
            Action::Force { who } => {
                if let Some(at) = self.find(who) {
                    let broker = self.machines[at].id.to_string();
                    let master = self.machines[at].process.as_ref().and_then(|p| p.node.master());
                    let master = master.and_then(|(id, _)| self.broker_name(at, id)).unwrap_or_default();
                    let reason = "the other side does not answer".to_owned();
                    let command = Command::ForcePromotion { broker, lost: master, reason };
                    self.command(at, site, me, command, For::Record);
                }
            }
            Action::Set { key, value, at } => {
                if let Some(at) = self.find(at) {
                    self.command(at, site, me, Command::Set { key, value: Some(value) }, For::Record);
                }
            }
            Action::Publish { at } => {
                if let Some(at) = self.find(at) {
                    let command = self.published();
                    self.command(at, site, me, command, For::Record);
                }
            }
            Action::AddAdmin { at } => {
                if let Some(at) = self.find(at) {
                    let command = self.an_admin();
                    self.command(at, site, me, command, For::Added);
                }
            }
            Action::DisableAdmin { at } => {
                if let (Some(at), Some(admin)) = (self.find(at), self.admins.added) {
                    let command = Command::DisableAdmin { admin: admin.to_string() };
                    self.command(at, site, me, command, For::Record);
                }
            }
            Action::ActAsAdded { at } => {
                if let (Some(at), Some(admin)) = (self.find(at), self.admins.added) {
                    let command = self.published();
                    self.command(at, site, Actor::Admin(admin), command, For::Record);
                }
            }
            Action::SettleSuperseded { at } => {
                if let Some(at) = self.find(at) {
                    self.settle_superseded(at);
                }
            }
            Action::OlderProgram { who, lasts_ms } => {
                if let Some(at) = self.find(who) {
                    self.machines[at].older = true;
                    self.stop_broker(at, true);
                    self.starts_in(at, lasts_ms.0);
                }
            }
            Action::NewerProgram { who, lasts_ms } => {
                if let Some(at) = self.find(who) {
                    self.machines[at].older = false;
                    self.stop_broker(at, true);
                    self.starts_in(at, lasts_ms.0);
                }
            }
            _ => {}
        }
    }

    fn on_host(&mut self, action: Action) {
        let find = |world: &mut Self, which: WhichHost| match which {
            WhichHost::Host(number) => Some(usize::from(number) - 1).filter(|n| *n < world.hosts.len()),
            WhichHost::Any => (!world.hosts.is_empty()).then(|| world.dice.index(world.hosts.len())),
        };
        match action {
            Action::AgentGone { host, lasts_ms } | Action::Reboot { host, lasts_ms } => {
                let all = matches!(action, Action::Reboot { .. });
                if let Some(at) = find(self, host) {
                    self.stop_agent(at, all);
                    self.for_a_while(lasts_ms.0, Undo::Agent(at));
                }
            }
            Action::Lies { host, lasts_ms } => {
                if let Some(at) = find(self, host) {
                    self.hosts[at].lies = true;
                    self.marks.hit("host.lied");
                    self.for_a_while(lasts_ms.0, Undo::Truth(at));
                }
            }
            Action::SlowAgent { host, by_ms, lasts_ms } => {
                if let Some(at) = find(self, host) {
                    self.hosts[at].slow_ms = by_ms.0;
                    self.for_a_while(lasts_ms.0, Undo::SlowAgent(at));
                }
            }
            Action::FailsLogons { host, lasts_ms } => {
                if let Some(at) = find(self, host) {
                    self.hosts[at].fails_logons = true;
                    self.for_a_while(lasts_ms.0, Undo::LogonsWork(at));
                }
            }
            Action::Drain { host, on } => {
                if let Some(at) = find(self, host) {
                    let host = format!("h{}", at + 1);
                    let command = Command::ChangeHost {
                        host,
                        name: None,
                        drain: Some(on),
                        hard_cap: None,
                        logon_slots: None,
                        address: None,
                    };
                    self.see_to(None, command);
                }
            }
            Action::Empty { host } => {
                if let Some(at) = find(self, host) {
                    let keys: Vec<String> = self.hosts[at].live.all().map(|s| s.key.clone()).collect();
                    keys.iter().for_each(|key| self.session_ends(at, key));
                }
            }
            _ => {}
        }
    }

    fn storm(&mut self, action: &Action) {
        let Action::Storm { users, over_ms } = action else { return };
        for _ in 0..*users {
            let wait_ms = self.logons.dice.between(Range(0, over_ms.0));
            self.queue.push(self.now_ms + wait_ms, Event::OneLogon);
        }
    }

    fn cut(&mut self, inside: BTreeSet<Place>, pairs: BTreeSet<(Place, Place)>, one_way: bool, lasts_ms: u64) {
        let id = self.network.number();
        self.network.cuts.push(Cut { id, inside, pairs, one_way });
        self.look_at_all_links();
        self.for_a_while(lasts_ms, Undo::Cut(id));
    }

    /// So many of these, by the dice.
    fn share(&mut self, share: Ratio, count: usize) -> Vec<usize> {
        (0..count).filter(|_| self.dice.happens(share)).collect()
    }

    fn for_a_while(&mut self, lasts_ms: u64, undo: Undo) {
        self.fault_begins();
        self.queue.push(self.now_ms + lasts_ms, Event::Undo(undo));
    }

    fn away(&mut self, who: Who, lasts_ms: u64, orderly: bool) {
        if let Some(at) = self.find(who).filter(|at| self.machines[*at].process.is_some()) {
            self.stop_broker(at, orderly);
            self.starts_in(at, lasts_ms);
        }
    }

    fn starts_in(&mut self, at: usize, wait_ms: u64) {
        self.calm_since = None;
        self.queue.push(self.now_ms + wait_ms, Event::Start(Place::Broker(at)));
    }

    /// The disk is gone; after a while somebody removes the broker, and a new one takes its name.
    fn lose_disk(&mut self, who: Who, lasts_ms: u64, mark: &'static str) {
        // The last one that has the log keeps it: nobody could bring the farm back.
        let running = self.machines.iter().filter(|m| !m.gone && m.process.is_some() && !m.is_twin).count();
        let Some(at) = self.find(who).filter(|_| running > 1) else { return };
        if self.admins.replaces(at) {
            return;
        }
        self.marks.hit(mark);
        self.stop_broker(at, false);
        self.facts.push_back(Fact::DiskLost { at });
        self.machines[at].disk = super::disk::Disk::new(MemoryLog::new());
        self.machines[at].gone = true;
        self.for_a_while(lasts_ms, Undo::Replace(at));
    }

    /// Flips a bit of one event on the disk, and looks whether the check that is made of a log finds it.
    fn finds_rot(&mut self, at: usize) -> bool {
        let mut bytes = Vec::new();
        let _ = self.machines[at].disk.log.scan(&mut |event| {
            bytes.push(((event.header().feed, event.header().seq), event.bytes().to_vec()));
            ControlFlow::Continue(())
        });
        if bytes.is_empty() {
            return false;
        }
        let (event, bit) = (self.disk_dice.index(bytes.len()), self.disk_dice.index(64 * 8));
        bytes[event].1[bit / 8] ^= 1 << (bit % 8);
        let mut verifier = hostler_log::verify::Verifier::new(super::setup::broker_id, None);
        for (place, bytes) in bytes {
            verifier.take(Some(place), bytes.into());
        }
        let mut examined = verifier.finish();
        let signatures = examined.check_signatures(0..examined.events().len());
        let found = !examined.conclude(signatures).is_empty();
        if !found {
            self.facts.push_back(Fact::Unnoticed {
                what: format!("bit {bit} of event {event} is wrong, and nothing finds it"),
            });
        }
        found
    }

    fn clone_broker(&mut self, who: Who, lasts_ms: u64) {
        let Some(at) = self.find(who).filter(|at| self.machines[*at].process.is_some()) else { return };
        let original = &self.machines[at];
        let disk = super::disk::Disk::new(original.disk.log.clone());
        let (id, secret, site) = (original.id, original.secret, original.site);
        let (number, trusted, clock) = (original.number, original.trusted.clone(), original.clock.clone());
        let mut twin = Machine::new(number, id, secret, site, trusted, clock, disk);
        twin.is_twin = true;
        // Processes of one id must not draw the same numbers.
        twin.run = 1_000;
        self.machines.push(twin);
        let twin = self.machines.len() - 1;
        self.routes.insert(id, at);
        self.start_broker(twin);
        self.for_a_while(lasts_ms, Undo::Twin(twin));
        self.turn(twin, at);
    }

    /// The network reaches the other one of two copies now.
    pub(crate) fn turn(&mut self, twin: usize, original: usize) {
        let machine = &self.machines[twin];
        if machine.gone {
            return;
        }
        let to = if self.routes.get(&machine.id) == Some(&twin) { original } else { twin };
        self.routes.insert(machine.id, to);
        self.look_at_links(Place::Broker(twin));
        self.look_at_links(Place::Broker(original));
        let wait_ms = self.dice.between(TURN_MS);
        self.queue.push(self.now_ms + wait_ms, Event::Turn { twin, original });
    }

    pub(crate) fn undo(&mut self, undo: Undo) {
        match undo {
            Undo::Cut(id) => {
                if !self.network.cuts.iter().any(|cut| cut.id == id) {
                    return;
                }
                self.network.cuts.retain(|cut| cut.id != id);
                self.look_at_all_links();
            }
            Undo::Slow(at, by_ms) => {
                let slow = &mut self.machines[at].slow_links_ms;
                *slow = slow.saturating_sub(by_ms);
            }
            Undo::SlowDisk(at) => self.machines[at].disk.slow_ms = 0,
            Undo::Room(at) => {
                self.machines[at].disk.full = false;
                if self.machines[at].process.is_none() {
                    self.queue.push(self.now_ms, Event::Start(Place::Broker(at)));
                }
            }
            Undo::Twin(at) => {
                if self.machines[at].gone {
                    return;
                }
                self.stop_broker(at, false);
                self.facts.push_back(Fact::DiskLost { at });
                self.machines[at].gone = true;
                let id = self.machines[at].id;
                self.routes.remove(&id);
                self.look_at_all_links();
            }
            Undo::Agent(at) => {
                if self.hosts[at].agent.is_none() {
                    self.queue.push(self.now_ms, Event::Start(Place::Host(at)));
                }
            }
            Undo::Truth(at) => self.hosts[at].lies = false,
            Undo::SlowAgent(at) => self.hosts[at].slow_ms = 0,
            Undo::LogonsWork(at) => self.hosts[at].fails_logons = false,
            Undo::Replace(at) => {
                let site = self.machines[at].site;
                self.add_broker(Some(at), site);
            }
        }
        self.fault_ends();
    }

    fn broker_name(&self, at: usize, broker: BrokerId) -> Option<String> {
        let machine = &self.machines[at];
        let state = machine.process.as_ref()?.state(machine.site)?;
        state.brokers.get(&broker).map(|b| b.name.to_string())
    }
}

fn who_is(machine: &Machine) -> Who {
    Who::Broker(machine.number)
}

/// An action in words: as it would stand in a plan.
fn describe(action: &Action) -> String {
    let table = toml::to_string(action).unwrap_or_default();
    table.lines().collect::<Vec<_>>().join(", ").replace("do = ", "").replace('"', "")
}
