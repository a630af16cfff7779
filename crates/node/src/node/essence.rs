//! What a model checker needs of a node: what it remembers, in one number; its liveness by links; planted faults.
//!
//! Two nodes with one essence act alike from here on, up to the moments that are written into events. So moments are
//! told by how long ago they were, and long ago is one moment. The views are a function of what was folded, so its
//! frontier, which names hashes, stands for them. Left out is what only answers and alarms depend on.

use super::Node;
use crate::candidacy::Purpose;
use crate::fault::Planted;
use crate::{Continuity, Fault, Message};
use hostler_events::{Frontier, Hash as EventHash};
use hostler_model::{Feed, Mono, Now};
use std::hash::{Hash, Hasher};

/// Where time passes in steps that are longer, only this matters of how long a master has been silent, in ms.
const SILENT_MS: u64 = 5_000;

impl Node {
    /// From now on links alone say who is alive. A copy of a node does so, too.
    pub fn judge_by_links(&mut self) {
        self.members.judge_by_links();
    }

    /// From now on it does something wrong.
    pub fn plant(&mut self, fault: Fault) {
        self.planted = Planted::new(fault);
        self.replica.planted = self.planted;
    }

    /// From now on its views do something wrong.
    pub fn plant_in_views(&mut self, fault: hostler_views::Fault) {
        self.replica.views.plant(fault);
    }

    /// For every feed the last event that was taken in, on the disk or not.
    #[must_use]
    pub fn accepted(&self) -> &Frontier {
        &self.replica.accepted
    }

    /// True while this broker is on its way to a new epoch, or out of its office.
    #[must_use]
    pub fn is_changing(&self) -> bool {
        self.candidacy.is_some() || self.handover.is_some() || !self.batches.is_empty()
    }

    /// True where a message can't do anything any more but show that its sender lives.
    #[must_use]
    pub fn is_deaf_to(&self, message: &Message, sender: Option<&Self>) -> bool {
        match message {
            Message::Push(bytes) => {
                let events = bytes.iter().filter_map(|b| hostler_events::StoredEvent::parse(b.clone()).ok());
                events.into_iter().all(|e| self.replica.durable.contains(&e.header().feed, e.header().seq))
            }
            Message::Gather { round, site: _ } => {
                let waits = |c: &crate::candidacy::Candidacy| c.round == *round && c.waiting.contains(&self.me);
                !sender.and_then(|s| s.candidacy.as_ref()).is_some_and(waits)
            }
            Message::Gathered { round, .. } => self.candidacy.as_ref().is_none_or(|c| c.round != *round),
            Message::Elect { n, .. } => {
                *n <= self.replica.highest_n(self.site) || self.replica.votes.contains_key(&(*n, self.me))
            }
            _ => false,
        }
    }

    /// True where another node's heads would tell this one something beside that it lives.
    #[must_use]
    pub fn learns_from(&self, other: &Self) -> bool {
        let lacks = |(feed, (seq, _)): (&Feed, &(u64, EventHash))| !self.replica.accepted.contains(feed, *seq);
        let asks = matches!(&self.continuity, Continuity::Asking { agreed, .. } if !agreed.contains(&other.me));
        asks || other.replica.durable.0.iter().any(lacks) || other.fenced > self.epoch().max(self.fenced)
    }

    /// Writes what decides its behaviour from here on.
    pub fn essence(&self, now: Now, into: &mut impl Hasher) {
        let replica = &self.replica;
        self.author.feed().hash(into);
        for frontier in [&replica.accepted, &replica.durable, &replica.folded, &replica.seen] {
            frontier.0.hash(into);
        }
        replica.epochs.hash(into);
        for (key, vote) in &replica.votes {
            (key, vote.candidate, vote.succeeds, vote.event).hash(into);
        }
        match &self.continuity {
            Continuity::Asking { agreed, until } => (agreed, until.since(now.mono)).hash(into),
            other => std::mem::discriminant(other).hash(into),
        }
        self.copies.essence(now.mono).hash(into);
        for (broker, peer) in &self.peers {
            // Only what is missing here can be asked for.
            let missing = peer.heads.iter().flat_map(|h| &h.durable.0).filter(|(f, (seq, _))| {
                let have = replica.accepted.0.get(f).map_or(0, |(seq, _)| *seq);
                *seq > have
            });
            (broker, peer.linked, peer.heads.is_some()).hash(into);
            missing.for_each(|head| head.hash(into));
            if self.mastership().is_some_and(|m| m.epoch.broker == *broker) {
                (self.heard.silent_ms(now.mono, *broker) >= SILENT_MS).hash(into);
            }
            self.heard.answers(now.mono, *broker).hash(into);
        }
        self.heard.has_jumped(now.mono).hash(into);
        let later = |at: Mono| at.since(now.mono);
        if let Some(c) = &self.candidacy {
            match &c.purpose {
                Purpose::Planned { seal, .. } => (0, seal).hash(into),
                Purpose::Renewed { by_all, .. } => (1, by_all).hash(into),
                Purpose::Forced { lost, .. } => (2, lost).hash(into),
                Purpose::Automatic => 3.hash(into),
            }
            (c.succeeds, c.round, &c.waiting, &c.answered, &c.need.0, c.highest).hash(into);
            match c.stage {
                crate::candidacy::Stage::Gathering => 0.hash(into),
                crate::candidacy::Stage::Voting(n) => n.hash(into),
            }
            (later(c.deadline(now.mono)), later(c.until)).hash(into);
        }
        if let Some(h) = &self.handover {
            h.essence(now.mono).hash(into);
        }
        self.election.essence(now.mono).hash(into);
        (later(self.next_renewal), self.known_mastership, self.fenced, self.waiting.len()).hash(into);
        self.batches.len().hash(into);
    }
}
