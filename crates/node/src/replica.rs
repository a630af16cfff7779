//! What this broker has of every feed: in memory, on its disk, and folded into its views.

mod branches;

use crate::fault::{Fault, Planted};
use hostler_events::payload::BrokerAddresses;
use hostler_events::{Event, EventRef, Forks, Frontier, Hash, OrderKey, StoredEvent, verify_batch};
use hostler_model::{BrokerId, Epoch, Feed, HlcClock, PublicKey, SiteId, Wall, limits};
use hostler_views::{Loaded, SavedViews, SavedViewsError, Views};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use branches::{BRANCHES, Events};

/// What became of events that a peer sent.
#[derive(Default)]
pub(crate) struct Accepted {
    /// New ones, to be stored.
    pub(crate) fresh: Vec<StoredEvent>,
    /// Feeds of which something before these events is missing, and from where on.
    pub(crate) missing: Vec<(Feed, u64)>,
    /// True where events were put aside because their author's key is not known yet.
    pub(crate) unknown_author: bool,
    /// Texts about events that can't be: forged, or a second one in one place.
    pub(crate) bad: Vec<Bad>,
    /// True where the views changed.
    pub(crate) changed: bool,
}

/// An event that can't be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Bad {
    Fork(Feed, u64),
    /// `new_feed`: nothing of its feed is here yet, which may have begun with another key.
    Forged {
        text: String,
        new_feed: bool,
    },
}

/// A vote that was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Vote {
    pub(crate) candidate: BrokerId,
    pub(crate) succeeds: Epoch,
    pub(crate) event: EventRef,
}

/// What this broker has of every feed.
#[derive(Clone, Default)]
pub(crate) struct Replica {
    pub(crate) views: Views,
    /// In memory, on the way to the disk.
    pub(crate) accepted: Frontier,
    /// On the disk.
    pub(crate) durable: Frontier,
    /// In the views: not what is held.
    pub(crate) folded: Frontier,
    /// What was folded, and what the authors of that had seen.
    pub(crate) seen: Frontier,
    /// The greatest epoch in any header, by site.
    pub(crate) epochs: BTreeMap<SiteId, Epoch>,
    /// Votes, by number and voter. Never taken back: what counts is that they were given, not what became of the events.
    pub(crate) votes: BTreeMap<(u64, BrokerId), Vote>,
    /// The key of a broker from an incarnation on, by its ordinal.
    keys: BTreeMap<BrokerId, BTreeMap<u32, PublicKey>>,
    /// When brokers joined, in the order of the log: twice where one was removed and came back.
    joins: BTreeMap<BrokerId, BTreeSet<OrderKey>>,
    /// Types of events that are taken for unknown.
    pub(crate) unread: Vec<u16>,
    held: BTreeMap<(Wall, Feed, u64, Hash), Arc<Loaded>>,
    /// Brokers whose joining is held. They can tell this one what time it is.
    pub(crate) held_brokers: BTreeMap<BrokerId, (PublicKey, BrokerAddresses)>,
    /// The feeds of which two branches are here, held or not.
    pub(crate) forks: Forks,
    pub(crate) planted: Planted,
}

impl Bad {
    fn forged(text: String) -> Self {
        Self::Forged { text, new_feed: false }
    }
}

impl Replica {
    /// Keys that are known before any event is: from the token with which this broker joined.
    pub(crate) fn trust(&mut self, keys: impl IntoIterator<Item = (BrokerId, PublicKey)>) {
        for (broker, key) in keys {
            self.keys.entry(broker).or_default().entry(0).or_insert(key);
        }
    }

    /// Takes in what is on the disk at a start, folding only what the saved views don't cover. Says why those were of
    /// no use, where that is so.
    pub(crate) fn load(
        &mut self,
        events: Vec<Arc<Loaded>>,
        saved: Option<SavedViews>,
        wall: Wall,
        clock: &mut HlcClock,
    ) -> Option<SavedViewsError> {
        let mut unordered: BTreeSet<Feed> = BTreeSet::new();
        for loaded in &events {
            let r = loaded.reference;
            let head = self.accepted.0.get(&r.feed).copied().unwrap_or_default();
            if head != (r.seq - 1, loaded.header.previous) {
                unordered.insert(r.feed);
            }
            self.accepted.raise(r.feed, r.seq, r.hash);
            self.learn(loaded);
        }
        self.find_forks(&unordered, &events);
        self.durable = self.accepted.clone();
        let now = self.admit(events, wall, clock);
        self.look_at_held();
        let mut no_use = None;
        if let Some(saved) = saved {
            // Saved views that cover what is held now, by another clock, are of no use: it is missing in `now`.
            match Views::restore(saved, &now) {
                Ok(views) => {
                    self.views = views;
                    return None;
                }
                Err(error) => no_use = Some(error),
            }
        }
        self.views.insert(now);
        self.name_folded();
        no_use
    }

