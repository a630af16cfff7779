//! Which events count. Everything here is a function of the set of events, never of the order of their arrival.
//!
//! Revocations are decided first, by time; then promotions, from the highest epoch down; then every other event, by
//! those two. Whether an event is orphaned is found out later, in the fold.

use crate::{Lane, Loaded};
use hostler_events::{Actor, Class, Event, EventRef, Frontier, OrderKey};
use hostler_model::{BrokerId, Epoch, Feed, Thing};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A promotion, as far as the rules need it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Promotion {
    key: OrderKey,
    reference: EventRef,
    actor: Actor,
    frontier: Frontier,
    /// Decided.
    lane: Decided,
}

/// A master that went on in a new incarnation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Resume {
    key: OrderKey,
    reference: EventRef,
    frontier: Frontier,
}

/// A revocation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Revocation {
    key: OrderKey,
    reference: EventRef,
    actor: Actor,
    target: Thing,
    frontier: Frontier,
    /// The earlier revocation that makes it void. Decided.
    void: Option<EventRef>,
}

/// A structural event that ends a revocation or a removal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Turn {
    key: OrderKey,
    reference: EventRef,
    actor: Actor,
    thing: Thing,
}

/// A broker was removed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Removal {
    key: OrderKey,
    reference: EventRef,
    actor: Actor,
    broker: BrokerId,
    /// What the author had seen; nothing that it lacks is let in while the broker is gone.
    frontier: Option<Frontier>,
}

/// What was decided about a promotion.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Decided {
    Effective,
    SupersededBy(Option<EventRef>),
    QuarantinedBy(EventRef),
}

/// Which events of a site count.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Rules {
    promotions: BTreeMap<Epoch, Promotion>,
    resumes: Vec<Resume>,
    revocations: Vec<Revocation>,
    enables: Vec<Turn>,
    removals: Vec<Removal>,
}

impl Rules {
    /// Takes in an event, in any order. True where it may have changed what was decided about others: then every lane
    /// has to be looked at again.
    pub fn take(&mut self, loaded: &Loaded) -> bool {
        let (key, reference, actor) = (loaded.key(), loaded.reference, loaded.header.actor);
        let frontier = || loaded.header.frontier.clone().unwrap_or_default();
        let turn = |thing| Turn { key, reference, actor, thing };
        match &loaded.event {
            Some(Event::Promoted(_)) => {
                let lane = Decided::Effective;
                let promotion = Promotion { key, reference, actor, frontier: frontier(), lane };
                // Two copies of one broker may begin one epoch at one time: then it is not the first that arrived.
                let known = self.promotions.entry(key.epoch).or_insert_with(|| promotion.clone());
                if reference < known.reference {
                    *known = promotion;
                }
            }
            Some(Event::Resumed(_)) => self.resumes.push(Resume { key, reference, frontier: frontier() }),
            Some(Event::AdminEnabled(e)) => self.enables.push(turn(Thing::Admin(e.admin))),
            // A broker whose key was stolen comes back with a token: it joins again.
            Some(Event::BrokerJoined(e)) => self.enables.push(turn(Thing::Broker(e.broker))),
            Some(Event::BrokerRemoved(e)) => {
                let frontier = loaded.header.frontier.clone();
                self.removals.push(Removal { key, reference, actor, broker: e.broker, frontier });
            }
            Some(_) if loaded.header.class == Class::Revocation => {
                let Some(target) = loaded.header.touches.first().copied() else { return false };
                self.revocations.push(Revocation { key, reference, actor, target, frontier: frontier(), void: None });
            }
            _ => return false,
        }
        self.decide();
        true
    }

    /// The lane of an event, orphans apart.
    #[must_use]
    pub fn lane(&self, loaded: &Loaded) -> Lane {
        let (key, reference) = (loaded.key(), loaded.reference);
        if let Some(Event::Promoted(_)) = loaded.event {
            return match self.promotions.get(&key.epoch).map(|p| p.lane) {
                Some(Decided::Effective) => Lane::Applied,
                Some(Decided::SupersededBy(by)) => Lane::Superseded { by },
                Some(Decided::QuarantinedBy(by)) => Lane::Quarantined { by },
                None => Lane::Superseded { by: None },
            };
        }
        if loaded.header.class == Class::Revocation {
            let void = self.revocations.iter().find(|r| r.reference == reference).and_then(|r| r.void);
            return void.map_or(Lane::Applied, |by| Lane::Quarantined { by });
        }
        if let Some(by) = self.quarantine(&key, &reference, loaded.header.actor) {
            return Lane::Quarantined { by };
        }
        if loaded.header.class == Class::Structural
            && let Some(by) = self.superseded(&key, &reference)
        {
            return Lane::Superseded { by };
        }
        self.unseen_before_removal(&key, &reference).map_or(Lane::Applied, |by| Lane::Quarantined { by })
    }

