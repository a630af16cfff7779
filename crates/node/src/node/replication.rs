//! Events on their way between brokers: pushed when they are on the disk, pulled where heads differ.

use super::{Batch, Node, Output, signed_difference};
use crate::fault::Fault;
use crate::pending::{Spreading, Storing};
use crate::replica::Bad;
use crate::{AlarmCode, Heads, Message};
use hostler_events::{EventRef, Frontier, Hash, StoredEvent};
use hostler_log::limits::GROUP_EVENTS;
use hostler_model::{BrokerId, Feed, Now, limits};
use std::collections::BTreeSet;

impl Node {
    /// A batch is on the disk: now it may be answered and passed on.
    pub(super) fn appended(&mut self, now: Now, number: u64) {
        let Some(batch) = self.batches.remove(&number) else { return };
        let named: Vec<EventRef> = batch.events.iter().map(|e| self.replica.named(&e.reference())).collect();
        for r in &named {
            self.replica.durable.raise(r.feed, r.seq, r.hash);
        }
        let linked: Vec<BrokerId> = self.peers.iter().filter(|(_, p)| p.linked).map(|(id, _)| *id).collect();
        match batch.from {
            None => {
                let bytes: Vec<_> = batch.events.iter().map(|e| e.bytes().clone()).collect();
                for to in &linked {
                    let message = Message::Push(bytes.clone());
                    self.out.push_back(Output::Send { to: *to, message });
                }
            }
            Some(from) => {
                let mut heads = Frontier::default();
                for r in named {
                    heads.raise(r.feed, r.seq, r.hash);
                }
                for (feed, (seq, _)) in heads.0 {
                    self.out.push_back(Output::Send { to: from, message: Message::Stored { feed, seq } });
                }
            }
        }
        let Some(last) = batch.events.last().map(StoredEvent::reference) else { return };
        for Storing { origin, outcome } in self.pending.storing.remove(&number).unwrap_or_default() {
            if linked.is_empty() {
                self.answer(origin, Ok(outcome));
            } else {
                let until = now.mono.plus(limits::DURABILITY_WAIT_MS);
                self.pending.spreading.push(Spreading { origin, outcome, last, until });
            }
        }
    }

    pub(super) fn accept(&mut self, from: BrokerId, events: Vec<StoredEvent>) {
        let feeds: BTreeSet<Feed> = events.iter().map(|e| e.header().feed).collect();
        let got = self.replica.accept(events, self.heard.wall(), self.author.clock_mut());
        for bad in got.bad {
            match bad {
                Bad::Fork(feed, seq) => {
                    self.alarm_fork(feed, seq);
                    self.name_peers();
                }
                // The event that gave the author another key may be on its way: the peer is asked again then.
                Bad::Forged { new_feed: true, .. } if self.lacks_others_of(from, &feeds) => {}
                Bad::Forged { text, .. } => {
                    self.alarm(AlarmCode::EventForged, format!("broker {} sent: {text}", from.short()));
                }
            }
        }
        for (feed, place) in got.missing {
            self.out.push_back(Output::Send { to: from, message: Message::Pull { feed, from: place } });
        }
        if !got.fresh.is_empty() {
            let more: BTreeSet<Feed> = got.fresh.iter().map(|e| e.header().feed).collect();
            self.append(got.fresh, Some(from));
            // Who joined may be known now. Without anything new, asking again would only bring the same again.
            let strangers = self.peers.get_mut(&from).is_some_and(|p| std::mem::take(&mut p.strangers));
            self.pull(from, if strangers { None } else { Some(&more) });
        }
        if got.unknown_author
            && let Some(peer) = self.peers.get_mut(&from)
        {
            peer.strangers = true;
        }
        if got.changed {
            self.out.push_back(Output::Changed);
        }
    }

    /// True where a peer has events of other feeds than these that are missing here.
    fn lacks_others_of(&self, peer: BrokerId, feeds: &BTreeSet<Feed>) -> bool {
        let heads = self.peers.get(&peer).and_then(|p| p.heads.as_ref());
        let missing = |f: &Feed, seq: u64| !feeds.contains(f) && !self.replica.accepted.contains(f, seq);
        heads.is_some_and(|h| h.durable.0.iter().any(|(f, (seq, _))| missing(f, *seq)))
    }

    /// A feed has forked, or a branch got longer: what peers said to have is named anew.
    fn name_peers(&mut self) {
        let forks = &self.replica.forks;
        for peer in self.peers.values_mut() {
            peer.stored = forks.frontier(&peer.stored);
            peer.heads.iter_mut().for_each(|heads| heads.durable = forks.frontier(&heads.durable));
        }
    }

    /// One alarm for a feed, however many places of it show the fork.
    fn alarm_fork(&mut self, feed: Feed, seq: u64) {
        let feed = self.replica.forks.base(feed);
        if self.forked.insert(feed) {
            let text = format!(
                "there are two events at place {seq} of feed {feed}: two copies of one broker's data ran at once, or a \
                 copy was restored"
            );
            self.alarm(AlarmCode::Forked, text);
        }
    }

