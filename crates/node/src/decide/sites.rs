//! Sites, and their first brokers. A site's further brokers are its own master's matter.

use super::find::Find;
use super::{Decide, Decision};
use crate::{Command, CommandError};
use hostler_events::Event;
use hostler_events::payload::{SiteCreated, SiteFounded, SiteOpened};
use hostler_model::{BrokerId, SiteId, Thing, limits};

impl Decide<'_> {
    pub(super) fn site(&mut self, command: &Command) -> Result<Decision, CommandError> {
        match command {
            Command::AddSite { name } => {
                let site = SiteId(self.random_id());
                self.name_is_free(Thing::Site(site), name)?;
                if self.main.sites.len() >= limits::SITES_PER_FARM {
                    return Err(CommandError::Invalid(format!(
                        "the farm has {} sites already, which is the most that it can have",
                        self.main.sites.len()
                    )));
                }
                let event = Event::SiteCreated(SiteCreated { site, name: name.clone() });
                Ok(Decision::about(Thing::Site(site)).with(event))
            }
            Command::OpenSite { site, token, issuer, verifier, expires } => {
                let site = Find(self.main).site(site)?;
                self.has_no_brokers(site)?;
                if self.main.knows(Thing::Token(*token)) {
                    return Err(CommandError::Exists { what: "token".to_string(), name: token.to_string() });
                }
                let (token, issuer, verifier, expires) = (*token, *issuer, *verifier, *expires);
                let event = Event::SiteOpened(SiteOpened { site, token, issuer, verifier, expires });
                Ok(Decision::about(Thing::Token(token)).with(event))
            }
            _ => Err(CommandError::Invalid("not a command about sites".to_string())),
        }
    }

    /// A site's first broker joins.
    pub(super) fn found_site(&mut self, site: SiteId, command: &Command) -> Result<Decision, CommandError> {
        let Command::JoinBroker { token, broker, name, key, addresses } = command else {
            return Err(CommandError::Invalid("a site begins with a broker".to_string()));
        };
        self.has_no_brokers(site)?;
        let event = SiteFounded {
            site,
            broker: *broker,
            key: *key,
            token: *token,
            name: name.clone(),
            addresses: addresses.clone(),
        };
        Ok(Decision::about(Thing::Broker(*broker)).with(Event::SiteFounded(event)))
    }

    /// Where a broker is or was a member, it stays: what it wrote for one site can't be told from what it writes for
    /// another.
    pub(super) fn of_no_other_site(&self, broker: BrokerId) -> Result<(), CommandError> {
        match self.views.home(broker) {
            Some(home) if home != self.site_id => Err(CommandError::Invalid(format!(
                "this broker's key belongs to site {}: a broker changes its site only with an empty data directory",
                self.site_name(home)
            ))),
            _ => Ok(()),
        }
    }

    fn has_no_brokers(&self, site: SiteId) -> Result<(), CommandError> {
        if self.views.site(site).is_none_or(|s| s.brokers.is_empty()) {
            return Ok(());
        }
        let name = self.site_name(site);
        Err(CommandError::Invalid(format!(
            "site {name} has brokers: its own master takes in the others, with a token made there"
        )))
    }

    fn site_name(&self, site: SiteId) -> String {
        self.main.sites.get(&site).map_or_else(|| site.short(), |s| s.name.to_string())
    }
}
