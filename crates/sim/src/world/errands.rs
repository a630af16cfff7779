//! What takes an administrator more than one command, or more than one try.

use super::World;
use super::admins::{ADMIN, AGAIN_MS, For, name};
use super::event::{Event, Place};
use super::machine::Machine;
use crate::scenario::Who;
use hostler_events::{Actor, AuthorKey};
use hostler_log::MemoryLog;
use hostler_model::{BrokerId, MemberRole, SiteId, TokenId, Wall};
use hostler_node::{Command, CommandError, Outcome};

/// Tries before an administrator gives up.
const TRIES: u32 = 60;

/// What an administrator is at.
#[derive(Clone, Debug)]
pub(crate) struct Errand {
    what: What,
    tries: u32,
}

#[derive(Clone, Debug)]
enum What {
    /// One command, at any broker or a certain one, until it is carried out or makes no sense any more.
    Command { at: Option<usize>, site: SiteId, command: Box<Command> },
    /// A new broker: a token, a join, a start. First the one that it replaces is removed.
    Add { replaces: Option<usize>, site: SiteId, stage: Stage, number: u8 },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Remove,
    Token,
    Join { issuer: BrokerId, token: TokenId },
}

impl super::admins::Admins {
    /// True while a broker is being added.
    pub(crate) fn is_adding(&self) -> bool {
        self.errands.values().any(|e| matches!(e.what, What::Add { .. }))
    }

    /// True where a machine's place is being taken by a new one.
    pub(crate) fn replaces(&self, at: usize) -> bool {
        self.errands.values().any(|e| matches!(e.what, What::Add { replaces: Some(replaced), .. } if replaced == at))
    }
}

impl World {
    fn begin_errand(&mut self, what: What) {
        self.admins.next_errand += 1;
        let number = self.admins.next_errand;
        self.admins.errands.insert(number, Errand { what, tries: 0 });
        self.queue.push(self.now_ms, Event::Errand(number));
    }

    /// A command, tried until it is carried out.
    pub(crate) fn see_to(&mut self, at: Option<usize>, command: Command) {
        let site = self.setup.site;
        self.begin_errand(What::Command { at, site, command: Box::new(command) });
    }

    /// A new broker; where `replaces` is given, instead of that one.
    pub(crate) fn add_broker(&mut self, replaces: Option<usize>, site: SiteId) {
        let number = match replaces {
            Some(at) => self.machines[at].number,
            None => self.machines.iter().map(|m| m.number).max().unwrap_or(0).saturating_add(1),
        };
        let stage = if replaces.is_some() { Stage::Remove } else { Stage::Token };
        self.begin_errand(What::Add { replaces, site, stage, number });
    }

    /// The next try.
    pub(crate) fn errand(&mut self, number: u64) {
        let Some(errand) = self.admins.errands.get_mut(&number) else { return };
        errand.tries += 1;
        if errand.tries > TRIES {
            self.admins.errands.remove(&number);
            return;
        }
        let what = errand.what.clone();
        let given = match what {
            What::Command { at, site, command } => match at.or_else(|| self.any_running()) {
                Some(at) => self.command(at, site, Actor::Admin(ADMIN), *command, For::Errand(number)),
                None => false,
            },
            What::Add { replaces, site, stage, number: name_number } => {
                self.add_stage(number, replaces, site, stage, name_number)
            }
        };
        if !given {
            self.again(number);
        }
    }

    fn again(&mut self, number: u64) {
        let wait_ms = self.admins.dice.between(AGAIN_MS);
        self.queue.push(self.now_ms + wait_ms, Event::Errand(number));
    }

    /// A broker of a site that runs; of any site where that has none.
    fn running_of(&mut self, site: SiteId) -> Option<usize> {
        let fits = |m: &Machine| m.process.is_some() && !m.gone && m.site == site && !m.is_twin;
        let running: Vec<usize> = (0..self.machines.len()).filter(|at| fits(&self.machines[*at])).collect();
        self.admins.dice.one(&running).copied()
    }

