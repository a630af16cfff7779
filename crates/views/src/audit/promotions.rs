//! Every mastership of a site: who, since when, decided by whom, on what evidence, and what it superseded.

use crate::{Entry, Lane, Timeline};
use hostler_events::payload::{Promoted, Voted};
use hostler_events::{Actor, Event, EventRef, Frontier};
use hostler_model::{BrokerId, Epoch, Hlc};
use std::collections::BTreeMap;

/// A vote that elected a master.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vote {
    /// Who voted.
    pub broker: BrokerId,
    /// The event.
    pub event: EventRef,
    /// When.
    pub at: Hlc,
    /// How long the voter had not heard the master, in ms.
    pub silent_ms: u64,
}

/// One mastership, from its promotion on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PromotionRecord {
    /// The promotion.
    pub event: EventRef,
    /// The mastership's identity: number, time, master.
    pub epoch: Epoch,
    /// Who decided it.
    pub actor: Actor,
    /// Kind, reason, evidence, voters and the master that was lost.
    pub promoted: Promoted,
    /// Whether it is effective.
    pub lane: Lane,
    /// The highest mastership that its author knew; none for a site's first.
    pub parent: Option<Epoch>,
    /// The seal by which the former master made way.
    pub seal: Option<EventRef>,
    /// The votes that elected it, where it is automatic.
    pub votes: Vec<Vote>,
    /// Where the master went on in a new incarnation.
    pub resumes: Vec<EventRef>,
    /// The events that it, or a resume of it, superseded, in their order.
    pub superseded: Vec<EventRef>,
    /// What its author had seen.
    pub frontier: Frontier,
}

/// Every mastership of a site, by epoch.
#[must_use]
pub fn promotions(timeline: &Timeline) -> Vec<PromotionRecord> {
    let mut found: BTreeMap<Epoch, PromotionRecord> = BTreeMap::new();
    for entry in timeline.entries() {
        if let Some(Event::Promoted(promoted)) = &entry.loaded.event {
            let record = record(entry, promoted.clone());
            found.insert(record.epoch, record);
        }
    }
    let known: Vec<(Epoch, EventRef)> = found.values().map(|r| (r.epoch, r.event)).collect();
    for record in found.values_mut() {
        let knew = |(epoch, event): &&(Epoch, EventRef)| {
            *epoch < record.epoch && record.frontier.contains(&event.feed, event.seq)
        };
        record.parent = known.iter().rev().find(knew).map(|(epoch, _)| *epoch);
    }
    for entry in timeline.entries() {
        attach(entry, &mut found);
    }
    for entry in timeline.entries() {
        // A resume stands behind what it supersedes, so all must be known first.
        if let Lane::Superseded { by: Some(by) } = entry.lane
            && let Some(r) = found.values_mut().find(|r| r.event == by || r.resumes.contains(&by))
        {
            r.superseded.push(entry.loaded.reference);
        }
    }
    found.into_values().collect()
}

fn record(entry: &Entry, promoted: Promoted) -> PromotionRecord {
    let header = &entry.loaded.header;
    PromotionRecord {
        event: entry.loaded.reference,
        epoch: header.epoch,
        actor: header.actor,
        promoted,
        lane: entry.lane,
        parent: None,
        seal: None,
        votes: Vec::new(),
        resumes: Vec::new(),
        superseded: Vec::new(),
        frontier: header.frontier.clone().unwrap_or_default(),
    }
}

/// Puts an event to the masterships that it has to do with.
fn attach(entry: &Entry, found: &mut BTreeMap<Epoch, PromotionRecord>) {
    let (event, header) = (entry.loaded.reference, &entry.loaded.header);
    match &entry.loaded.event {
        Some(Event::Voted(voted)) => {
            let vote = vote(entry, voted);
            let elected = |r: &&mut PromotionRecord| {
                r.epoch.n == voted.n && r.epoch.broker == voted.candidate && r.frontier.contains(&event.feed, event.seq)
            };
            found.values_mut().filter(elected).for_each(|r| r.votes.push(vote.clone()));
        }
        Some(Event::Sealed(sealed)) => {
            let made_way = |r: &&mut PromotionRecord| {
                r.parent == Some(header.epoch)
                    && r.epoch.broker == sealed.successor
                    && r.frontier.contains(&event.feed, event.seq)
            };
            found.values_mut().filter(made_way).for_each(|r| r.seal = Some(event));
        }
        Some(Event::Resumed(_)) => {
            if let Some(r) = found.get_mut(&header.epoch) {
                r.resumes.push(event);
            }
        }
        _ => {}
    }
}

fn vote(entry: &Entry, voted: &Voted) -> Vote {
    let header = &entry.loaded.header;
    Vote { broker: header.feed.broker, event: entry.loaded.reference, at: header.hlc, silent_ms: voted.silent_ms }
}
