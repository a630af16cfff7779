//! A planned promotion: the master stops for its successor, which takes over with everything that the master wrote.
//!
//! Only one of the two may begin the next epoch, and either may be cut off at any moment. So each needs the other's word:
//! the successor begins only after the master has answered that it waits; and once the master has said so, it takes the
//! mastership back only after the successor has answered that it has not begun, and has thereby given up what it was
//! about to do. While the master asks for that it does not say that it waits. No clock is needed for this, and no
//! majority. Where the successor is lost in between, an administrator decides: by force, as with every lost master.

use super::{Node, Output};
use crate::candidacy::{Candidacy, Purpose};
use crate::decide::find::Find;
use crate::pending::Origin;
use crate::{Command, CommandError, Outcome};
use hostler_events::payload::Sealed;
use hostler_events::{Actor, Event, StoredEvent};
use hostler_model::{BrokerId, Mono, Now, Thing};
use hostler_views::Seal;

/// How long a successor has to take over, in ms.
pub(super) const HANDOVER_MS: u64 = 2_500;

/// The master has stopped and waits for its successor.
#[derive(Clone, Debug)]
pub(super) struct Handover {
    /// Who waits for the answer; nobody where it goes back by itself, or was begun before a restart.
    origin: Option<Origin>,
    seal: Seal,
    pub(super) until: Mono,
    /// The successor was told that this broker waits, or may have been before a restart: it may have begun.
    told: bool,
}

impl Node {
    /// Promotes another broker, with the present master's help.
    pub(super) fn promote_planned(&mut self, now: Now, origin: Origin, actor: Actor, command: Box<Command>) {
        let Command::Promote { broker } = &*command else { return };
        let result = match self.master() {
            Some((master, _)) if master == self.me => self.hand_over_to(now, origin, actor, broker),
            Some((master, _)) if self.answers(now, master) => return self.forward(now, origin, master, actor, command),
            _ => Err(self.explain_loss(now, broker)),
        };
        match result {
            Ok(None) => {}
            Ok(Some(outcome)) => self.answer(origin, Ok(outcome)),
            Err(error) => self.answer(origin, Err(error)),
        }
    }

    /// `None` where the answer comes later.
    fn hand_over_to(
        &mut self,
        now: Now,
        origin: Origin,
        actor: Actor,
        broker: &str,
    ) -> Result<Option<Outcome>, CommandError> {
        self.may_author()?;
        self.authorized(now, actor, &Command::Promote { broker: broker.to_string() })?;
        let site = self.replica.views.site(self.site).ok_or(CommandError::NotReady)?;
        let successor = Find(site).broker(broker)?;
        let name = self.broker_name(successor);
        if let Some(seal) = self.seal() {
            return Err(CommandError::Sealed { successor: self.broker_name(seal.successor) });
        }
        if successor == self.me {
            return Ok(Some(Outcome { thing: Some(Thing::Broker(successor)), ..self.nothing_new() }));
        }
        if !site.brokers.get(&successor).is_some_and(|b| b.enabled) {
            return Err(CommandError::Invalid(format!("broker {name} is disabled: enable it first")));
        }
        if !self.answers(now, successor) {
            return Err(CommandError::Invalid(format!(
                "broker {name} does not answer, so it can't take over; promote another one"
            )));
        }
        self.seal_for(now, successor, actor, Some(origin))?;
        Ok(None)
    }

    pub(super) fn seal_for(
        &mut self,
        now: Now,
        successor: BrokerId,
        actor: Actor,
        origin: Option<Origin>,
    ) -> Result<(), CommandError> {
        let mut events: Vec<StoredEvent> = self.renew_where_broken(now)?.into_iter().collect();
        events.extend(self.resume_where_due(now)?);
        let sealed = match self.write(now, actor, &Event::Sealed(Sealed { successor }).into()) {
            Ok(sealed) => sealed,
            Err(error) => {
                // A resume that was authored is in the feed: without it on the disk there would be a gap.
                self.append(events, None);
                return Err(error);
            }
        };
        let seal = Seal { successor, event: sealed.reference() };
        events.push(sealed);
        self.append(events, None);
        // This broker was about to begin an epoch of its own, and the successor is to begin the next one.
        self.candidacy.take_if(|c| matches!(c.purpose, Purpose::Renewed { .. }));
        self.handover = Some(Handover { origin, seal, until: now.mono.plus(HANDOVER_MS), told: false });
        self.out.push_back(Output::Changed);
        Ok(())
    }