    fn add_stage(&mut self, errand: u64, replaces: Option<usize>, site: SiteId, stage: Stage, number: u8) -> bool {
        let Some(at) = self.running_of(site) else { return false };
        match stage {
            Stage::Remove => {
                let broker = replaces.map(|at| self.machines[at].id.to_string()).unwrap_or_default();
                self.command(at, site, Actor::Admin(ADMIN), Command::RemoveBroker { broker }, For::Errand(errand))
            }
            Stage::Token => {
                let token = TokenId(self.admins.dice.bytes());
                let issuer = self.machines[at].id;
                let role = MemberRole::Broker;
                let command = Command::CreateToken { token, role, issuer, verifier: [0; 32], expires: Wall(u64::MAX) };
                if let Some(Errand { what: What::Add { stage, .. }, .. }) = self.admins.errands.get_mut(&errand) {
                    // If it is carried out; else the token is another one next time.
                    *stage = Stage::Join { issuer, token };
                }
                let given = self.command(at, site, Actor::Admin(ADMIN), command, For::Errand(errand));
                if !given {
                    self.set_stage(errand, Stage::Token);
                }
                given
            }
            Stage::Join { issuer, token } => {
                let Some(at) = self.machine_of(issuer) else { return false };
                let broker = self.setup.new_broker(self.machines.len());
                let addresses = self.setup.addresses(number);
                let key = AuthorKey::from_secret(&broker.1).public();
                let name = name(&format!("b{number}"));
                let join = Command::JoinBroker { token, broker: broker.0, name, key, addresses };
                self.command(at, site, Actor::Token(token), join, For::Errand(errand))
            }
        }
    }

    fn set_stage(&mut self, errand: u64, to: Stage) {
        if let Some(Errand { what: What::Add { stage, .. }, .. }) = self.admins.errands.get_mut(&errand) {
            *stage = to;
        }
    }

    pub(crate) fn errand_answered(&mut self, number: u64, result: Result<Outcome, CommandError>) {
        let Some(errand) = self.admins.errands.get(&number).cloned() else { return };
        let hopeless = |error: &CommandError| {
            matches!(
                error,
                CommandError::NotFound { .. }
                    | CommandError::Invalid(_)
                    | CommandError::Exists { .. }
                    | CommandError::Forbidden { .. }
            )
        };
        match errand.what {
            What::Command { .. } => match result {
                Err(error) if !hopeless(&error) => self.again(number),
                _ => {
                    self.admins.errands.remove(&number);
                }
            },
            What::Add { replaces, site, stage, number: name_number } => match (stage, result) {
                (Stage::Remove, Ok(_) | Err(CommandError::NotFound { .. })) => {
                    self.set_stage(number, Stage::Token);
                    self.again(number);
                }
                (Stage::Join { .. }, Ok(outcome))
                    if outcome.thing.is_some_and(|t| matches!(t, hostler_model::Thing::Broker(_))) =>
                {
                    self.admins.errands.remove(&number);
                    self.join(replaces, site, name_number);
                }
                // The token is there.
                (Stage::Join { .. }, Ok(_)) => self.again(number),
                // Where a join is refused or its answer was lost, a new token is needed; from another broker where this one
                // was removed.
                (
                    Stage::Join { .. },
                    Err(
                        CommandError::Token(_)
                        | CommandError::Invalid(_)
                        | CommandError::Exists { .. }
                        | CommandError::Removed,
                    ),
                ) => {
                    self.set_stage(number, Stage::Token);
                    self.again(number);
                }
                _ => self.again(number),
            },
        }
    }

    /// A new broker starts, with nothing on its disk.
    fn join(&mut self, replaces: Option<usize>, site: SiteId, number: u8) {
        let at = self.machines.len();
        let (id, secret) = self.setup.new_broker(at);
        let trusted = self.setup.trusted.clone();
        let clock = Self::new_clock(&self.plan, &mut self.dice);
        let disk = Self::disk(MemoryLog::new());
        let machine = Machine::new(number, id, secret, site, trusted, clock, disk);
        self.machines.push(machine);
        if let Some(replaced) = replaces {
            self.machines[replaced].gone = true;
        }
        self.marks.hit("broker.joined");
        self.queue.push(self.now_ms + 200, Event::Start(Place::Broker(at)));
    }

    /// Which broker is meant.
    pub(crate) fn find(&mut self, who: Who) -> Option<usize> {
        let live: Vec<usize> =
            (0..self.machines.len()).filter(|at| !self.machines[*at].gone && !self.machines[*at].is_twin).collect();
        let master = self.master();
        match who {
            Who::Broker(number) => live.into_iter().rev().find(|at| self.machines[*at].number == number),
            Who::Master => master.or_else(|| live.first().copied()),
            Who::Next => live.into_iter().find(|at| Some(*at) != master && self.machines[*at].site == self.setup.site),
            Who::Any => self.dice.one(&live).copied(),
            Who::Other => {
                let others: Vec<usize> = live.into_iter().filter(|at| Some(*at) != master).collect();
                self.dice.one(&others).copied()
            }
        }
    }

    /// The master of the first site, under the highest epoch that any running broker takes for its own.
    pub(crate) fn master(&self) -> Option<usize> {
        let site = self.setup.site;
        let of = |m: &Machine| m.process.as_ref().filter(|_| m.site == site).and_then(|p| p.node.master());
        let (id, _) = self.machines.iter().filter_map(of).max_by_key(|(_, epoch)| *epoch)?;
        self.machine_of(id)
    }
}
