//! All of the farm at one moment: three machines and what is under way between them.

use crate::machine::Machine;
use hostler_events::{Hash, codec};
use hostler_model::BrokerId;
use hostler_node::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher};
use std::sync::Arc;

/// A message under way.
pub(crate) struct Envelope {
    pub(crate) from: u8,
    pub(crate) to: u8,
    pub(crate) message: Message,
    pub(crate) print: u64,
}

impl Envelope {
    pub(crate) fn new(from: u8, to: u8, message: Message) -> Self {
        let mut hasher = DefaultHasher::new();
        (from, to, codec::encode(&message).unwrap()).hash(&mut hasher);
        Self { from, to, message, print: hasher.finish() }
    }
}

/// What has happened of each kind that is bounded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Used {
    pub(crate) times: u8,
    pub(crate) time_of: [u8; 3],
    pub(crate) exchanges: u8,
    pub(crate) crashes: u8,
    pub(crate) restores: u8,
    pub(crate) duplicates: u8,
    pub(crate) forced: [u8; 3],
    pub(crate) orders: u8,
    pub(crate) changes: u8,
    pub(crate) planned: u8,
}

/// What can't be taken back, whatever becomes of the machines.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct History {
    /// For whom a broker voted at a number, as others have it from it.
    pub(crate) votes: BTreeMap<(BrokerId, u64), BTreeSet<BrokerId>>,
    /// Automatic promotions by number, as they are on their author's disk.
    pub(crate) automatic: BTreeMap<u64, BTreeSet<Hash>>,
    pub(crate) alarms: BTreeSet<&'static str>,
}

#[derive(Clone)]
pub(crate) struct State {
    pub(crate) machines: [Arc<Machine>; 3],
    /// Sorted; the same message may be there twice.
    pub(crate) network: Vec<Arc<Envelope>>,
    pub(crate) used: Used,
    pub(crate) history: Arc<History>,
    /// The highest number of any epoch or vote.
    pub(crate) highest: u64,
}

impl State {
    pub(crate) fn same_machines(&self, other: &Self) -> bool {
        self.machines.iter().zip(&other.machines).all(|(a, b)| a.essence == b.essence)
    }

    fn essence(&self) -> impl Eq + std::hash::Hash + use<> {
        let machines = self.machines.each_ref().map(|m| m.essence);
        let network: Vec<u64> = self.network.iter().map(|e| e.print).collect();
        (machines, network, self.used, self.history.clone())
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.essence() == other.essence()
    }
}

impl Eq for State {}

impl std::hash::Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.essence().hash(state);
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for m in &self.machines {
            let master = m.node.as_ref().map(|n| n.master().map(|(b, e)| (b.0[0], e.n)));
            write!(f, "b{}: t={} disk={} unsynced={} ", m.me, m.clock_ms, m.disk.len(), m.unsynced.len())?;
            match master {
                Some(master) => writeln!(f, "master {master:?}{}", m.wrong.as_deref().unwrap_or_default())?,
                None => writeln!(f, "down")?,
            }
        }
        for e in &self.network {
            writeln!(f, "  {}→{} {}", e.from, e.to, name(&e.message))?;
        }
        write!(f, "  {:?}", self.history)
    }
}

pub(crate) fn name(message: &Message) -> String {
    match message {
        Message::Push(bytes) | Message::Chunk(bytes) => {
            let events = bytes.iter().filter_map(|b| hostler_events::StoredEvent::parse(b.clone()).ok());
            let named = events.map(|e| {
                let h = e.header();
                let payload = match e.event() {
                    Ok(hostler_events::Event::Voted(v)) => format!("vote n={} for b{}", v.n, v.candidate.0[0]),
                    Ok(hostler_events::Event::Promoted(p)) => format!("promotion n={} {:?}", h.epoch.n, p.kind),
                    _ => format!("kind {}", h.kind),
                };
                format!("b{}.{}/{} {payload}", h.feed.broker.0[0], h.feed.incarnation.ordinal, h.seq)
            });
            format!("push [{}]", named.collect::<Vec<_>>().join(", "))
        }
        Message::Elect { n, succeeds } => format!("elect n={n} after {}", succeeds.n),
        Message::Gather { round, .. } => format!("gather {round}"),
        Message::Gathered { round, highest, .. } => format!("gathered {round} highest={highest}"),
        _ => "?".into(),
    }
}
