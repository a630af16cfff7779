//! Promotions without anybody's word: off unless a setting says so. A majority of the voters that the present promotion
//! lists must not have heard the master for the time that the setting gives; the one that comes first in the list of
//! brokers and is alive stands, each voter votes once for each number, and its vote is on its disk before anybody hears
//! of it.

use super::mastership::active;
use super::{Node, Output};
use crate::candidacy::Purpose;
use crate::decide::settings::{SettingKey, VOTERS};
use crate::fault::Fault;
use crate::{AlarmCode, Continuity, Message};
use hostler_events::payload::{PromotionKind, Voted};
use hostler_events::{Actor, Event, Hash};
use hostler_model::{BrokerId, Epoch, Feed, Mono, Now};
use hostler_views::Lane;
use std::collections::BTreeSet;

/// How long after a try the next one may begin, in ms; later for those who come later in the list.
const RETRY_MS: u64 = 2_000;
/// How long a voter gives its candidate before it votes for another one, in ms.
const VOTE_HOLD_MS: u64 = 3_000;
/// How long a former master must have been heard by a majority before it gets the mastership back, in ms: doubling with
/// each time.
const FAILBACK_MS: u64 = 600_000;
/// Doublings of that, at most.
const FAILBACK_DOUBLINGS: u32 = 10;

/// What this broker remembers of elections; none of it has to survive a restart.
#[derive(Clone, Debug, Default)]
pub(super) struct Election {
    next_try: Mono,
    voted: Option<(Mono, BrokerId)>,
    /// Since when a majority hears the broker that lost the mastership.
    former_heard: Option<(BrokerId, Mono)>,
}

impl Node {
    fn automatic_after_ms(&self) -> Option<u64> {
        let after_ms = SettingKey::automatic_after_ms(self.replica.views.main()?)?;
        Some(if self.planted.is(Fault::TooEarly) { 0 } else { after_ms })
    }

    /// True where this broker may neither vote nor stand.
    fn must_abstain(&self, now: Now) -> bool {
        self.continuity != Continuity::GoesOn
            || self.may_author().is_err()
            || self.heard.has_jumped(now.mono)
            || self.lost_its_votes()
    }

    /// In a new incarnation a broker may have voted and forgotten it. That can't harm any more once a promotion has
    /// become effective without it, and everybody who might have counted the vote has shown all that they have: the
    /// forgotten vote may be for a higher number than that promotion's.
    pub(super) fn lost_its_votes(&self) -> bool {
        if self.planted.is(Fault::ForgotButVotes) {
            return false;
        }
        let feed = self.author.feed();
        let other = |f: &Feed| f.broker == self.me && f.incarnation != feed.incarnation;
        if feed.incarnation.ordinal <= 1 && !self.replica.accepted.0.keys().any(other) {
            return false;
        }
        let Some(timeline) = self.replica.views.timeline(self.site) else { return true };
        let Some(opened) = timeline.find(feed, 1).map(|l| l.header.epoch) else { return true };
        let without_it = |e: Epoch| {
            let voted = self.replica.votes.get(&(e.n, self.me)).is_some_and(|v| v.candidate == e.broker);
            e > opened && e.broker != self.me && !voted
        };
        let effective = |e: &hostler_views::Entry| {
            matches!(e.loaded.event, Some(Event::Promoted(_))) && e.lane == Lane::Applied && without_it(e.key.epoch)
        };
        let voters = self.mastership().map_or(&[][..], |m| &m.voters);
        let has_shown_all = |voter: &BrokerId| {
            let heads = self.peers.get(voter).and_then(|p| p.heads.as_ref());
            let here = |(feed, (seq, _)): (&Feed, &(u64, Hash))| self.replica.accepted.contains(feed, *seq);
            heads.is_some_and(|h| h.durable.0.iter().chain(&h.folded.0).all(here))
        };
        let shown = voters.iter().all(|v| *v == self.me || has_shown_all(v));
        !shown || !timeline.entries().iter().rev().any(effective)
    }

