//! Administrators: what they ask for, and what they were told.

use super::World;
use super::event::Event;
use super::fact::Fact;
use crate::dice::Dice;
use crate::scenario::{Action, Range};
use hostler_events::Actor;
use hostler_events::payload::{Grant, Role};
use hostler_model::{AdminId, Launch, SiteId, Thing};
use hostler_node::{Command, CommandError, Input, ItemSpec, Outcome};
use hostler_views::audit::{event_text, set_aside};
use std::collections::BTreeMap;

/// The first administrator.
pub(crate) const ADMIN: AdminId = AdminId([7; 16]);

/// Who waits for the answer to a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum For {
    /// Nobody; it is written down all the same.
    Record,
    /// An errand.
    Errand(u64),
    /// The administrator who is added by it is the one who acts later.
    Added,
}

/// Administrators.
pub(crate) struct Admins {
    pub(crate) dice: Dice,
    next: u64,
    /// By broker and number.
    given: BTreeMap<(usize, u64), For>,
    pub(crate) errands: BTreeMap<u64, super::errands::Errand>,
    pub(crate) next_errand: u64,
    /// The administrator who was added last.
    pub(crate) added: Option<AdminId>,
    settles: bool,
    stopped: bool,
}

impl Admins {
    pub(crate) fn new(dice: Dice) -> Self {
        let (given, errands) = (BTreeMap::new(), BTreeMap::new());
        Self { dice, next: 0, given, errands, next_errand: 0, added: None, settles: false, stopped: false }
    }

    pub(crate) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Whoever waits for an answer of a broker that has ended gets none.
    pub(crate) fn broker_stops(&mut self, at: usize) {
        self.given.retain(|(broker, _), _| *broker != at);
    }
}

impl World {
    /// Gives a command to a broker. False where it does not run.
    pub(crate) fn command(&mut self, at: usize, site: SiteId, actor: Actor, command: Command, whom: For) -> bool {
        if self.machines[at].process.is_none() || self.is_paused(at) {
            return false;
        }
        self.admins.next += 1;
        let token = self.admins.next;
        self.admins.given.insert((at, token), whom);
        self.stats.commands += 1;
        self.tell_node(at, Input::CommandIn { site, token, actor, command: Box::new(command) });
        true
    }

    pub(crate) fn replied(&mut self, at: usize, token: u64, result: Result<Outcome, CommandError>) {
        let Some(whom) = self.admins.given.remove(&(at, token)) else { return };
        match &result {
            Ok(outcome) => {
                self.stats.acknowledged += outcome.events.len() as u64;
                if let (For::Added, Some(Thing::Admin(admin))) = (whom, outcome.thing) {
                    self.admins.added = Some(admin);
                }
                if !outcome.events.is_empty() {
                    let (events, durable_on) = (outcome.events.clone(), outcome.durable_on);
                    self.facts.push_back(Fact::Acknowledged { at, events, durable_on });
                }
            }
            Err(error) => {
                self.stats.refused += 1;
                self.marks.hit_command(error.code());
                let name = self.machines[at].name();
                self.trace.say(self.now_ms, || format!("{name} refuses a command: {error}"));
            }
        }
        if let For::Errand(number) = whom {
            self.errand_answered(number, result);
        }
    }

    /// A broker that runs, as the dice fall.
    pub(crate) fn any_running(&mut self) -> Option<usize> {
        let site = self.setup.site;
        let running: Vec<usize> = (0..self.machines.len())
            .filter(|at| {
                let machine = &self.machines[*at];
                machine.process.is_some() && !machine.gone && machine.site == site && !machine.is_twin
            })
            .collect();
        self.admins.dice.one(&running).copied()
    }

    pub(crate) fn next_work(&mut self, step: usize, until_ms: u64) {
        if self.now_ms >= until_ms || self.admins.stopped {
            return;
        }
        let Some(Action::Work { every_ms, structural, .. }) = self.plan.step.get(step).map(|s| s.action.clone()) else {
            return;
        };
        let structural = self.admins.dice.happens(structural);
        if let Some(at) = self.any_running() {
            let command = if structural { self.structural() } else { self.everyday() };
            self.command(at, self.setup.site, Actor::Admin(ADMIN), command, For::Record);
        }
        let wait_ms = self.admins.dice.between(every_ms).max(1);
        self.queue.push(self.now_ms + wait_ms, Event::NextWork { step, until_ms });
    }

