//! Whether this broker is a member, and whether it may go on with its feed: not after it was removed and has come back,
//! nor with another key. What its own start has to find out is in `incarnation`.

use super::{Node, Peer};
use crate::pending::Origin;
use crate::{CommandError, Continuity};
use hostler_events::Actor;
use hostler_events::payload::Role;
use hostler_model::{BrokerId, Now};

impl Node {
    /// Why this broker is no member any more, where it is none.
    #[must_use]
    pub fn removal(&self) -> Option<String> {
        let me = self.replica.views.site(self.site).and_then(|s| s.brokers.get(&self.me));
        if me.is_some_and(|b| b.removed) {
            return Some("this broker was removed from the farm".to_string());
        }
        if !self.is_shut_out() {
            return None;
        }
        let names: Vec<String> = self.refused_by.iter().map(|b| self.broker_name(*b)).collect();
        Some(format!(
            "this broker's key is not accepted any more by {}: it was removed from the farm, or its key declared stolen",
            names.join(", ")
        ))
    }

    /// True where this broker was removed, or its key declared stolen.
    pub(super) fn is_removed(&self) -> bool {
        if self.planted.is(crate::fault::Fault::RemovalIgnored) {
            return false;
        }
        let me = self.replica.views.site(self.site).and_then(|s| s.brokers.get(&self.me));
        me.is_some_and(|b| b.removed) || self.is_shut_out()
    }

    /// Whoever is removed while it is away never gets the event that says so: nobody gives the log to a key that is not
    /// a member's. It believes the broker that it takes for the master, or all of them; another one may just not have
    /// heard of it yet.
    fn is_shut_out(&self) -> bool {
        if self.refused_by.is_empty() {
            return false;
        }
        let others = self.other_members();
        if others.is_empty() {
            // A new member that has not got the log yet knows no others.
            return false;
        }
        let master = self.mastership().map(|m| m.epoch.broker).filter(|b| *b != self.me);
        master.is_some_and(|b| self.refused_by.contains(&b)) || others.is_subset(&self.refused_by)
    }

    /// Looks at what others may have decided about this broker.
    pub(super) fn look_at_standing(&mut self, now: Now) {
        if self.continuity != Continuity::GoesOn {
            return;
        }
        if !self.feed_is_mine() {
            self.continuity = Continuity::Broken;
        } else if self.is_overruled() && self.copies.may_leap(now.mono) {
            self.copies.leapt(now.mono);
            self.continuity = Continuity::Broken;
        }
    }

    /// True for a master that has a later incarnation than the one in which it writes, from before its disk was
    /// restored or by a copy of its data. The resume with which that one begins supersedes what is written in this one.
    fn is_overruled(&self) -> bool {
        let writes = self.author.feed();
        let own = self.replica.accepted.0.keys().filter(|f| f.broker == self.me).map(|f| f.incarnation);
        own.chain(self.copies.latest()).any(|i| i > writes.incarnation)
            && self.master().is_some_and(|(master, _)| master == self.me)
    }

    /// A broker asks for its own new key only. It may have it once the master knows the incarnation in which it writes:
    /// the new key counts from the next one on, by what the master has seen.
    pub(super) fn may_replace_key(&self, origin: Origin, actor: Actor, broker: BrokerId) -> Result<(), CommandError> {
        let asks = match origin {
            Origin::Local(_) => self.me,
            Origin::Peer(peer, _) => peer,
        };
        if actor == Actor::System && asks != broker {
            return Err(CommandError::Forbidden { needed: Role::Owner.name().to_string() });
        }
        let (Origin::Local(_), Some((master, _))) = (origin, self.master()) else { return Ok(()) };
        let feed = self.author.feed();
        if broker != self.me || master == self.me || !self.replica.accepted.0.contains_key(&feed) {
            return Ok(());
        }
        let knows = |p: &Peer| p.heads.iter().any(|h| h.durable.contains(&feed, 1)) || p.stored.contains(&feed, 1);
        if self.peers.get(&master).is_some_and(knows) { Ok(()) } else { Err(CommandError::Busy) }
    }

    /// False where the next event needs a new incarnation: this broker came back after a removal, and its former
    /// incarnation ended with that; or its key was replaced, and the former incarnations are signed by the old one; or
    /// the feed has forked.
    fn feed_is_mine(&self) -> bool {
        let feed = self.author.feed();
        if self.replica.has_forked(&feed) {
            return false;
        }
        if self.replica.key(feed).is_some_and(|key| key != self.author.key()) {
            return false;
        }
        let Some(back) = self.replica.rejoined(self.me) else { return true };
        let first = self.replica.views.timeline(self.site).and_then(|t| t.find(feed, 1));
        first.is_none_or(|first| first.key() > back)
    }
}