    /// Stands for the mastership where it is time to, and gives it back where it is time to.
    pub(super) fn consider_election(&mut self, now: Now) {
        let Some(mastership) = self.mastership().cloned() else { return };
        let (master, hands_back) = (mastership.epoch.broker, mastership.hands_back);
        if master == self.me {
            return self.consider_failback(now, hands_back);
        }
        self.election.former_heard = None;
        let Some(after_ms) = self.automatic_after_ms() else { return };
        let voters = mastership.voters;
        let listed = voters.len() >= VOTERS && voters.contains(&self.me);
        if !listed || self.candidacy.is_some() || now.mono < self.election.next_try {
            return;
        }
        if self.heard.silent_ms(now.mono, master) < after_ms || self.must_abstain(now) {
            return;
        }
        let Some(site) = self.replica.views.site(self.site) else { return };
        let stands = |b: &BrokerId| *b == self.me || (*b != master && self.answers(now, *b) && self.alive.contains(b));
        if active(site).into_iter().find(stands) != Some(self.me) {
            return;
        }
        self.election.next_try = now.mono.plus(RETRY_MS);
        self.stand(now, Purpose::Automatic);
    }

    /// All that could be learnt is here, and the master has still not been heard.
    pub(super) fn ask_for_votes(&mut self, now: Now) {
        let Some(mut candidacy) = self.candidacy.take() else { return };
        let Some(after_ms) = self.automatic_after_ms() else { return };
        let Some(mastership) = self.mastership().cloned() else { return };
        if self.heard.silent_ms(now.mono, mastership.epoch.broker) < after_ms || self.must_abstain(now) {
            return;
        }
        let voted = self.replica.votes.keys().map(|(n, _)| *n).max().unwrap_or(0);
        let own = self.replica.votes.get(&(voted, self.me));
        let again = own.is_some_and(|v| v.candidate == self.me && v.succeeds == mastership.epoch);
        let least = self.next_n(&candidacy);
        // Who was asked a moment too early is asked again for the same.
        let again = again && voted >= least;
        let n = if again { voted } else { least.max(voted + 1) };
        candidacy.ask_for_votes(now.mono, n);
        self.candidacy = Some(candidacy);
        if !again {
            self.cast_vote(now, n, self.me, mastership.epoch);
        }
        for to in mastership.voters.into_iter().filter(|v| *v != self.me) {
            self.out.push_back(Output::Send { to, message: Message::Elect { n, succeeds: mastership.epoch } });
        }
    }

    /// Somebody asks for this broker's vote.
    pub(super) fn elect(&mut self, now: Now, from: BrokerId, n: u64, succeeds: Epoch) {
        let Some(mastership) = self.mastership() else { return };
        let listed = mastership.voters.contains(&self.me) && mastership.voters.contains(&from);
        let silent_ms = self.heard.silent_ms(now.mono, mastership.epoch.broker);
        let silent = self.automatic_after_ms().is_some_and(|after_ms| silent_ms >= after_ms);
        let fits = mastership.epoch == succeeds
            && mastership.epoch.broker != self.me
            && succeeds >= self.epoch().max(self.fenced);
        let twice = self.planted.is(Fault::VotedTwice);
        let given = self.replica.votes.contains_key(&(n, self.me)) && !twice;
        let fresh = n > self.replica.highest_n(self.site) && !given;
        let held = |(at, to): (Mono, BrokerId)| to != from && now.mono.since(at) < VOTE_HOLD_MS && !twice;
        let stands_itself = self.candidacy.is_some();
        if !listed || !silent || !fits || !fresh || stands_itself || self.must_abstain(now) {
            return;
        }
        if self.election.voted.is_some_and(held) {
            return;
        }
        self.cast_vote(now, n, from, succeeds);
    }

    /// A vote is an event: on this disk first, then pushed like every other.
    fn cast_vote(&mut self, now: Now, n: u64, candidate: BrokerId, succeeds: Epoch) {
        let master = succeeds.broker;
        let silent_ms = self.heard.silent_ms(now.mono, master);
        let vote = Event::Voted(Voted { n, candidate, succeeds, silent_ms });
        match self.write(now, Actor::System, &vote.into()) {
            Ok(event) => {
                self.election.voted = Some((now.mono, candidate));
                if self.planted.is(Fault::VoteSentUnstored) {
                    let linked: Vec<BrokerId> =
                        self.peers.iter().filter(|(_, p)| p.linked).map(|(id, _)| *id).collect();
                    for to in linked {
                        self.out.push_back(Output::Send { to, message: Message::Push(vec![event.bytes().clone()]) });
                    }
                }
                self.append(vec![event], None);
            }
            Err(error) => self.alarm(AlarmCode::PromotionFailed, format!("a vote could not be stored: {error}")),
        }
    }

