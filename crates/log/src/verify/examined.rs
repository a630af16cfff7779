//! The second pass: all events are known.

use super::branches::Branches;
use super::keys::Keys;
use super::verifier::{IdOf, Place};
use super::{Affected, FINDINGS, Fault, Finding};
use hostler_events::{DecodeEventError, EventRef, Frontier, Hash, OrderKey, StoredEvent, verify_batch};
use hostler_model::{BrokerId, Feed, Hlc, PublicKey};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

/// Events whose signatures are checked together.
const BATCH: usize = 1_024;

/// All readable events of a log, and what is known to be wrong.
pub struct Examined {
    events: Vec<StoredEvent>,
    findings: Vec<Finding>,
    count: u64,
    unknown: u64,
    keys: BTreeMap<Feed, Vec<PublicKey>>,
    founder: Option<BrokerId>,
    /// Each event's hash, and the greatest time so far in its feed; of a forked feed, by the branch that came first.
    places: HashMap<Feed, BTreeMap<u64, (Hash, Hlc)>>,
    /// The first events so many are of the branches that came first, the rest of others.
    first: usize,
    branches: Branches,
}

impl Examined {
    /// Of readable events in the order of feed and place, those of other branches, and what is known to be wrong with
    /// other places.
    pub(super) fn new(
        mut events: Vec<StoredEvent>,
        others: Vec<StoredEvent>,
        faults: Vec<(Place, Fault)>,
        count: u64,
        heads: Option<&Frontier>,
        id_of: IdOf,
    ) -> Self {
        let branches = Branches::of(&events, &others);
        let first = events.len();
        events.extend(others);
        let keys = Keys::of(&events, id_of);
        let mut places: HashMap<Feed, BTreeMap<u64, (Hash, Hlc)>> = HashMap::new();
        for event in &events {
            let header = event.header();
            let feed = places.entry(header.feed).or_default();
            // A damaged time must not take what follows to the front.
            let time = feed.last_key_value().map_or(header.hlc, |(_, (_, before))| header.hlc.max(*before));
            feed.entry(header.seq).or_insert((event.hash(), time));
        }
        let feeds = places.keys().map(|feed| (*feed, keys.of_feed(feed))).collect();
        let founder = keys.founder;
        let mut examined =
            Self { events, findings: Vec::new(), count, unknown: 0, keys: feeds, founder, places, first, branches };
        faults.into_iter().for_each(|((feed, seq), fault)| examined.find(feed, seq, fault));
        keys.wrong.into_iter().for_each(|EventRef { feed, seq, .. }| examined.find(feed, seq, Fault::Key));
        examined.check_feeds();
        if let Some(heads) = heads {
            examined.expect_heads(heads);
        }
        examined
    }

    /// The events that could be read.
    #[must_use]
    pub fn events(&self) -> &[StoredEvent] {
        &self.events
    }

    /// The events, where nothing more is to be examined.
    #[must_use]
    pub fn into_events(self) -> Vec<StoredEvent> {
        self.events
    }

    /// How many events there were, readable or not.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many events are of a type that this program does not know.
    #[must_use]
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// The farm's first broker, from whom all trust comes. Whether it is the right farm is for people to say.
    #[must_use]
    pub fn founder(&self) -> Option<BrokerId> {
        self.founder
    }

    /// The feeds that have forked, and how many of their events are on other branches than the one that came first.
    #[must_use]
    pub fn forked(&self) -> BTreeMap<Feed, u64> {
        let mut forked = BTreeMap::new();
        self.events[self.first..].iter().for_each(|e| *forked.entry(e.header().feed).or_default() += 1);
        forked
    }

    /// The last event of every feed.
    #[must_use]
    pub fn heads(&self) -> Frontier {
        let mut heads = Frontier::default();
        for event in &self.events {
            let reference = event.reference();
            heads.raise(reference.feed, reference.seq, reference.hash);
        }
        heads
    }

