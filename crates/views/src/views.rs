//! All sites of a farm.

mod saved;

pub use saved::{SAVED_BYTES, SavedViews, SavedViewsError};

use crate::fault::Planted;
use crate::{Founder, Loaded, State, Timeline, digest_of};
use hostler_events::{EventRef, Forks, Hash};
use hostler_model::{BrokerId, Feed, PublicKey, SiteId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// All sites of a farm, each with its own order. Farm-wide matters are in the main site's.
#[derive(Clone, Debug, Default)]
pub struct Views {
    sites: BTreeMap<SiteId, Timeline>,
    main: Option<SiteId>,
    halted_by: Option<EventRef>,
    forks: Forks,
    planted: Planted,
    /// Events that have other names here than in their bytes, as they were written.
    written: HashMap<Hash, Arc<Loaded>>,
}

impl Views {
    /// Takes in events of any sites, in any order. True where a state may have changed.
    pub fn insert(&mut self, events: impl IntoIterator<Item = Arc<Loaded>>) -> bool {
        let events: Vec<Arc<Loaded>> = events.into_iter().collect();
        let grows = |l: &Arc<Loaded>| self.forks.has(&l.header.feed) && !self.forks.knows(&l.reference);
        if !self.forks.is_empty() && events.iter().any(grows) {
            self.rebuild(&BTreeSet::new(), events);
            return true;
        }
        let (changed, second) = self.insert_named(events);
        if !second.is_empty() {
            let forked = second.iter().map(|l| l.header.feed).collect();
            self.rebuild(&forked, second);
        }
        changed
    }

    /// Takes in events, by the names of their branches. True where a state may have changed; the second events in one
    /// place are handed back.
    fn insert_named(&mut self, events: Vec<Arc<Loaded>>) -> (bool, Vec<Arc<Loaded>>) {
        let mut by_site: BTreeMap<SiteId, Vec<Arc<Loaded>>> = BTreeMap::new();
        for loaded in events {
            let named = loaded.named(&self.forks);
            self.take(&named);
            by_site.entry(named.header.site).or_default().push(named.clone());
            if !Arc::ptr_eq(&named, &loaded) {
                self.written.insert(loaded.reference.hash, loaded);
            }
        }
        let (mut changed, mut second) = (false, Vec::new());
        for (site, events) in by_site {
            let timeline = self.sites.entry(site).or_default();
            timeline.planted = self.planted;
            changed |= timeline.insert_but(events, &mut second);
        }
        (changed | !second.is_empty(), second)
    }

    /// Begins anew with all events and these ones: a feed has forked, or one that had has got longer. Both are rare, and
    /// they change the names of events that stand anywhere.
    fn rebuild(&mut self, forked: &BTreeSet<Feed>, new: Vec<Arc<Loaded>>) {
        let mut forks = std::mem::take(&mut self.forks);
        let forked: BTreeSet<Feed> = forks.forked().chain(forked.iter().copied()).collect();
        let mut all = self.as_written();
        all.extend(new.iter().map(|l| self.written.get(&l.reference.hash).unwrap_or(l).clone()));
        let mut of_feeds: BTreeMap<Feed, Vec<(u64, Hash, Hash)>> = BTreeMap::new();
        for loaded in all.iter().filter(|l| forked.contains(&l.header.feed)) {
            let event = (loaded.reference.seq, loaded.reference.hash, loaded.header.previous);
            of_feeds.entry(loaded.header.feed).or_default().push(event);
        }
        of_feeds.into_iter().for_each(|(feed, events)| forks.add(feed, events));
        *self = Self { forks, planted: self.planted, ..Self::default() };
        let (_, second) = self.insert_named(all);
        if !second.is_empty() {
            let forked = second.iter().map(|l| l.header.feed).collect();
            self.rebuild(&forked, second);
        }
    }

    /// All events, under the names that they were written with.
    #[must_use]
    pub fn as_written(&self) -> Vec<Arc<Loaded>> {
        let known = self.sites.values().flat_map(|t| t.entries().iter().map(|e| &e.loaded));
        known.map(|l| self.written.get(&l.reference.hash).unwrap_or(l).clone()).collect()
    }

    /// The feeds of which two branches are in these views.
    #[must_use]
    pub fn forks(&self) -> &Forks {
        &self.forks
    }

    /// The site that farm-wide matters belong to: the first.
    #[must_use]
    pub fn main_site(&self) -> Option<SiteId> {
        self.main
    }

    /// The main site's state: farm-wide settings, administrators, sites.
    #[must_use]
    pub fn main(&self) -> Option<&State> {
        self.site(self.main?)
    }

    /// One site's state.
    #[must_use]
    pub fn site(&self, site: SiteId) -> Option<&State> {
        self.sites.get(&site).map(Timeline::state)
    }

    /// One site's events in their order.
    #[must_use]
    pub fn timeline(&self, site: SiteId) -> Option<&Timeline> {
        self.sites.get(&site)
    }

    /// All sites' events.
    pub fn timelines(&self) -> impl Iterator<Item = (&SiteId, &Timeline)> {
        self.sites.iter()
    }

    /// The site of a broker that is or was a member, or is about to begin a site.
    #[must_use]
    pub fn home(&self, broker: BrokerId) -> Option<SiteId> {
        let listed = self.sites.iter().find(|(_, t)| t.state().brokers.contains_key(&broker)).map(|(site, _)| *site);
        let founded = || {
            let is_founder = |s: &&SiteId| self.founder(**s).is_some_and(|f| f.broker == broker);
            self.main()?.sites.keys().find(is_founder).copied()
        };
        listed.or_else(founded)
    }

    /// The broker that joined as the first of a site other than the main one.
    #[must_use]
    pub fn founder(&self, site: SiteId) -> Option<&Founder> {
        self.main()?.sites.get(&site)?.founder.as_ref()
    }

    /// A broker's key, as the views have it; former members' too, since their events stay.
    #[must_use]
    pub fn broker_key(&self, broker: BrokerId) -> Option<PublicKey> {
        self.sites.values().find_map(|t| t.state().brokers.get(&broker)).map(|b| b.key)
    }

    /// True where some event could not be read: then others make other views of the same events.
    #[must_use]
    pub fn has_unread(&self) -> bool {
        self.sites.values().any(Timeline::has_unread)
    }

    /// The event, if any, that this program can't read and must not decide without.
    #[must_use]
    pub fn halted_by(&self) -> Option<EventRef> {
        self.halted_by
    }

    /// From now on, they do this wrong.
    #[cfg(feature = "planted-faults")]
    pub fn plant(&mut self, fault: crate::Fault) {
        self.planted = Planted::new(fault);
    }

    /// One digest for all sites: equal views have the same.
    #[must_use]
    pub fn digest(&self) -> Hash {
        digest_of(self.sites.iter().map(|(site, timeline)| (site, timeline.state())))
    }
}
