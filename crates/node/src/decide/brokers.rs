//! The list of brokers: who takes work, who comes next, who leaves. Promotions are not decided here: they take more than
//! the views (see `node::mastership`).

use super::find::Find;
use super::{Decide, Decision};
use crate::{Command, CommandError};
use hostler_events::Event;
use hostler_events::payload::{
    BrokerCompromised, BrokerDisabled, BrokerEnabled, BrokerKeyReplaced, BrokerRemoved, BrokersOrdered,
};
use hostler_model::{BrokerId, Thing, limits};
use hostler_views::Broker;

impl Decide<'_> {
    pub(super) fn broker(&mut self, command: &Command) -> Result<Decision, CommandError> {
        match command {
            Command::EnableBroker { broker } => {
                let (id, now) = self.member_broker(broker)?;
                let decision = Decision::about(Thing::Broker(id));
                if now.enabled && !now.standby {
                    return Ok(decision);
                }
                let active = self.site.order.iter().filter(|b| self.is_active(**b)).count() + 1;
                let decision = decision.with(Event::BrokerEnabled(BrokerEnabled { broker: id }));
                Ok(if active > limits::ADVISED_ACTIVE_BROKERS {
                    decision.warn(format!(
                        "the site has {active} active brokers now; more than {} are of little use: every broker talks \
                         to every other and to every agent, so the traffic grows with the square of their number",
                        limits::ADVISED_ACTIVE_BROKERS
                    ))
                } else {
                    decision
                })
            }
            Command::DisableBroker { broker } => {
                let (id, now) = self.member_broker(broker)?;
                self.not_the_master(id, "disabled")?;
                let decision = Decision::about(Thing::Broker(id));
                if !now.enabled {
                    return Ok(decision);
                }
                let decision = decision.with(Event::BrokerDisabled(BrokerDisabled { broker: id }));
                let left = self.site.order.iter().filter(|b| **b != id && self.is_active(**b)).count();
                Ok(if left == 1 {
                    decision.warn("only one active broker is left: nobody takes over where it fails".to_string())
                } else {
                    decision
                })
            }
            Command::MoveBroker { broker, up } => {
                let (id, _) = self.member_broker(broker)?;
                let mut order = self.site.order.clone();
                let decision = Decision::about(Thing::Broker(id));
                let Some(at) = order.iter().position(|b| *b == id) else { return Ok(decision) };
                let to = if *up { at.checked_sub(1) } else { Some(at + 1).filter(|to| *to < order.len()) };
                let Some(to) = to else {
                    let end = if *up { "first" } else { "last" };
                    return Ok(decision.warn(format!("broker {} is the {end} in the list already", now_name(self, id))));
                };
                order.swap(at, to);
                // The outcome is stored, not the step: what it means does not depend on what came before.
                Ok(decision.with(Event::BrokersOrdered(BrokersOrdered { order })))
            }
            Command::RemoveBroker { broker } => {
                let (id, _) = self.member_broker(broker)?;
                self.not_the_master(id, "removed")?;
                let event = Event::BrokerRemoved(BrokerRemoved { broker: id });
                Ok(Decision::about(Thing::Broker(id)).with(event))
            }
            Command::RevokeBroker { broker } => {
                let (id, _) = self.member_broker(broker)?;
                if id == self.me {
                    return Err(CommandError::Invalid(format!(
                        "broker {} can't revoke its own key: give this command to another broker",
                        now_name(self, id)
                    )));
                }
                let decision =
                    Decision::about(Thing::Broker(id)).with(Event::BrokerCompromised(BrokerCompromised { broker: id }));
                let master = self.site.master.as_ref().is_some_and(|m| m.epoch.broker == id);
                Ok(if master {
                    decision.warn(format!(
                        "{} was the master: promote another broker now, with --force --lost {0}",
                        now_name(self, id)
                    ))
                } else {
                    decision
                })
            }
            Command::ReplaceBrokerKey { broker, key } => {
                let (id, now) = self.member_broker(&broker.to_string())?;
                let decision = Decision::about(Thing::Broker(id));
                if now.key == *key {
                    return Ok(decision);
                }
                if self.site.brokers.values().any(|b| b.key == *key) {
                    return Err(CommandError::Invalid("another broker has this key already".to_string()));
                }
                Ok(decision.with(Event::BrokerKeyReplaced(BrokerKeyReplaced { broker: id, key: *key })))
            }
            _ => Err(CommandError::Invalid("not a command about brokers".to_string())),
        }
    }

    fn member_broker(&self, text: &str) -> Result<(BrokerId, &Broker), CommandError> {
        let id = Find(self.site).broker(text)?;
        let gone = || CommandError::NotFound { what: "broker".to_string(), name: text.chars().take(64).collect() };
        self.site.brokers.get(&id).map(|b| (id, b)).ok_or_else(gone)
    }

    fn not_the_master(&self, broker: BrokerId, done: &str) -> Result<(), CommandError> {
        if self.site.master.as_ref().is_none_or(|m| m.epoch.broker != broker) {
            return Ok(());
        }
        Err(CommandError::Invalid(format!(
            "broker {} is the master and can't be {done}: promote another one first, with: hostler broker promote NAME",
            now_name(self, broker)
        )))
    }

    pub(super) fn is_active(&self, broker: BrokerId) -> bool {
        self.site.brokers.get(&broker).is_some_and(|b| b.enabled && !b.standby)
    }
}

fn now_name(decide: &Decide<'_>, broker: BrokerId) -> String {
    decide.site.brokers.get(&broker).map_or_else(|| broker.short(), |b| b.name.to_string())
}