    /// Takes in one's own event.
    pub(crate) fn authored(&mut self, stored: &StoredEvent, wall: Wall, clock: &mut HlcClock) {
        let r = stored.reference();
        self.accepted.raise(r.feed, r.seq, r.hash);
        let loaded = Arc::new(Loaded::read(stored, &self.unread));
        self.learn(&loaded);
        self.fold(vec![loaded], wall, clock);
    }

    /// Takes in what a peer sent.
    pub(crate) fn accept(&mut self, events: Vec<StoredEvent>, wall: Wall, clock: &mut HlcClock) -> Accepted {
        let mut out = Accepted::default();
        let mut checked: Vec<(StoredEvent, PublicKey)> = Vec::new();
        let mut heads = self.accepted.clone();
        let (mut staged, mut followed): (BTreeSet<EventRef>, BTreeSet<EventRef>) = Default::default();
        let mut branches = self.forks.branches();
        // Nothing more of a feed can be taken in from here: asking for what lies between would bring the same again.
        let mut stuck: BTreeSet<Feed> = BTreeSet::new();
        for stored in events {
            let (r, previous) = (stored.reference(), stored.header().previous);
            let (have, hash) = heads.0.get(&r.feed).copied().unwrap_or_default();
            let forked = self.forks.has(&r.feed);
            let is_next = !forked && r.seq == have + 1 && previous == hash;
            // What was too much to be held is known as well, but for its hash.
            let is_lost = || !forked && self.accepted.contains(&r.feed, r.seq) && self.hash_at(r.feed, r.seq).is_none();
            if !is_next && (staged.contains(&r) || self.has(&r) || is_lost()) || stuck.contains(&r.feed) {
                continue;
            }
            let before = EventRef { seq: r.seq.saturating_sub(1), hash: previous, ..r };
            let goes_on = (staged.contains(&before) || self.forks.is_end(&before)) && !followed.contains(&before);
            if !is_next && !goes_on {
                let begins = r.seq == 1 && previous == Hash::ZERO;
                if !(begins || staged.contains(&before) || self.has(&before)) {
                    let is_gap = !forked && r.seq > have + 1;
                    let from = if is_gap { Some(have + 1) } else { self.earlier(r.feed, r.seq) };
                    match from {
                        Some(from) if !out.missing.iter().any(|(feed, _)| *feed == r.feed) => {
                            out.missing.push((r.feed, from));
                        }
                        Some(_) => {}
                        None => out.bad.push(Bad::forged(format!("event {r} is a first one and follows another"))),
                    }
                    continue;
                }
                branches += 1;
                if branches > BRANCHES {
                    out.bad.push(Bad::forged(format!("event {r} is one branch too many: {BRANCHES} are known")));
                    stuck.insert(r.feed);
                    continue;
                }
            }
            // A broker writes for its own site only: one whose key was stolen must not reach into the others.
            if self.views.home(r.feed.broker).is_some_and(|home| home != stored.header().site) {
                out.bad.push(Bad::forged(format!("event {r} is about another site than its author's")));
                break;
            }
            // A key that comes earlier in the same chunk counts, once the signature under it has been checked.
            let Some(key) = self.key(r.feed) else {
                out.unknown_author = true;
                stuck.insert(r.feed);
                continue;
            };
            if is_next {
                heads.raise(r.feed, r.seq, r.hash);
            }
            staged.insert(r);
            followed.insert(before);
            checked.push((stored, key));
        }
        if let Err(error) = verify_batch(checked.iter().map(|(e, k)| (e, *k))) {
            let new_feed = checked.iter().all(|(e, _)| !self.accepted.0.contains_key(&e.header().feed));
            out.bad.push(Bad::Forged { text: error.to_string(), new_feed });
            return out;
        }
        let mut loaded = Vec::with_capacity(checked.len());
        let mut branched: BTreeMap<Feed, Events> = BTreeMap::new();
        for (stored, _) in checked {
            let (r, previous) = (stored.reference(), stored.header().previous);
            let head = self.accepted.0.get(&r.feed).copied().unwrap_or_default();
            if head == (r.seq - 1, previous) && !self.forks.has(&r.feed) {
                self.accepted.raise(r.feed, r.seq, r.hash);
            } else {
                branched.entry(r.feed).or_default().push((r.seq, r.hash, previous));
            }
            let event = Arc::new(Loaded::read(&stored, &self.unread));
            self.learn(&event);
            loaded.push(event);
            out.fresh.push(stored);
        }
        let feeds: Vec<Feed> = branched.keys().copied().collect();
        if !feeds.is_empty() {
            self.branch(branched, &loaded);
        }
        out.bad.extend(feeds.into_iter().filter_map(|feed| Some(Bad::Fork(feed, self.forks.place(&feed)?))));
        out.changed = self.fold(loaded, wall, clock);
        out
    }

