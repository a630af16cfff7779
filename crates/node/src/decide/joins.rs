//! Tokens, and those who join with them.

use super::find::Find;
use super::{Decide, Decision};
use crate::{Command, CommandError};
use hostler_events::Event;
use hostler_events::payload::{BrokerJoined, GatewayJoined, HostJoined, TokenCreated, TokenRevoked};
use hostler_model::{BrokerId, MemberRole, Name, PublicKey, Thing, TokenId, limits};

impl Decide<'_> {
    pub(super) fn join(&mut self, command: &Command) -> Result<Decision, CommandError> {
        match command {
            Command::CreateToken { token, role, issuer, verifier, expires } => {
                self.unused(Thing::Token(*token))?;
                let event = TokenCreated {
                    token: *token,
                    role: *role,
                    issuer: *issuer,
                    verifier: *verifier,
                    expires: *expires,
                };
                Ok(Decision::about(Thing::Token(*token)).with(Event::TokenCreated(event)))
            }
            Command::RevokeToken { token } => {
                let id = Find(self.site).token(self.main, token)?;
                let decision = Decision::about(Thing::Token(id));
                let revoked = self.site.tokens.get(&id).is_some_and(|t| t.revoked)
                    || self.main.api_tokens.get(&id).is_some_and(|t| t.revoked);
                if revoked {
                    return Ok(decision);
                }
                Ok(decision.with(Event::TokenRevoked(TokenRevoked { token: id })))
            }
            Command::JoinBroker { token, broker, name, key, addresses } => {
                self.redeemable(*token, MemberRole::Broker)?;
                self.of_no_other_site(*broker)?;
                if let Some(site) = self.site.tokens.get(token).and_then(|t| t.founds) {
                    return self.found_site(site, command);
                }
                self.may_come_back(*broker, *key)?;
                let members = self.site.order.len();
                if members >= limits::BROKERS_PER_SITE && !self.site.order.contains(broker) {
                    return Err(CommandError::Invalid(format!(
                        "the site has {members} brokers already, which is the most that it can have"
                    )));
                }
                let active = self.site.order.iter().filter(|b| *b != broker && self.is_active(**b)).count();
                let standby = active >= limits::ADVISED_ACTIVE_BROKERS;
                let event = BrokerJoined {
                    broker: *broker,
                    name: self.free_name(Thing::Broker(*broker), name),
                    key: *key,
                    addresses: addresses.clone(),
                    token: Some(*token),
                    standby,
                };
                let decision = Decision::about(Thing::Broker(*broker)).with(Event::BrokerJoined(event));
                Ok(if standby {
                    decision.warn(format!(
                        "the site has {active} active brokers; the traffic between brokers grows with the square of \
                         their number, so this one starts as standby: it takes work when an active one is gone"
                    ))
                } else {
                    decision
                })
            }
            Command::JoinGateway { token, gateway, name, key, address } => {
                self.redeemable(*token, MemberRole::Gateway)?;
                self.unused(Thing::Gateway(*gateway))?;
                let event = GatewayJoined {
                    gateway: *gateway,
                    name: self.free_name(Thing::Gateway(*gateway), name),
                    key: *key,
                    address: address.clone(),
                    token: *token,
                };
                Ok(Decision::about(Thing::Gateway(*gateway)).with(Event::GatewayJoined(event)))
            }
            Command::JoinHost { token, host, name, key, address } => {
                self.redeemable(*token, MemberRole::Agent)?;
                self.unused(Thing::Host(*host))?;
                if self.site.hosts.len() >= limits::HOSTS_PER_SITE {
                    return Err(CommandError::Invalid(format!(
                        "the site has {} session hosts already, which is the most that it can have",
                        limits::HOSTS_PER_SITE
                    )));
                }
                let event = HostJoined {
                    host: *host,
                    name: self.free_name(Thing::Host(*host), name),
                    key: *key,
                    address: address.clone(),
                    token: *token,
                };
                Ok(Decision::about(Thing::Host(*host)).with(Event::HostJoined(event)))
            }
            _ => Err(CommandError::Invalid("not a command about joining".to_string())),
        }
    }

    /// A broker that was removed may come back with the key that it had, unless that was declared stolen.
    fn may_come_back(&self, broker: BrokerId, key: PublicKey) -> Result<(), CommandError> {
        let Some(former) = self.site.brokers.get(&broker) else { return Ok(()) };
        let refuse = |why: String| Err(CommandError::Invalid(why));
        if !former.removed {
            return refuse(format!("broker {} is a member already: it needs no token to go on", former.name));
        }
        if self.timeline.rules().was_revoked(Thing::Broker(broker)) {
            return refuse(format!(
                "the key of broker {} was declared stolen and is worth nothing any more: join with an empty data \
                 directory, and so with a new key",
                former.name
            ));
        }
        if former.key != key {
            return refuse(format!("broker {} had another key when it was removed", former.name));
        }
        Ok(())
    }

    fn unused(&self, thing: Thing) -> Result<(), CommandError> {
        if self.site.knows(thing) {
            return Err(CommandError::Exists { what: "member with the id".to_string(), name: thing.to_string() });
        }
        Ok(())
    }

    /// A machine that joins has no say in the names that are taken: it gets a free one.
    fn free_name(&self, thing: Thing, wanted: &Name) -> Name {
        let taken = |name: &Name| self.site.named(thing, name.as_str()).is_some_and(|holder| holder != thing);
        let mut name = wanted.clone();
        let mut n = 1;
        while taken(&name) {
            n += 1;
            name = wanted.with_suffix(n);
        }
        name
    }

    fn redeemable(&self, id: TokenId, role: MemberRole) -> Result<(), CommandError> {
        let refuse = |why: String| Err(CommandError::Token(why));
        let Some(token) = self.site.tokens.get(&id) else { return refuse("it is not known".to_string()) };
        if token.role != role {
            return refuse(format!("it is for a {}, not for a {role}", token.role));
        }
        if token.revoked {
            return refuse("it was revoked".to_string());
        }
        if token.used.is_some() {
            return refuse("it was used already".to_string());
        }
        if self.wall > token.expires {
            return refuse("it has expired".to_string());
        }
        if token.issuer != self.me {
            return refuse("it can be redeemed only at the broker that gave it out".to_string());
        }
        Ok(())
    }
}