    /// The effective promotion of the highest epoch, of all that were seen.
    #[must_use]
    pub fn highest_effective(&self) -> Option<(Epoch, EventRef)> {
        self.effective_above(Epoch::NONE).next_back().map(|p| (p.key.epoch, p.reference))
    }

    /// True where a revocation of this thing counts, whatever came after it.
    #[must_use]
    pub fn was_revoked(&self, thing: Thing) -> bool {
        self.revocations.iter().any(|r| r.void.is_none() && r.target == thing)
    }

    /// The highest epoch of any promotion, effective or not.
    #[must_use]
    pub fn highest(&self) -> Option<Epoch> {
        self.promotions.keys().next_back().copied()
    }

    fn decide(&mut self) {
        // Where several would do, the first in the order is named, not the first that arrived.
        self.resumes.sort_by_key(|r| r.key);
        self.removals.sort_by_key(|r| r.key);
        self.decide_revocations();
        self.decide_promotions();
    }

    /// Earliest first: one is void if an effective earlier one revokes its author and lacks it.
    fn decide_revocations(&mut self) {
        self.revocations.sort_by_key(|r| r.key.by_time());
        for at in 0..self.revocations.len() {
            let (earlier, rest) = self.revocations.split_at_mut(at);
            let this = &mut rest[0];
            this.void = earlier
                .iter()
                .find(|e| e.void.is_none() && e.revokes(&this.key, this.actor) && !has(&e.frontier, &this.reference))
                .map(|e| e.reference);
        }
    }

    /// From the highest epoch down. A promotion is effective unless an effective one of a higher epoch lacks it, or it
    /// is quarantined, or it knew a removal of its own author that no promotion it knew supersedes.
    fn decide_promotions(&mut self) {
        for promotion in self.promotions.values_mut() {
            // What was decided before must not leak into what is decided now: it depended on what had arrived.
            promotion.lane = Decided::SupersededBy(None);
        }
        let epochs: Vec<Epoch> = self.promotions.keys().rev().copied().collect();
        for epoch in epochs {
            let Some(this) = self.promotions.get(&epoch) else { continue };
            let above = self.effective_above(epoch).find(|p| !has(&p.frontier, &this.reference));
            let lane = if let Some(by) = above {
                Decided::SupersededBy(Some(by.reference))
            } else if let Some(by) = self.quarantined_promotion(this) {
                Decided::QuarantinedBy(by)
            } else if let Some(removal) = self.knew_own_removal(this) {
                Decided::SupersededBy(Some(removal))
            } else {
                Decided::Effective
            };
            if let Some(this) = self.promotions.get_mut(&epoch) {
                this.lane = lane;
            }
        }
    }

    /// The revocation by which a promotion is quarantined. Which of the lower promotions are effective is not decided
    /// yet, so an enable counts where the promotion itself knew it, and knew no promotion that supersedes it.
    fn quarantined_promotion(&self, this: &Promotion) -> Option<EventRef> {
        let enabled = |r: &Revocation| {
            self.enables.iter().any(|e| e.ends(r, &this.key) && self.stands_for(this, &e.key, &e.reference))
        };
        self.revocations_of(&this.key, &this.reference, this.actor).find(|r| !enabled(r)).map(|r| r.reference)
    }

    /// True where a promotion knew a structural event, and knew no promotion that supersedes it.
    fn stands_for(&self, promotion: &Promotion, key: &OrderKey, reference: &EventRef) -> bool {
        let knows = |r: &EventRef| has(&promotion.frontier, r);
        let superseded = |q: &Promotion| q.key.epoch > key.epoch && knows(&q.reference) && !has(&q.frontier, reference);
        knows(reference) && !self.promotions.values().any(superseded)
    }