    /// Folds what was held and is no longer in the future. True where the views changed.
    pub(crate) fn release_held(&mut self, wall: Wall, clock: &mut HlcClock) -> bool {
        self.fold(Vec::new(), wall, clock)
    }

    /// The clock was set back: holds again what was folded and is in the future now. True where there is something;
    /// everything is folded anew then.
    pub(crate) fn hold_again(&mut self, wall: Wall, clock: &mut HlcClock) -> bool {
        let horizon = wall.plus(limits::HELD_AHEAD_MS);
        let ahead = |e: &hostler_views::Entry| e.loaded.header.hlc.wall > horizon;
        if !self.views.timelines().flat_map(|(_, t)| t.entries()).any(ahead) {
            return false;
        }
        // Which feeds have forked is found out again.
        let events = self.views.as_written();
        (self.views, self.folded, self.seen) = Default::default();
        self.epochs.clear();
        *clock = HlcClock::default();
        self.fold(events, wall, clock);
        true
    }

    /// How many events are held.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// The epochs of promotions that are held, each once.
    pub(crate) fn held_promotions(&self) -> BTreeSet<Epoch> {
        let held = self.held.values().filter(|l| matches!(l.event, Some(Event::Promoted(_))));
        held.map(|l| l.header.epoch).collect()
    }

    /// The highest incarnation of a broker that was seen.
    pub(crate) fn latest_incarnation(&self, broker: BrokerId) -> u32 {
        self.accepted.0.keys().filter(|f| f.broker == broker).map(|f| f.incarnation.ordinal).max().unwrap_or(0)
    }

    /// The key with which a feed is signed: a key counts from one incarnation on.
    pub(crate) fn key(&self, feed: Feed) -> Option<PublicKey> {
        let keys = self.keys.get(&feed.broker)?;
        keys.range(..=feed.incarnation.ordinal).next_back().map(|(_, key)| *key)
    }

    /// When a broker came back that had been a member before.
    pub(crate) fn rejoined(&self, broker: BrokerId) -> Option<OrderKey> {
        self.joins.get(&broker).filter(|joins| joins.len() > 1).and_then(BTreeSet::last).copied()
    }

    /// A place where somebody's last event of a feed is another one than here.
    pub(crate) fn fork_in(&self, heads: &Frontier) -> Option<(Feed, u64)> {
        let differs = |feed: &Feed, seq: u64, hash: Hash| self.hash_at(*feed, seq).is_some_and(|ours| ours != hash);
        heads.0.iter().find(|(feed, (seq, hash))| differs(feed, *seq, *hash)).map(|(feed, (seq, _))| (*feed, *seq))
    }

    /// Notes what counts whatever becomes of the event: keys, and votes.
    fn learn(&mut self, loaded: &Loaded) {
        match &loaded.event {
            Some(Event::BrokerJoined(e)) => {
                self.keys.entry(e.broker).or_default().entry(0).or_insert(e.key);
                self.joins.entry(e.broker).or_default().insert(loaded.key());
            }
            Some(Event::SiteFounded(e)) => {
                self.keys.entry(e.broker).or_default().entry(0).or_insert(e.key);
            }
            Some(Event::BrokerKeyReplaced(e)) => {
                let from = self.latest_ordinal(e.broker, &loaded.header.frontier);
                self.keys.entry(e.broker).or_default().insert(from, e.key);
            }
            Some(Event::Voted(e)) => {
                let vote = Vote { candidate: e.candidate, succeeds: e.succeeds, event: loaded.reference };
                self.votes.entry((e.n, loaded.reference.feed.broker)).or_insert(vote);
            }
            _ => {}
        }
    }

