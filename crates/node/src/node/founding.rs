//! How a site begins that is not the farm's first: the main site names its first broker, which begins it in its own
//! feed. Both events are written once, whatever happens between them.

use super::{Node, Output};
use crate::{AlarmCode, CommandError};
use hostler_events::payload::{BrokerJoined, Promoted, PromotionKind};
use hostler_events::{Actor, Event, StoredEvent};
use hostler_model::{Epoch, Now};
use hostler_views::Founder;

impl Node {
    /// Begins the site, where the main site says that this broker is its first and it has not begun.
    pub(super) fn found_where_due(&mut self, now: Now) {
        let founder = self.replica.views.founder(self.site).filter(|f| f.broker == self.me);
        let Some(founder) = founder.filter(|_| self.has_to_found()).cloned() else { return };
        if self.continuity.is_asking() || !self.is_abreast() || self.may_author().is_err() {
            return;
        }
        let mut events = Vec::new();
        let result = self.found_site(now, founder, &mut events);
        if !events.is_empty() {
            self.append(events, None);
            self.out.push_back(Output::Changed);
        }
        if let Err(error) = result {
            self.alarm(AlarmCode::PromotionFailed, format!("this broker's site could not be begun: {error}"));
        }
    }

    /// True where the site has no first broker, or this is it and it is not in the site's list: it stopped between the
    /// two events.
    fn has_to_found(&self) -> bool {
        let Some(site) = self.replica.views.site(self.site) else { return true };
        site.founder.is_none_or(|b| b == self.me) && !site.brokers.contains_key(&self.me)
    }

    /// True where all that the others have is here: what this broker wrote before its disk was lost comes from them.
    fn is_abreast(&self) -> bool {
        let mut heads = self.peers.values().filter(|p| p.linked).filter_map(|p| p.heads.as_ref()).peekable();
        heads.peek().is_some()
            && heads.all(|h| h.durable.0.iter().all(|(feed, (seq, _))| self.replica.accepted.contains(feed, *seq)))
    }

    fn found_site(&mut self, now: Now, founder: Founder, events: &mut Vec<StoredEvent>) -> Result<(), CommandError> {
        events.extend(self.renew_where_broken(now)?);
        if self.replica.views.site(self.site).is_none_or(|s| s.founder.is_none()) {
            let promoted = Event::Promoted(Promoted {
                kind: PromotionKind::First,
                voters: vec![self.me],
                evidence: Vec::new(),
                lost: None,
                reason: "the site was founded".to_string(),
            });
            let epoch = Epoch { n: self.replica.highest_n(self.site) + 1, ..Epoch::NONE };
            events.push(self.write_under(now, Actor::System, &promoted.into(), epoch)?);
        }
        let joined = Event::BrokerJoined(BrokerJoined {
            broker: self.me,
            name: founder.name,
            key: founder.key,
            addresses: founder.addresses,
            token: None,
            standby: false,
        });
        events.push(self.write(now, Actor::System, &joined.into())?);
        Ok(())
    }
}
