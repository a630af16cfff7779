//! A promotion without the present master: only where it does not answer, by a right of its own, and with a reason.

use super::Node;
use crate::candidacy::Purpose;
use crate::decide::find::Find;
use crate::pending::Origin;
use crate::{Command, CommandError};
use hostler_events::Actor;
use hostler_model::{BrokerId, Now, limits};
use std::fmt::Write;

impl Node {
    /// Promotes a broker although the master does not answer: only the broker itself can.
    pub(super) fn promote_forced(&mut self, now: Now, origin: Origin, actor: Actor, command: Box<Command>) {
        let result = match &*command {
            Command::ForcePromotion { broker, lost, reason } => {
                match self.force(now, origin, actor, broker, lost, reason) {
                    Ok(Some(other)) => return self.forward(now, origin, other, actor, command),
                    result => result.map(|_| ()),
                }
            }
            _ => Ok(()),
        };
        if let Err(error) = result {
            self.answer(origin, Err(error));
        }
    }

    /// Begins, where it is about this broker; says who else must, where it is not.
    fn force(
        &mut self,
        now: Now,
        origin: Origin,
        actor: Actor,
        broker: &str,
        lost: &str,
        reason: &str,
    ) -> Result<Option<BrokerId>, CommandError> {
        let site = self.replica.views.site(self.site).ok_or(CommandError::NotReady)?;
        let promoted = Find(site).broker(broker)?;
        let lost = Find(site).broker_ever(lost)?;
        if promoted != self.me {
            return match self.answers(now, promoted) {
                true => Ok(Some(promoted)),
                false => Err(CommandError::Invalid(format!(
                    "broker {} does not answer; promote one that does, or give the command on that machine",
                    self.broker_name(promoted)
                ))),
            };
        }
        let master = self.mastership().map(|m| m.epoch.broker).ok_or(CommandError::NotReady)?;
        let enabled = site.brokers.get(&self.me).is_some_and(|b| b.enabled);
        let (master_name, lost_name) = (self.broker_name(master), self.broker_name(lost));
        let command = Command::ForcePromotion { broker: String::new(), lost: String::new(), reason: String::new() };
        self.authorized(now, actor, &command)?;
        self.may_author()?;
        let refuse = |why: String| Err(CommandError::Invalid(why));
        // A master whose successor was lost while it took over goes on by force, as if the successor were the master.
        let awaited = self.awaited_successor(now).filter(|_| master == self.me);
        if awaited.is_some_and(|awaited| awaited != lost) {
            return refuse(format!("{lost_name} was not about to take over from {master_name}: nothing has been done"));
        }
        if awaited.is_none() && lost != master {
            return refuse(format!("the master is {master_name}, not {lost_name}: nothing has been done"));
        }
        if master == self.me && self.master().is_some() && awaited.is_none() {
            return refuse(format!("{master_name} is the master already"));
        }
        if master != self.me && self.answers(now, master) {
            return refuse(format!(
                "the master, {master_name}, answers, so it can hand over without anything getting lost: \
                 hostler broker promote {}",
                self.broker_name(self.me)
            ));
        }
        if !enabled {
            return refuse(format!("broker {} is disabled", self.broker_name(self.me)));
        }
        if reason.trim().is_empty() || reason.len() > limits::TEXT_BYTES {
            return refuse(format!(
                "give a reason, in {} bytes at most: it stands in the log for ever",
                limits::TEXT_BYTES
            ));
        }
        if matches!(self.candidacy.as_ref().map(|c| &c.purpose), Some(Purpose::Forced { .. })) {
            return Err(CommandError::Busy);
        }
        self.stand(now, Purpose::Forced { origin, actor, lost, reason: reason.trim().to_string() });
        Ok(None)
    }

    /// What forcing a promotion means, and who is there.
    pub(super) fn explain_loss(&self, now: Now, broker: &str) -> CommandError {
        let site = self.replica.views.site(self.site);
        let (Some(site), Some(master)) = (site, self.mastership().map(|m| m.epoch.broker)) else {
            return CommandError::NotReady;
        };
        let wanted = match Find(site).broker(broker) {
            Ok(id) => self.broker_name(id),
            Err(error) => return error,
        };
        let master_name = self.broker_name(master);
        let heard = |b: BrokerId| match self.heard.last(b) {
            _ if b == self.me => "this broker".to_string(),
            Some(_) if self.answers(now, b) => "answers".to_string(),
            Some(at) => format!("last heard {} s ago", now.wall.0.saturating_sub(at.0) / 1_000),
            None => "not heard since this broker started".to_string(),
        };
        let mut text = format!(
            "the master, {master_name}, does not answer ({}), so it can't hand over. If it is lost, promote {wanted} \
             without it:\n  hostler broker promote {wanted} --force --lost {master_name} --reason TEXT\nWhat that means: \
             {wanted} is the master at once. Where {master_name} still runs in another part of the network, the changes \
             to brokers, administrators and settings that it takes until it hears of this are superseded: kept, listed \
             by 'hostler log superseded', and not applied. Everyday changes of both sides are merged. Users notice \
             nothing. Seen from {}:",
            heard(master),
            self.broker_name(self.me),
        );
        for id in &site.order {
            // Writing to a String can't fail.
            let _ = write!(text, "\n  {}: {}", self.broker_name(*id), heard(*id));
        }
        CommandError::MasterLost(text)
    }
}