    /// Compares what a peer has with what is here.
    pub(super) fn compare(&mut self, now: Now, from: BrokerId, mut heads: Heads) {
        let feed = self.author.feed();
        let replica = &self.replica;
        let folded = heads.folded.clone();
        heads.durable = replica.forks.frontier(&heads.durable);
        heads.folded = replica.forks.frontier(&heads.folded);
        let own = self.continuity.hear(from, &heads, feed, &replica.accepted, |feed, seq| replica.hash_at(feed, seq));
        let fork = own.or_else(|| self.replica.fork_in(&heads.durable));
        if let Some((feed, seq)) = fork {
            self.alarm_fork(feed, seq);
        }
        let members = self.other_members();
        if let Some((feed, seq)) = self.copies.hear(from, &heads, feed, &self.replica.accepted, &members) {
            let (me, from) = (self.broker_name(self.me), self.broker_name(from));
            let text = format!(
                "a copy of broker {me} runs beside it: broker {from} has event {seq} of feed {feed}, which {me} has not \
                 written"
            );
            self.alarm(AlarmCode::Copied, text);
        }
        if heads.site == self.site {
            self.fenced = self.fenced.max(heads.epoch);
        }
        for (feed, seq) in self.replica.part_from(&mut heads.durable) {
            // It has another branch: where that begins is found by going back from its end.
            self.out.push_back(Output::Send { to: from, message: Message::Pull { feed, from: seq } });
        }
        let comparable =
            folded == self.replica.folded && heads.digest != Hash::ZERO && !self.replica.views.has_unread();
        let differs = comparable && heads.digest != self.digest();
        self.heard.hear_clock(now.mono, from, heads.wall, &members);
        let peer = self.peers.entry(from).or_default();
        peer.behind_ms = signed_difference(now.wall, heads.wall);
        peer.stored = Frontier::default();
        peer.heads = Some(heads);
        if comparable {
            peer.differs = differs;
        }
        self.pull(from, None);
    }

    /// Asks a peer for what it has and is missing here; of these feeds only, where they are named.
    pub(super) fn pull(&mut self, from: BrokerId, only: Option<&BTreeSet<Feed>>) {
        if self.planted.is(Fault::HeadsIgnored) {
            return;
        }
        let Some(heads) = self.peers.get(&from).and_then(|p| p.heads.as_ref()) else { return };
        for (feed, (seq, _)) in &heads.durable.0 {
            let have = self.replica.accepted.0.get(feed).map_or(0, |(seq, _)| *seq);
            if *seq > have && only.is_none_or(|o| o.contains(&self.replica.forks.base(*feed))) {
                // Of a feed that has forked it has something that is on no branch here.
                let forked = self.replica.has_forked(feed).then(|| self.replica.earlier(*feed, seq + 1));
                let message = Message::Pull { feed: *feed, from: forked.flatten().unwrap_or(have + 1) };
                self.out.push_back(Output::Send { to: from, message });
            }
        }
    }

    pub(super) fn send_heads(&mut self, now: Now, to: BrokerId) {
        let heads = Heads {
            site: self.site,
            durable: self.replica.durable.clone(),
            folded: self.replica.folded.clone(),
            // Digests are compared only between those that read the same.
            digest: if self.replica.views.has_unread() { Hash::ZERO } else { self.digest() },
            epoch: self.durable_epoch().max(self.fenced),
            wall: now.wall,
            hears: self.heard.answering(now.mono).into_iter().collect(),
        };
        self.out.push_back(Output::Send { to, message: Message::Heads(Box::new(heads)) });
    }

    /// What must wait for the disk, and does not where a test wants it.
    fn tell_early(&mut self, events: &[StoredEvent], from: Option<BrokerId>) {
        if self.planted.is(Fault::SentUnstored) && from.is_none() {
            let bytes: Vec<_> = events.iter().map(|e| e.bytes().clone()).collect();
            for (to, _) in self.peers.iter().filter(|(_, p)| p.linked) {
                self.out.push_back(Output::Send { to: *to, message: Message::Push(bytes.clone()) });
            }
        }
        if let (true, Some(from)) = (self.planted.is(Fault::StoredSaidEarly), from) {
            for r in events.iter().map(StoredEvent::reference) {
                self.out.push_back(Output::Send { to: from, message: Message::Stored { feed: r.feed, seq: r.seq } });
            }
        }
    }

    /// Has events written, in as many batches as the log takes them in. Says the number of the last: when that is on
    /// the disk, all are.
    pub(super) fn append(&mut self, events: Vec<StoredEvent>, from: Option<BrokerId>) -> u64 {
        let mut last = self.next_number;
        // A chunk is limited by its bytes, and small events make more than a batch of that.
        for part in events.chunks(GROUP_EVENTS) {
            last = self.number();
            self.tell_early(part, from);
            self.out.push_back(Output::Append { batch: last, events: part.to_vec() });
            self.batches.insert(last, Batch { events: part.to_vec(), from });
        }
        last
    }
}
