//! Commands: forwarded to the master, or decided, authored, stored and answered.

use super::{COMMANDS, FORWARD_MS, Node, Output, Peer};
use crate::decide::{Decide, Draft, class_of};
use crate::fault::Fault;
use crate::pending::{Forwarded, Origin, Parked, Storing};
use crate::{Command, CommandError, Continuity, Message, Outcome};
use hostler_events::payload::Resumed;
use hostler_events::{Actor, Class, Event, EventRef, StoredEvent};
use hostler_model::{BrokerId, Epoch, Now};
use rand::Rng;

/// How long a command waits before it is tried again, in ms.
const PARKED_MS: u64 = 50;

impl Node {
    pub(super) fn command(&mut self, now: Now, origin: Origin, actor: Actor, command: Box<Command>) {
        if self.pending.len() + self.waiting.len() >= COMMANDS {
            return self.answer(origin, Err(CommandError::Busy));
        }
        if let Continuity::Asking { .. } = self.continuity {
            return self.waiting.push_back((origin, actor, command));
        }
        if self.is_removed() {
            return self.answer(origin, Err(CommandError::Removed));
        }
        if let Command::ReplaceBrokerKey { broker, .. } = *command
            && let Err(error) = self.may_replace_key(origin, actor, broker)
        {
            return self.answer(origin, Err(error));
        }
        match *command {
            Command::Promote { .. } => return self.promote_planned(now, origin, actor, command),
            Command::ForcePromotion { .. } => return self.promote_forced(now, origin, actor, command),
            _ => {}
        }
        if command.is_farm_wide() && self.replica.views.main_site() != Some(self.site) {
            // Whoever forwarded it takes another site for the main one: it has not got the log yet.
            return self.answer(origin, Err(CommandError::NotReady));
        }
        if self.class_of(&command) == Class::Structural {
            if let (Some(_), Origin::Local(token)) = (self.heeded_seal(), origin) {
                let (site, until) = (self.site, now.mono.plus(FORWARD_MS));
                return self.park(now, Parked { token, site, actor, command, next: now.mono, until });
            }
            match self.master() {
                None => return self.answer(origin, Err(CommandError::NotReady)),
                Some((master, _)) if master != self.me => return self.forward(now, origin, master, actor, command),
                Some(_) => {}
            }
            if let Some(seal) = self.heeded_seal() {
                let successor = self.broker_name(seal.successor);
                return self.answer(origin, Err(CommandError::Sealed { successor }));
            }
        }
        let mut events = Vec::new();
        match self.carry_out(now, actor, &command, &mut events) {
            Ok(outcome) => self.store(origin, outcome, events),
            Err(error) => {
                // What was authored before it failed is in the feed: without it on the disk there would be a gap.
                if !events.is_empty() {
                    self.append(events, None);
                }
                self.answer(origin, Err(error));
            }
        }
    }

    /// What settles an event has that event's class: a structural one is the master's business.
    fn class_of(&self, command: &Command) -> Class {
        match (command, self.replica.views.timeline(self.site)) {
            (Command::Reapply { event } | Command::Discard { event, .. }, Some(timeline)) => class_of(timeline, event),
            _ => command.class(),
        }
    }

    pub(super) fn forward(&mut self, now: Now, origin: Origin, master: BrokerId, actor: Actor, command: Box<Command>) {
        let name = self.broker_name(master);
        let linked = self.peers.get(&master).is_some_and(|p| p.linked);
        match origin {
            Origin::Local(token) if linked => {
                let request = self.number();
                let until = now.mono.plus(FORWARD_MS);
                let site = self.site_of(master);
                let message = Message::Forward { request, actor, command: command.clone() };
                self.pending.forwarded.insert(request, Forwarded { token, master, until, site, actor, command });
                self.out.push_back(Output::Send { to: master, message });
            }
            Origin::Local(_) => self.answer(origin, Err(CommandError::MasterUnreachable { master: name })),
            // A command is forwarded once: two brokers that take each other for master must not play ball.
            Origin::Peer(..) => self.answer(origin, Err(CommandError::Moved { master: name })),
        }
    }