    /// The ordinal after the latest incarnation of a broker that an author had seen; 0 where it had seen none.
    fn latest_ordinal(&self, broker: BrokerId, seen: &Option<Frontier>) -> u32 {
        let seen = seen.iter().flat_map(|f| f.0.keys()).filter(|f| f.broker == broker);
        seen.map(|f| f.incarnation.ordinal.saturating_add(1)).max().unwrap_or(0)
    }

    /// The highest number of any epoch: promotions, headers, and what is held because it is from the future.
    pub(crate) fn highest_n(&self, site: SiteId) -> u64 {
        let promoted = self.views.timeline(site).and_then(|t| t.rules().highest()).map_or(0, |e| e.n);
        let seen = self.epochs.get(&site).map_or(0, |e| e.n);
        let held = self.held.values().filter(|l| l.header.site == site).map(|l| l.header.epoch.n).max().unwrap_or(0);
        promoted.max(seen).max(held)
    }

    /// Folds what is not in the future and holds the rest. True where the views changed.
    fn fold(&mut self, events: Vec<Arc<Loaded>>, wall: Wall, clock: &mut HlcClock) -> bool {
        // What was held and is due comes before what follows it in its feed.
        let later = self.held.split_off(&(wall.plus(limits::HELD_AHEAD_MS + 1), first_feed(), 0, Hash::ZERO));
        let due = std::mem::replace(&mut self.held, later);
        let (any_due, held) = (!due.is_empty(), self.held.len());
        let now = self.admit(due.into_values().chain(events).collect(), wall, clock);
        // A broker whose clock is wrong may hold its whole log, and every event comes by here.
        if any_due || self.held.len() != held {
            self.look_at_held();
        }
        if now.is_empty() {
            return false;
        }
        let changed = self.views.insert(now);
        self.name_folded();
        changed
    }

    fn look_at_held(&mut self) {
        self.held_brokers.clear();
        let mut gone = BTreeSet::new();
        for event in self.held.values().filter_map(|l| l.event.as_ref()) {
            match event {
                Event::BrokerJoined(e) => {
                    self.held_brokers.insert(e.broker, (e.key, e.addresses.clone()));
                }
                Event::BrokerKeyReplaced(e) => {
                    if let Some((key, _)) = self.held_brokers.get_mut(&e.broker) {
                        *key = e.key;
                    }
                }
                Event::BrokerRemoved(e) => drop(gone.insert(e.broker)),
                Event::BrokerCompromised(e) => drop(gone.insert(e.broker)),
                _ => {}
            }
        }
        self.held_brokers.retain(|broker, _| !gone.contains(broker));
    }

    /// Holds what is in the future; the rest is seen from now on, and to be folded.
    fn admit(&mut self, events: Vec<Arc<Loaded>>, wall: Wall, clock: &mut HlcClock) -> Vec<Arc<Loaded>> {
        let horizon = wall.plus(limits::HELD_AHEAD_MS);
        let mut now = Vec::with_capacity(events.len());
        for loaded in events {
            let (r, hlc) = (loaded.reference, loaded.header.hlc);
            if hlc.wall > horizon && !self.planted.is(Fault::FutureFolded) {
                self.held.insert((hlc.wall, r.feed, r.seq, r.hash), loaded);
                continue;
            }
            clock.observe(hlc);
            self.folded.raise(r.feed, r.seq, r.hash);
            self.seen.raise(r.feed, r.seq, r.hash);
            if let Some(frontier) = &loaded.header.frontier {
                self.seen.join(&self.views.forks().frontier(frontier));
            }
            let epoch = self.epochs.entry(loaded.header.site).or_insert(Epoch::NONE);
            *epoch = (*epoch).max(loaded.header.epoch);
            now.push(loaded);
        }
        now
    }
}

fn first_feed() -> Feed {
    Feed { broker: BrokerId([0; 16]), incarnation: hostler_model::Incarnation { ordinal: 0, random: 0 } }
}

#[cfg(test)]
mod tests;
