//! Forked feeds: which events are known of them, what their branches are called, and where to ask for what is missing.

use super::Replica;
use hostler_events::{EventRef, Frontier, Hash, has_fork};
use hostler_model::Feed;
use hostler_views::Loaded;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Sub-feeds of all forked feeds, at most. A frontier names them all, and whoever has a broker's key could make as many
/// as it likes.
pub(super) const BRANCHES: usize = 256;
/// How far back the next question goes where it is not known how far a branch goes back.
const STEP: u64 = 256;

/// Events of a feed, each by its place, its hash, and the hash of the one before.
pub(super) type Events = Vec<(u64, Hash, Hash)>;

impl Replica {
    /// An event by the name of its branch.
    pub(crate) fn named(&self, event: &EventRef) -> EventRef {
        self.forks.named(event)
    }

    /// True where an event is on the disk.
    pub(crate) fn is_durable(&self, event: &EventRef) -> bool {
        let event = self.named(event);
        self.durable.contains(&event.feed, event.seq)
    }

    /// True where a feed, under the name in its headers, has forked.
    pub(crate) fn has_forked(&self, base: &Feed) -> bool {
        self.forks.has(base)
    }

    /// The hash of the event in a place of a feed or sub-feed.
    pub(crate) fn hash_at(&self, feed: Feed, seq: u64) -> Option<Hash> {
        if self.forks.has(&self.forks.base(feed)) {
            return self.forks.hash_at(feed, seq);
        }
        match self.accepted.0.get(&feed) {
            Some((head, hash)) if *head == seq => return Some(*hash),
            Some((head, _)) if *head > seq => {}
            _ => return None,
        }
        let folded = self.views.timelines().find_map(|(_, t)| t.find(feed, seq));
        let held = || self.held.values().find(|l| (l.reference.feed, l.reference.seq) == (feed, seq));
        folded.or_else(held).map(|l| l.reference.hash)
    }

    /// True where an event is here, by the name in its header.
    pub(super) fn has(&self, event: &EventRef) -> bool {
        if self.forks.has(&event.feed) {
            return self.forks.knows(event);
        }
        self.hash_at(event.feed, event.seq) == Some(event.hash)
    }

    /// Where to ask for a feed's events from, if those from `below` on follow none that is here: behind the end of a
    /// branch that might be theirs, or further back. `None` where there is nothing before them.
    pub(crate) fn earlier(&self, feed: Feed, below: u64) -> Option<u64> {
        let base = self.forks.base(feed);
        let branches = self.forks.heads(&base).map(|(_, (seq, _))| seq);
        let whole = self.accepted.0.get(&base).filter(|_| !self.forks.has(&base)).map(|(seq, _)| *seq);
        let behind = branches.chain(whole).map(|end| end + 1).filter(|from| *from < below).max();
        (below > 1).then(|| behind.unwrap_or_else(|| below.saturating_sub(STEP).max(1)))
    }

    /// Where the log has the events that somebody asks for by the name of a branch: it knows the names in headers only.
    pub(crate) fn in_log(&self, feed: Feed, from: u64) -> (Feed, u64) {
        (self.forks.base(feed), from.max(self.forks.first(feed)))
    }

    /// Takes out of somebody's heads what follows another event than the one in its place here: how much of that feed
    /// is the same is not known. Gives those places.
    pub(crate) fn part_from(&self, heads: &mut Frontier) -> Vec<(Feed, u64)> {
        let other = |f: &Feed, seq: u64, hash: Hash| self.hash_at(*f, seq).is_some_and(|ours| ours != hash);
        heads.0.extract_if(.., |f, (seq, hash)| other(f, *seq, *hash)).map(|(f, (seq, _))| (f, seq)).collect()
    }

    /// Takes in events of other branches; `new` are all events that are taken in with them.
    pub(super) fn branch(&mut self, branched: BTreeMap<Feed, Events>, new: &[Arc<Loaded>]) {
        for (feed, events) in branched {
            if !self.forks.has(&feed) {
                let folded = self.views.timelines().flat_map(|(_, t)| t.entries()).map(|e| &e.loaded);
                let all = folded.chain(self.held.values()).chain(new).filter(|l| l.header.feed == feed);
                let known: Events = all.map(|l| placed(l)).collect();
                self.forks.add(feed, known);
            }
            self.forks.add(feed, events);
        }
        self.name_accepted();
    }

    /// Finds the forks among what is on the disk, in the feeds that are not one event after the other.
    pub(super) fn find_forks(&mut self, feeds: &BTreeSet<Feed>, events: &[Arc<Loaded>]) {
        for feed in feeds {
            let of_feed: Events = events.iter().filter(|l| l.header.feed == *feed).map(|l| placed(l)).collect();
            if has_fork(of_feed.iter().map(|(seq, hash, _)| (*seq, *hash))) {
                self.forks.add(*feed, of_feed);
            }
        }
        self.name_accepted();
    }

    /// Says by the names of the branches what is here.
    fn name_accepted(&mut self) {
        self.accepted = self.forks.frontier(&self.accepted);
        self.durable = self.forks.frontier(&self.durable);
        for base in self.forks.forked() {
            self.accepted.0.remove(&base);
            self.accepted.0.extend(self.forks.heads(&base));
        }
    }

    /// Says by the names of the branches what was folded and seen. What is held is in no view, so that feeds may have
    /// forked here that have not forked there.
    pub(super) fn name_folded(&mut self) {
        let forks = self.views.forks();
        if forks.is_empty() {
            return;
        }
        self.folded = forks.frontier(&self.folded);
        for base in forks.forked() {
            self.folded.0.remove(&base);
            self.folded.0.extend(forks.heads(&base));
        }
        self.seen = forks.frontier(&self.seen);
        self.seen.join(&self.folded);
    }
}

fn placed(loaded: &Loaded) -> (u64, Hash, Hash) {
    (loaded.reference.seq, loaded.reference.hash, loaded.header.previous)
}