    fn serial(&mut self) -> u64 {
        self.admins.next_errand += 1;
        self.admins.next_errand
    }

    fn everyday(&mut self) -> Command {
        let n = self.serial();
        let items = self.setup.items.len();
        let hosts = self.setup.hosts.len();
        match self.admins.dice.index(8) {
            0 => Command::AddGroup { name: name(&format!("group{n}")), members: vec![self.setup.user(n)] },
            1 => self.published(),
            2 if items > 1 => {
                // The last item is the one that changes; what users ask for stays as it is.
                Command::ChangeItem {
                    item: "spare".into(),
                    name: None,
                    launch: None,
                    spec: Some(spec(n.is_multiple_of(2))),
                }
            }
            3 => Command::Set { key: "hosts.slow_start".into(), value: Some(format!("{}s", 60 + n % 120)) },
            4 if hosts > 0 => Command::ChangeHost {
                host: format!("h{}", 1 + n as usize % hosts),
                name: None,
                drain: None,
                hard_cap: None,
                logon_slots: Some((!n.is_multiple_of(3)).then_some(self.plan.cluster.logon_slots)),
                address: None,
            },
            5 => Command::RemoveUser { user: format!("extra{}", n / 2) },
            _ => Command::AddUser { name: format!("extra{n}").parse().unwrap_or_else(|_| self.setup.users[0].clone()) },
        }
    }

    pub(crate) fn published(&mut self) -> Command {
        let n = self.serial();
        Command::Publish { name: name(&format!("item{n}")), launch: Launch::Desktop, spec: spec(true) }
    }

    pub(crate) fn an_admin(&mut self) -> Command {
        let n = self.serial();
        let grants = vec![Grant { role: Role::Owner, site: None }, Grant { role: Role::Promoter, site: None }];
        Command::AddAdmin { name: name(&format!("admin{n}")), password_hash: "x".into(), grants }
    }

    fn structural(&mut self) -> Command {
        let n = self.serial();
        let brokers: Vec<String> = self
            .machines
            .iter()
            .filter(|m| !m.gone && m.site == self.setup.site)
            .map(|m| format!("b{}", m.number))
            .collect();
        let broker = self.admins.dice.one(&brokers).cloned().unwrap_or_default();
        match self.admins.dice.index(5) {
            0 => Command::Set { key: "tokens.life".into(), value: Some(format!("{}m", 1 + n % 60)) },
            1 => Command::MoveBroker { broker, up: n.is_multiple_of(2) },
            2 => self.an_admin(),
            3 => Command::Set { key: "admins.login_life".into(), value: Some(format!("{}h", 1 + n % 12)) },
            _ => Command::EnableBroker { broker },
        }
    }

    /// Applies again, or discards in turn, what was superseded or quarantined and waits.
    pub(crate) fn settle_superseded(&mut self, at: usize) {
        let site = self.setup.site;
        let Some(process) = &self.machines[at].process else { return };
        let waits = process.node.views().timeline(site).map(set_aside).unwrap_or_default();
        let Some(event) = waits.iter().find(|s| s.waits()).map(|s| event_text(&s.loaded.reference)) else { return };
        self.admins.settles = !self.admins.settles;
        let command = if self.admins.settles {
            Command::Reapply { event }
        } else {
            Command::Discard { event, reason: "not wanted any more".into() }
        };
        self.marks.hit("event.settled");
        self.command(at, site, Actor::Admin(ADMIN), command, For::Record);
    }
}

pub(crate) fn spec(everyone: bool) -> ItemSpec {
    ItemSpec { everyone, ..ItemSpec::default() }
}

/// A name that is known to be one.
pub(crate) fn name(text: &str) -> hostler_model::Name {
    text.parse().unwrap_or_else(|_| unreachable!("{text:?} is a name"))
}

/// How long an administrator waits before trying again, in ms.
pub(crate) const AGAIN_MS: Range<u64> = Range(300, 900);