    /// Becomes the master where a majority of the listed voters wants it.
    pub(super) fn count_votes(&mut self, now: Now, n: u64) {
        let Some(candidacy) = self.candidacy.clone() else { return };
        let Some(mastership) = self.mastership().filter(|m| m.epoch == candidacy.succeeds) else {
            self.candidacy = None;
            return;
        };
        let voters: BTreeSet<BrokerId> = mastership.voters.iter().copied().collect();
        let master = mastership.epoch.broker;
        let counts = |voter: &&BrokerId| {
            self.replica.votes.get(&(n, **voter)).is_some_and(|v| {
                // The others' votes came from their disks; the own one must be on this one.
                let stored = **voter != self.me || self.replica.is_durable(&v.event);
                v.candidate == self.me && v.succeeds == candidacy.succeeds && stored
            })
        };
        let votes: Vec<BrokerId> = voters.iter().filter(counts).copied().collect();
        let after_ms = self.automatic_after_ms();
        let silent_ms = self.heard.silent_ms(now.mono, master);
        if after_ms.is_none_or(|after_ms| silent_ms < after_ms) || self.must_abstain(now) {
            self.candidacy = None;
        } else if n < self.next_n(&candidacy) {
            // An epoch with this number, or a higher one, has turned up; one that is held counts as well.
            self.candidacy = None;
        } else if votes.len() * 2 > voters.len() || self.planted.is(Fault::NoMajority) {
            let names: Vec<String> = votes.iter().map(|v| self.broker_name(*v)).collect();
            let reason = format!(
                "{} of {} voters had not heard {} for {} s: {}",
                votes.len(),
                voters.len(),
                self.broker_name(master),
                after_ms.unwrap_or(0) / 1_000,
                names.join(", ")
            );
            self.promote(now, PromotionKind::Automatic, Actor::System, Some(master), reason, &candidacy);
        } else if now.mono >= candidacy.until {
            self.candidacy = None;
        }
    }

    /// Gives the mastership back to whom it was taken from without anybody's word, once a majority has heard it for
    /// long enough.
    fn consider_failback(&mut self, now: Now, former: Option<BrokerId>) {
        let wanted = self.replica.views.main().is_some_and(|main| SettingKey::Failback.value(main) == "true");
        let automatic = self.automatic_after_ms().is_some();
        let Some(former) = former.filter(|_| wanted && automatic) else {
            self.election.former_heard = None;
            return;
        };
        let Some(site) = self.replica.views.site(self.site) else { return };
        let voters = active(site);
        let hears = |v: &&BrokerId| {
            if **v == self.me || **v == former {
                return self.answers(now, former);
            }
            let heads = self.peers.get(v).and_then(|p| p.heads.as_ref());
            self.answers(now, **v) && heads.is_some_and(|h| h.hears.contains(&former))
        };
        let majority = voters.iter().filter(hears).count() * 2 > voters.len();
        if !majority || !voters.contains(&former) || self.heard.has_jumped(now.mono) {
            self.election.former_heard = None;
            return;
        }
        let wait_ms = FAILBACK_MS << site.failbacks.min(FAILBACK_DOUBLINGS);
        let since = match self.election.former_heard {
            Some((broker, since)) if broker == former => since,
            _ => now.mono,
        };
        self.election.former_heard = Some((former, since));
        let busy = self.candidacy.is_some() || self.handover.is_some() || self.seal().is_some();
        if now.mono.since(since) >= wait_ms && !busy && self.master().is_some() && self.may_author().is_ok() {
            self.election.former_heard = None;
            if let Err(error) = self.seal_for(now, former, Actor::System, None) {
                self.alarm(AlarmCode::PromotionFailed, format!("the mastership can't be given back: {error}"));
            }
        }
    }
}

#[cfg(feature = "planted-faults")]
impl Election {
    /// What matters of it from here on.
    pub(super) fn essence(&self, now: Mono) -> impl std::hash::Hash + use<> {
        let voted = self.voted.map(|(at, to)| (now.since(at) < VOTE_HOLD_MS, to)).filter(|(holds, _)| *holds);
        let former = self.former_heard.map(|(broker, since)| (broker, now.since(since)));
        (self.next_try.since(now), voted, former)
    }
}