    /// Checks that each feed is whole, and each event follows the one before it and can be read.
    fn check_feeds(&mut self) {
        let told = self.told();
        let mut found: Vec<(Feed, u64, Fault)> = Vec::new();
        let mut before: Option<&StoredEvent> = None;
        for event in &self.events[..self.first] {
            let EventRef { feed, seq, .. } = event.reference();
            let former = before.replace(event).filter(|b| b.header().feed == feed);
            let (have, hash) = former.map_or((0, Hash::ZERO), |b| (b.header().seq, b.hash()));
            if have + 1 < seq {
                // Of what could not be read, or where something else stands, that was said.
                let missing: Vec<u64> = (have + 1..seq).filter(|seq| !told.contains(&(feed, *seq))).take(2).collect();
                if let Some(first) = missing.first() {
                    let to = if missing.len() > 1 { seq - 1 } else { *first };
                    found.push((feed, *first, Fault::Missing { to }));
                }
            } else if event.header().previous != hash {
                found.push((feed, seq, Fault::Chain));
            }
            if former.is_some_and(|former| OrderKey::of(former.header()) >= OrderKey::of(event.header())) {
                found.push((feed, seq, Fault::Time));
            }
        }
        let others: BTreeSet<Feed> = self.events[self.first..].iter().map(|e| e.header().feed).collect();
        let forked = self.events.iter().filter(|e| others.contains(&e.header().feed));
        let by_hash: HashMap<Hash, &StoredEvent> = forked.map(|e| (e.hash(), e)).collect();
        // That they follow one another made them events of another branch.
        for event in &self.events[self.first..] {
            let former = by_hash.get(&event.header().previous);
            if former.is_some_and(|former| OrderKey::of(former.header()) >= OrderKey::of(event.header())) {
                found.push((event.header().feed, event.header().seq, Fault::Time));
            }
        }
        for event in &self.events {
            match event.event() {
                Err(error @ DecodeEventError::Payload { .. }) => {
                    let EventRef { feed, seq, .. } = event.reference();
                    found.push((feed, seq, Fault::Unreadable(error.to_string())));
                }
                Err(_) => self.unknown += 1,
                Ok(_) => {}
            }
        }
        found.into_iter().for_each(|(feed, seq, fault)| self.find(feed, seq, fault));
    }

    /// Compares the ends of the feeds with what they should be.
    fn expect_heads(&mut self, should: &Frontier) {
        let (are, told) = (self.heads(), self.told());
        let mut found = Vec::new();
        for (feed, (last, hash)) in &should.0 {
            let (have, head) = are.0.get(feed).copied().unwrap_or_default();
            let missing = (have + 1..=*last).find(|seq| !told.contains(&(*feed, *seq)));
            if let Some(first) = missing {
                found.push((*feed, first, Fault::TailCut { to: *last }));
            } else if have == *last && head != *hash {
                found.push((*feed, *last, Fault::NotTheHead));
            }
        }
        found.into_iter().for_each(|(feed, seq, fault)| self.find(feed, seq, fault));
    }

    fn told(&self) -> BTreeSet<Place> {
        self.findings.iter().map(|f| (f.feed, f.seq)).collect()
    }

    /// Checks the signatures of some of the events, by their numbers. Takes most of the time of an examination, and
    /// changes nothing, so that threads can share the work; what they find is handed to [`Examined::conclude`].
    #[must_use]
    pub fn check_signatures(&self, range: Range<usize>) -> Vec<Finding> {
        let events = self.events.get(range).unwrap_or_default();
        events.chunks(BATCH).flat_map(|batch| self.check_batch(batch)).collect()
    }

    fn check_batch(&self, batch: &[StoredEvent]) -> Vec<Finding> {
        let key = |e: &StoredEvent| self.keys.get(&e.header().feed).and_then(|keys| keys.last()).copied();
        let signed: Vec<_> = batch.iter().filter_map(|e| Some((e, key(e)?))).collect();
        if signed.len() == batch.len() && verify_batch(signed).is_ok() {
            return Vec::new();
        }
        batch.iter().filter_map(|event| self.check_one(event)).collect()
    }