    fn effective_above(&self, epoch: Epoch) -> impl DoubleEndedIterator<Item = &Promotion> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.promotions.range((Excluded(epoch), Unbounded)).map(|(_, p)| p).filter(|p| p.lane == Decided::Effective)
    }

    fn knew_own_removal(&self, promotion: &Promotion) -> Option<EventRef> {
        self.removals
            .iter()
            .find(|r| r.broker == promotion.key.broker && self.stands_for(promotion, &r.key, &r.reference))
            .map(|removal| removal.reference)
    }

    /// The promotion or resume that supersedes a structural event: `Some(None)` where its own promotion is missing or
    /// not effective.
    fn superseded(&self, key: &OrderKey, reference: &EventRef) -> Option<Option<EventRef>> {
        if let Some(by) = self.effective_above(key.epoch).find(|p| !has(&p.frontier, reference)) {
            return Some(Some(by.reference));
        }
        let own = self.promotions.get(&key.epoch);
        if key.epoch.broker != key.broker || own.is_none_or(|p| p.lane != Decided::Effective) {
            return Some(None);
        }
        self.resumes
            .iter()
            .find(|r| {
                r.key.epoch == key.epoch
                    && r.key.broker == key.broker
                    && r.key.incarnation > key.incarnation
                    && !has(&r.frontier, reference)
            })
            .map(|r| Some(r.reference))
    }

    /// The revocation by which an event is quarantined: it was authored by the revoked party, outside of what the
    /// revocation knew, and before the next enable in the order that is not superseded.
    fn quarantine(&self, key: &OrderKey, reference: &EventRef, actor: Actor) -> Option<EventRef> {
        let enabled = |r: &Revocation| {
            let stands = |e: &Turn| self.effective_above(e.key.epoch).all(|p| has(&p.frontier, &e.reference));
            self.enables.iter().any(|e| e.ends(r, key) && stands(e))
        };
        self.revocations_of(key, reference, actor).find(|r| !enabled(r)).map(|r| r.reference)
    }

    /// The removal by which an event is quarantined: its author was removed by somebody who had not seen it, and it
    /// stands before the author's next joining. A removal that is itself superseded removes nothing.
    fn unseen_before_removal(&self, key: &OrderKey, reference: &EventRef) -> Option<EventRef> {
        let stands = |key: &OrderKey, reference: &EventRef, actor: Actor| {
            self.quarantine(key, reference, actor).is_none() && self.superseded(key, reference).is_none()
        };
        let lacks = |r: &&Removal| {
            let unseen = r.broker == key.broker && r.frontier.as_ref().is_some_and(|f| !has(f, reference));
            unseen && stands(&r.key, &r.reference, r.actor)
        };
        let back = |r: &Removal| {
            let joins = |e: &Turn| e.thing == Thing::Broker(r.broker) && r.key < e.key && e.key < *key;
            self.enables.iter().any(|e| joins(e) && stands(&e.key, &e.reference, e.actor))
        };
        self.removals.iter().filter(lacks).find(|r| !back(r)).map(|r| r.reference)
    }

    /// The revocations that count, revoke whoever authored an event, and did not know it.
    fn revocations_of(&self, key: &OrderKey, reference: &EventRef, actor: Actor) -> impl Iterator<Item = &Revocation> {
        let (key, reference) = (*key, *reference);
        self.revocations
            .iter()
            .filter(move |r| r.void.is_none() && r.revokes(&key, actor) && !has(&r.frontier, &reference))
    }
}

impl Turn {
    /// True where this enables whom the revocation revoked, after it and before `key`, and is not by them.
    fn ends(&self, revocation: &Revocation, key: &OrderKey) -> bool {
        self.thing == revocation.target
            && revocation.key < self.key
            && self.key < *key
            && !revocation.revokes(&self.key, self.actor)
    }
}

impl Revocation {
    /// True where it revokes who authored the event with this place and actor.
    fn revokes(&self, key: &OrderKey, actor: Actor) -> bool {
        match self.target {
            Thing::Broker(id) => key.broker == id,
            Thing::Admin(id) => actor == Actor::Admin(id),
            Thing::Token(id) => actor == Actor::Token(id),
            // Hosts and gateways author nothing.
            _ => false,
        }
    }
}

fn has(frontier: &Frontier, reference: &EventRef) -> bool {
    let EventRef { feed, seq, .. }: &EventRef = reference;
    let feed: &Feed = feed;
    frontier.contains(feed, *seq)
}