    /// The present master has stopped for this broker, or this broker stopped before it was restarted.
    pub(super) fn notice_seal(&mut self, now: Now) {
        let Some(seal) = self.seal() else { return };
        let master = self.mastership().map(|m| m.epoch.broker);
        let busy = self.candidacy.is_some() || self.continuity.is_asking();
        if seal.successor == self.me && master != Some(self.me) && !busy {
            if self.may_author().is_ok() && master.is_some_and(|m| self.answers(now, m)) {
                let sealed = self.replica.views.timeline(self.site);
                let sealed = sealed.and_then(|t| t.find(seal.event.feed, seal.event.seq));
                let actor = sealed.map_or(Actor::System, |l| l.header.actor);
                self.stand(now, Purpose::Planned { seal: seal.event, actor });
            }
        } else if master == Some(self.me) && self.handover.is_none() && !busy {
            self.handover = Some(Handover { origin: None, seal, until: now.mono.plus(HANDOVER_MS), told: true });
        }
    }

    /// Somebody asks for what this broker has, on the way to an epoch. False where it must not be answered: it is the
    /// successor, while this broker is about to take the mastership back.
    pub(super) fn heed_gathering(&mut self, from: BrokerId) -> bool {
        let Some(mastership) = self.mastership() else { return true };
        let (master, successor) = (mastership.epoch.broker, mastership.sealed.map(|s| s.successor));
        if master == self.me && successor == Some(from) {
            if self.candidacy.is_some() {
                return false;
            }
            if let Some(handover) = &mut self.handover {
                handover.told = true;
            }
        }
        let planned = matches!(self.candidacy.as_ref().map(|c| &c.purpose), Some(Purpose::Planned { .. }));
        if master == from && planned {
            // It takes the mastership back, and the answer says that this broker has not begun.
            self.candidacy = None;
        }
        true
    }

    /// The broker that may have taken over, and does not answer: then the master must not go on by itself.
    pub(super) fn awaited_successor(&self, now: Now) -> Option<BrokerId> {
        let handover = self.handover.as_ref().filter(|h| h.told && self.seal() == Some(h.seal))?;
        let successor = handover.seal.successor;
        (!self.answers(now, successor)).then_some(successor)
    }

    /// True where the master may take its mastership back: the successor can't have begun, and can't begin any more.
    pub(super) fn may_take_back(&self, candidacy: &Candidacy) -> bool {
        let Some(Handover { seal, told: true, .. }) = &self.handover else { return true };
        let successor = seal.successor;
        let answered =
            candidacy.answered.contains(&successor) && candidacy.has_all_of(successor, &self.replica.durable);
        answered && self.knows_highest(candidacy)
    }

    /// False where somebody has seen an epoch that this broker has not got yet: it may be on its way to a disk.
    pub(super) fn knows_highest(&self, candidacy: &Candidacy) -> bool {
        candidacy.highest <= self.replica.highest_n(self.site)
    }

    /// The successor has taken over, or it has not in time: then this broker goes on.
    pub(super) fn finish_handover(&mut self, now: Now) {
        let Some(handover) = self.handover.clone() else { return };
        let Some(mastership) = self.mastership().cloned() else { return };
        let promotion = mastership.promotion;
        if mastership.sealed.is_none_or(|s| s.event != handover.seal.event) {
            if !self.replica.is_durable(&promotion) {
                return;
            }
            self.handover = None;
            let Some(origin) = handover.origin else { return };
            let successor = handover.seal.successor;
            let result = if mastership.epoch.broker == successor {
                // It is on the successor's disk, which passed it on, and on this one.
                let events = vec![handover.seal.event, promotion];
                let outcome = Outcome { thing: Some(Thing::Broker(successor)), events, ..self.nothing_new() };
                Ok(Outcome { durable_on: 2, ..outcome })
            } else {
                let other = self.broker_name(mastership.epoch.broker);
                Err(CommandError::NotPromoted(format!("broker {other} has become the master instead")))
            };
            self.answer(origin, result);
        } else if now.mono >= handover.until && self.candidacy.is_none() {
            let (name, own) = (self.broker_name(handover.seal.successor), self.broker_name(self.me));
            let awaited = self.awaited_successor(now).is_some();
            if let Some(origin) = handover.origin {
                let text = match awaited {
                    true => format!(
                        "broker {name} was about to take over and does not answer any more: it may be the master by now, \
                         so {own} waits for it. If it is lost: hostler broker promote {own} --force --lost {name} \
                         --reason TEXT"
                    ),
                    false => format!("broker {name} did not take over in time; {own} takes the mastership back"),
                };
                self.answer(origin, Err(CommandError::NotPromoted(text)));
            }
            // Until the new epoch begins nothing structural is authored: the successor may still appear.
            self.handover = Some(Handover { origin: None, until: now.mono.plus(HANDOVER_MS), ..handover });
            if !awaited {
                self.stand(now, Purpose::Renewed { reason: format!("{name} did not take over"), by_all: false });
            }
        }
    }
}

#[cfg(feature = "planted-faults")]
impl Handover {
    /// What matters of it from here on.
    pub(super) fn essence(&self, now: Mono) -> impl std::hash::Hash + use<> {
        (self.origin.is_some(), self.seal.event, self.until.since(now), self.told)
    }
}
