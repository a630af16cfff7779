//! To which broker a command goes: a broker writes for its own site only, and what belongs to the farm belongs to the
//! main site.

use super::{COMMANDS, Node};
use crate::decide::find::Find;
use crate::pending::Origin;
use crate::{Command, CommandError};
use hostler_events::{Actor, Class};
use hostler_model::{BrokerId, Now, SiteId};
use hostler_views::State;

impl Node {
    /// Carries a command out where it is about this broker's site, or passes it on to a broker of the site that it is
    /// about.
    pub(super) fn route(&mut self, now: Now, token: u64, site: SiteId, actor: Actor, command: Box<Command>) {
        let origin = Origin::Local(token);
        let site = self.concerned(site, &command);
        if site == self.site {
            return self.command(now, origin, actor, command);
        }
        let carrier = if self.is_removed() {
            Err(CommandError::Removed)
        } else if self.pending.len() + self.waiting.len() >= COMMANDS {
            Err(CommandError::Busy)
        } else {
            self.carrier(now, site, &command)
        };
        match carrier {
            Ok(broker) => self.forward(now, origin, broker, actor, command),
            Err(error) => self.answer(origin, Err(error)),
        }
    }

    /// The site of a broker; this one's where it is not known.
    pub(super) fn site_of(&self, broker: BrokerId) -> SiteId {
        let mut sites = self.replica.views.timelines();
        let found = sites.find(|(_, t)| t.state().brokers.contains_key(&broker));
        found.map_or(self.site, |(site, _)| *site)
    }

    /// The site that a command concerns: the one that it was given for, unless it is about the farm.
    fn concerned(&self, site: SiteId, command: &Command) -> SiteId {
        let views = &self.replica.views;
        let (Some(main_site), Some(main)) = (views.main_site(), views.main()) else { return site };
        let farm_wide = match command {
            Command::RevokeToken { token } => {
                let state = views.site(site).unwrap_or(main);
                Find(state).token(main, token).is_ok_and(|id| main.api_tokens.contains_key(&id))
            }
            other => other.is_farm_wide(),
        };
        if farm_wide { main_site } else { site }
    }

    /// The broker of another site that carries a command out: its master where it answers, and where it must be the
    /// master; any other that answers else.
    fn carrier(&self, now: Now, site: SiteId, command: &Command) -> Result<BrokerId, CommandError> {
        let views = &self.replica.views;
        let main = views.main().ok_or(CommandError::NotReady)?;
        let known = main.sites.get(&site);
        let name = known.map_or_else(|| site.short(), |s| s.name.to_string());
        let unreachable = |why: &str| CommandError::SiteUnreachable { site: name.clone(), why: why.to_string() };
        let Some(state) = views.site(site).filter(|s| !s.order.is_empty()) else {
            return Err(match known {
                Some(_) => unreachable("it has none yet"),
                None => CommandError::NotFound { what: "site".to_string(), name },
            });
        };
        if let Command::ForcePromotion { broker, .. } = command {
            let promoted = Find(state).broker(broker)?;
            let text = format!("broker {broker} of site {name} does not answer: give the command on that machine");
            return if self.answers(now, promoted) { Ok(promoted) } else { Err(CommandError::Invalid(text)) };
        }
        let besides = match command {
            // It would be the last to say that its key was stolen.
            Command::RevokeBroker { broker } => Find(state).broker(broker).ok(),
            _ => None,
        };
        let fits = |b: &BrokerId| Some(*b) != besides && self.answers(now, *b);
        let master = state.master.as_ref().map(|m| m.epoch.broker);
        if let Some(master) = master.filter(&fits) {
            return Ok(master);
        }
        let other = others(state).find(fits);
        // Where the master does not answer, whoever is asked for a planned promotion explains what else can be done.
        let must_be_master = command.class() == Class::Structural && !matches!(command, Command::Promote { .. });
        match (other, master) {
            (Some(_), Some(master)) if must_be_master => {
                Err(CommandError::MasterUnreachable { master: format!("{} of site {name}", self.broker_name(master)) })
            }
            (Some(other), _) => Ok(other),
            (None, _) => Err(unreachable("none of them answers this broker")),
        }
    }
}

/// The brokers of a site, those that take work first.
fn others(state: &State) -> impl Iterator<Item = BrokerId> {
    let enabled = |b: &BrokerId| state.brokers.get(b).is_some_and(|b| b.enabled);
    let (first, last): (Vec<_>, Vec<_>) = state.order.iter().copied().partition(enabled);
    first.into_iter().chain(last)
}
