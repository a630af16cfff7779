//! A planned promotion: the master stops for its successor, which takes over with everything that the master wrote.

use super::{Node, Output};
use crate::candidacy::Purpose;
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
        self.handover = Some(Handover { origin, seal, until: now.mono.plus(HANDOVER_MS) });
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
            self.handover = Some(Handover { origin: None, seal, until: now.mono.plus(HANDOVER_MS) });
        }
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
            let name = self.broker_name(handover.seal.successor);
            if let Some(origin) = handover.origin {
                let text = format!("broker {name} did not take over in time; {} goes on", self.broker_name(self.me));
                self.answer(origin, Err(CommandError::NotPromoted(text)));
            }
            // Until the new epoch begins nothing structural is authored: the successor may still appear.
            self.handover = Some(Handover { origin: None, until: now.mono.plus(HANDOVER_MS), ..handover });
            self.stand(now, Purpose::Renewed { reason: format!("{name} did not take over"), by_all: false });
        }
    }
}

#[cfg(feature = "planted-faults")]
impl Handover {
    /// What matters of it from here on.
    pub(super) fn essence(&self, now: Mono) -> impl std::hash::Hash + use<> {
        (self.origin.is_some(), self.seal.event, self.until.since(now))
    }
}