    fn check_one(&self, event: &StoredEvent) -> Option<Finding> {
        let EventRef { feed, seq, .. } = event.reference();
        let keys = self.keys.get(&feed).map_or(&[][..], Vec::as_slice);
        let fault = match keys.last() {
            // Said once for each feed.
            None if self.places.get(&feed).and_then(|p| p.keys().next()) != Some(&seq) => return None,
            None => Fault::NoKey,
            Some(_) if keys.iter().any(|key| event.verify(key).is_ok()) => return None,
            Some(key) => Fault::Signature(event.verify(key).err().map(|e| e.to_string()).unwrap_or_default()),
        };
        Some(Finding { feed, seq, after: self.before(&feed, seq), fault })
    }

    /// Takes in what [`Examined::check_signatures`] found, checks what remains, and tells everything that is wrong, the
    /// first bad event first.
    #[must_use]
    pub fn conclude(&mut self, signatures: Vec<Finding>) -> Vec<Finding> {
        self.findings.extend(signatures);
        self.check_mentions();
        let mut findings = self.findings.clone();
        findings.sort_by_key(Finding::order);
        findings.dedup();
        findings.truncate(FINDINGS);
        findings
    }

    /// What hangs on an event.
    #[must_use]
    pub fn affected(&self, finding: &Finding) -> Affected {
        Affected::by(&self.events, finding)
    }

    /// What events say that they knew must be here, as they knew it. What a damaged event says counts for nothing.
    fn check_mentions(&mut self) {
        let damaged = self.told();
        let unverified: BTreeSet<Feed> =
            self.findings.iter().filter(|f| f.fault == Fault::NoKey).map(|f| f.feed).collect();
        // For each event that is missing or another, the first that knew it.
        let mut wrong: BTreeMap<(Feed, u64), (Hlc, Fault)> = BTreeMap::new();
        for event in &self.events {
            let (header, known_to) = (event.header(), event.reference());
            if damaged.contains(&(header.feed, header.seq)) || unverified.contains(&header.feed) {
                continue;
            }
            let seen = header.frontier.iter().flat_map(|f| f.0.iter().map(|(feed, (seq, hash))| (*feed, *seq, *hash)));
            let bases = header.bases.iter().flatten().map(|b| (b.feed, b.seq, b.hash));
            for (feed, seq, hash) in seen.chain(bases) {
                let feed = self.branches.base(feed);
                if self.branches.contains(&EventRef { feed, seq, hash }) {
                    continue;
                }
                let fault = match self.places.get(&feed).and_then(|places| places.get(&seq)) {
                    Some((there, _)) if *there == hash => continue,
                    Some(_) => Fault::Another { known_to },
                    None => Fault::NotHere { known_to },
                };
                let first = wrong.entry((feed, seq)).or_insert((header.hlc, fault.clone()));
                if header.hlc < first.0 {
                    *first = (header.hlc, fault);
                }
            }
        }
        let told: Vec<(Feed, u64, u64)> = self.findings.iter().map(|f| (f.feed, f.seq, last_place(f))).collect();
        for ((feed, seq), (_, fault)) in wrong {
            // What is known to be missing or unreadable needs not be said twice.
            if !told.iter().any(|(f, from, to)| *f == feed && (*from..=*to).contains(&seq)) {
                self.find(feed, seq, fault);
            }
        }
    }

    fn find(&mut self, feed: Feed, seq: u64, fault: Fault) {
        if self.findings.len() < FINDINGS {
            let after = self.before(&feed, seq);
            self.findings.push(Finding { feed, seq, after, fault });
        }
    }

    /// The time of the event before this place; of the event itself where none is before it.
    fn before(&self, feed: &Feed, seq: u64) -> Hlc {
        let Some(places) = self.places.get(feed) else { return Hlc::default() };
        let earlier = places.range(..seq).next_back().or_else(|| places.get_key_value(&seq));
        earlier.map_or(Hlc::default(), |(_, (_, hlc))| *hlc)
    }
}

fn last_place(finding: &Finding) -> u64 {
    match finding.fault {
        Fault::Missing { to } | Fault::TailCut { to } => to,
        _ => finding.seq,
    }
}