    /// The master's answer to a forwarded command; where it is no longer the master, the next one is asked.
    pub(super) fn forwarded(&mut self, now: Now, request: u64, result: Result<Box<Outcome>, CommandError>) {
        let Some(forwarded) = self.pending.forwarded.remove(&request) else { return };
        let Forwarded { token, until, site, actor, command, .. } = forwarded;
        let promotes = matches!(*command, Command::Promote { .. } | Command::ForcePromotion { .. });
        let later = matches!(result, Err(CommandError::Sealed { .. } | CommandError::Moved { .. })) && !promotes;
        if later {
            self.park(now, Parked { token, site, actor, command, next: now.mono, until });
        } else {
            self.out.push_back(Output::Reply { token, result: result.map(|o| *o) });
        }
    }

    fn park(&mut self, now: Now, parked: Parked) {
        let next = now.mono.plus(PARKED_MS).min(parked.until);
        self.pending.parked.push(Parked { next, ..parked });
    }

    /// Tries parked commands again, and gives up those that waited long enough.
    pub(super) fn try_parked(&mut self, now: Now) {
        let due = |p: &mut Parked| now.mono >= p.next;
        for parked in self.pending.parked.extract_if(.., due).collect::<Vec<_>>() {
            let seal = self.seal().filter(|_| parked.site == self.site);
            if now.mono >= parked.until {
                let result = Err(match seal {
                    Some(seal) => CommandError::Sealed { successor: self.broker_name(seal.successor) },
                    None => CommandError::NotReady,
                });
                self.out.push_back(Output::Reply { token: parked.token, result });
            } else if seal.is_some() {
                self.park(now, parked);
            } else {
                self.route(now, parked.token, parked.site, parked.actor, parked.command);
            }
        }
    }

    /// Decides and authors, also where it fails half-way. The views have it at once; the answer and the others wait for
    /// the disk.
    fn carry_out(
        &mut self,
        now: Now,
        actor: Actor,
        command: &Command,
        events: &mut Vec<StoredEvent>,
    ) -> Result<Outcome, CommandError> {
        self.may_author_in(command.class())?;
        let mut random = self.random.generator();
        let decision = Decide::new(&self.replica.views, self.site, self.me, now.wall, actor, &mut random)
            .ok_or(CommandError::NotReady)?
            .run(command)?;
        if !decision.drafts.is_empty() {
            events.extend(self.renew_where_broken(now)?);
        }
        if decision.drafts.iter().any(Draft::is_structural) {
            events.extend(self.resume_where_due(now)?);
        }
        for draft in &decision.drafts {
            events.push(self.write(now, actor, draft)?);
        }
        Ok(Outcome {
            thing: decision.thing,
            events: events.iter().map(StoredEvent::reference).collect(),
            durable_on: 1,
            members: self.member_count(),
            warnings: decision.warnings,
        })
    }

