//! Session hosts and gateways.

use super::find::Find;
use super::{Decide, Decision, Draft};
use crate::{Command, CommandError};
use hostler_events::Event;
use hostler_events::payload::{GatewayChanged, GatewayField, GatewayRemoved, HostChanged, HostField, HostRemoved};
use hostler_model::{Name, PublicKey, Thing};

impl Decide<'_> {
    pub(super) fn member(&mut self, command: &Command) -> Result<Decision, CommandError> {
        match command {
            Command::ChangeHost { host, name, drain, hard_cap, logon_slots, address } => {
                let id = Find(self.site).host(host)?;
                let thing = Thing::Host(id);
                let Some(now) = self.site.hosts.get(&id) else { return Ok(Decision::about(thing)) };
                let (mut fields, mut bases) = (Vec::new(), Vec::new());
                let mut write = |field, base| {
                    fields.push(field);
                    bases.push(Some(base));
                };
                if let Some(v) = name.as_ref().filter(|v| **v != now.name.value) {
                    self.name_is_free(thing, v)?;
                    write(HostField::Name(v.clone()), now.name.edit);
                }
                if let Some(v) = drain.filter(|v| *v != now.drain.value) {
                    write(HostField::Drain(v), now.drain.edit);
                }
                if let Some(v) = hard_cap.filter(|v| *v != now.hard_cap.value) {
                    write(HostField::HardCap(v), now.hard_cap.edit);
                }
                if let Some(v) = logon_slots.filter(|v| *v != now.logon_slots.value) {
                    if v == Some(0) {
                        return Err(CommandError::Invalid(
                            "a host needs at least one logon slot; drain it".to_string(),
                        ));
                    }
                    write(HostField::LogonSlots(v), now.logon_slots.edit);
                }
                if let Some(v) = address.as_ref().filter(|v| **v != now.address.value) {
                    write(HostField::Address(v.clone()), now.address.edit);
                }
                if fields.is_empty() {
                    return Ok(Decision::about(thing));
                }
                let event = Event::HostChanged(HostChanged { host: id, fields });
                Ok(Decision::about(thing).with(Draft::edit(event, bases)))
            }
            Command::RemoveHost { host } => {
                let id = Find(self.site).host(host)?;
                Ok(Decision::about(Thing::Host(id)).with(Event::HostRemoved(HostRemoved { host: id })))
            }
            Command::RemoveGateway { gateway } => {
                let id = Find(self.site).gateway(gateway)?;
                Ok(Decision::about(Thing::Gateway(id)).with(Event::GatewayRemoved(GatewayRemoved { gateway: id })))
            }
            Command::ReplaceMemberKey { member, key } => self.replace_key(*member, *key),
            _ => Err(CommandError::Invalid("not a command about hosts or gateways".to_string())),
        }
    }

    fn replace_key(&self, member: Thing, key: PublicKey) -> Result<Decision, CommandError> {
        let gone = |what: &str| CommandError::NotFound { what: what.to_string(), name: member.to_string() };
        let (now, event) = match member {
            Thing::Host(id) => {
                let host = self.site.hosts.get(&id).ok_or_else(|| gone("host"))?;
                (&host.key, Event::HostChanged(HostChanged { host: id, fields: vec![HostField::Key(key)] }))
            }
            Thing::Gateway(id) => {
                let gateway = self.site.gateways.get(&id).ok_or_else(|| gone("gateway"))?;
                let fields = vec![GatewayField::Key(key)];
                (&gateway.key, Event::GatewayChanged(GatewayChanged { gateway: id, fields }))
            }
            _ => return Err(gone("host or gateway")),
        };
        let decision = Decision::about(member);
        if now.value == key {
            return Ok(decision);
        }
        let hosts = self.site.hosts.values().map(|h| h.key.value);
        let gateways = self.site.gateways.values().map(|g| g.key.value);
        if hosts.chain(gateways).chain(self.site.brokers.values().map(|b| b.key)).any(|other| other == key) {
            return Err(CommandError::Invalid("another member has this key already".to_string()));
        }
        Ok(decision.with(Draft::edit(event, vec![Some(now.edit)])))
    }

    /// Refuses a name that something else of the kind has.
    pub(super) fn name_is_free(&self, thing: Thing, name: &Name) -> Result<(), CommandError> {
        let state = if matches!(thing, Thing::Admin(_)) { self.main } else { self.site };
        match state.named(thing, name.as_str()) {
            Some(holder) if holder != thing => {
                let what = match thing {
                    Thing::Site(_) => "site",
                    Thing::Broker(_) => "broker",
                    Thing::Gateway(_) => "gateway",
                    Thing::Host(_) => "host",
                    Thing::Item(_) => "published item",
                    Thing::User(_) => "user",
                    Thing::Group(_) => "group",
                    Thing::Admin(_) => "administrator",
                    Thing::Token(_) => "token",
                };
                Err(CommandError::Exists { what: what.to_string(), name: name.to_string() })
            }
            _ => Ok(()),
        }
    }
}