    /// Opens a new incarnation where the feed must not go on. A master's first event in it is a resume.
    pub(super) fn renew_where_broken(&mut self, now: Now) -> Result<Option<StoredEvent>, CommandError> {
        if self.continuity != Continuity::Broken {
            return Ok(None);
        }
        if self.planted.is(Fault::IncarnationReused) {
            self.continuity = Continuity::GoesOn;
            return Ok(None);
        }
        let mut random = [0; 8];
        self.random.generator().fill_bytes(&mut random);
        let elsewhere = self.copies.latest().map_or(0, |i| i.ordinal);
        let latest =
            self.replica.latest_incarnation(self.me).max(self.author.feed().incarnation.ordinal).max(elsewhere);
        self.author.renew(Continuity::next(latest, u64::from_le_bytes(random)));
        self.continuity = Continuity::GoesOn;
        match self.master() {
            Some((master, _)) if master == self.me && !self.planted.is(Fault::ResumeUnwritten) => {
                self.write(now, Actor::System, &Event::Resumed(Resumed {}).into()).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// A master's first structural event in a new incarnation is a resume, also where it opened that incarnation before it
    /// knew that it was the master: a restored disk may lack the promotion, and get it back later than other events.
    pub(super) fn resume_where_due(&mut self, now: Now) -> Result<Option<StoredEvent>, CommandError> {
        if !self.must_resume() || self.planted.is(Fault::ResumeUnwritten) {
            return Ok(None);
        }
        self.resumed = self.mastership().map(|m| (self.author.feed(), m.epoch));
        self.write(now, Actor::System, &Event::Resumed(Resumed {}).into()).map(Some)
    }

    /// True where the mastership began in another life of this broker, and this one has not said that it goes on.
    fn must_resume(&mut self) -> bool {
        let feed = self.author.feed();
        let Some((promotion, epoch)) = self.mastership().map(|m| (m.promotion, m.epoch)) else { return false };
        if epoch.broker != self.me || promotion.feed == feed || self.resumed == Some((feed, epoch)) {
            return false;
        }
        // The order begins with the epoch.
        let entries = self.replica.views.timeline(self.site).map_or(&[][..], |t| t.entries());
        let resumes = |e: &hostler_views::Entry| {
            e.loaded.reference.feed == feed && matches!(e.loaded.event, Some(Event::Resumed(_)))
        };
        let said =
            entries.iter().rev().take_while(|e| e.key.epoch >= epoch).any(|e| e.key.epoch == epoch && resumes(e));
        if said {
            self.resumed = Some((feed, epoch));
        }
        !said
    }

    pub(super) fn write(&mut self, now: Now, actor: Actor, draft: &Draft) -> Result<StoredEvent, CommandError> {
        self.write_under(now, actor, draft, self.epoch())
    }

    /// Writes under another epoch than the greatest that was seen: a promotion begins its own.
    pub(super) fn write_under(
        &mut self,
        now: Now,
        actor: Actor,
        draft: &Draft,
        epoch: Epoch,
    ) -> Result<StoredEvent, CommandError> {
        let mut short = None;
        if self.planted.is(Fault::FrontierShort) {
            let seen = self.replica.seen.0.iter();
            let heads = seen.map(|(feed, (seq, hash))| (*feed, (seq.saturating_sub(1), *hash)));
            short = Some(hostler_events::Frontier(heads.collect()));
        }
        let seen = short.as_ref().unwrap_or(&self.replica.seen);
        let stored = self
            .author
            .write(now.wall, actor, &draft.event, epoch, seen, draft.bases.clone(), draft.class)
            .map_err(|e| CommandError::NotStored(e.to_string()))?;
        self.replica.authored(&stored, self.heard.wall(), self.author.clock_mut());
        Ok(stored)
    }

    pub(super) fn store(&mut self, origin: Origin, outcome: Outcome, events: Vec<StoredEvent>) {
        if events.is_empty() {
            // Everything is so already, on as many disks as it got to.
            let linked = self.peers.values().filter(|p| p.linked).count();
            let durable_on = 1 + u32::try_from(linked).unwrap_or(u32::MAX);
            return self.answer(origin, Ok(Outcome { durable_on, ..outcome }));
        }
        let batch = self.append(events, None);
        if self.planted.is(Fault::AnsweredUnstored) {
            self.answer(origin, Ok(outcome));
            return self.out.push_back(Output::Changed);
        }
        self.pending.storing.entry(batch).or_default().push(Storing { origin, outcome });
        self.out.push_back(Output::Changed);
    }

    pub(super) fn answer_spread(&mut self, now: Now) {
        let (peers, replica) = (&self.peers, &self.replica);
        let copies = |event: &EventRef| {
            let event = replica.named(event);
            let has = |p: &&Peer| {
                p.stored.contains(&event.feed, event.seq)
                    || p.heads.as_ref().is_some_and(|h| h.durable.contains(&event.feed, event.seq))
            };
            u32::try_from(peers.values().filter(has).count()).unwrap_or(u32::MAX)
        };
        for (origin, mut result) in self.pending.spread(now.mono, copies) {
            if let (true, Ok(outcome)) = (self.planted.is(Fault::OneDiskTooMany), &mut result) {
                outcome.durable_on += 1;
            }
            self.answer(origin, result);
        }
    }

    pub(super) fn time_out_forwarded(&mut self, now: Now) {
        let due: Vec<u64> =
            self.pending.forwarded.iter().filter(|(_, f)| now.mono >= f.until).map(|(n, _)| *n).collect();
        for request in due {
            if let Some(f) = self.pending.forwarded.remove(&request) {
                let master = self.broker_name(f.master);
                let result = Err(CommandError::Unanswered { master });
                self.out.push_back(Output::Reply { token: f.token, result });
            }
        }
    }

    pub(super) fn answer(&mut self, origin: Origin, result: Result<Outcome, CommandError>) {
        self.out.push_back(match origin {
            Origin::Local(token) => Output::Reply { token, result },
            Origin::Peer(to, request) => {
                Output::Send { to, message: Message::Forwarded { request, result: result.map(Box::new) } }
            }
        });
    }
}
