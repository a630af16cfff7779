//! What this broker knows of the others beside their events: how far they are behind, and what their clocks say.

use super::Node;
use hostler_events::{Event, Frontier};
use hostler_model::{BrokerId, Feed, Mono, Wall};
use hostler_views::Lane;

/// How far a broker is behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lag {
    /// Events that it lacks.
    pub events: u64,
    /// How old the oldest of them is, in ms; of this broker's own lag, for how long there has been one.
    pub ms: u64,
}

impl Node {
    /// How far a peer is behind this broker's disk, by what it said last. `None` where it has not said anything.
    #[must_use]
    pub fn peer_lag(&self, peer: BrokerId, now: Wall) -> Option<Lag> {
        let peer = self.peers.get(&peer)?;
        let heads = peer.heads.as_ref()?;
        let mut lag = Lag::default();
        for (feed, (seq, _)) in &self.replica.durable.0 {
            let has = place(&heads.durable, feed).max(place(&peer.stored, feed));
            if *seq > has {
                lag.events += seq - has;
                let first = self.replica.views.timelines().find_map(|(_, t)| t.find(*feed, has + 1));
                lag.ms = lag.ms.max(first.map_or(0, |l| now.since(l.header.hlc.wall)));
            }
        }
        Some(lag)
    }

    /// How far this broker is behind what any linked peer has on its disk.
    #[must_use]
    pub fn own_lag(&self, now: Mono) -> Lag {
        let mut most = Frontier::default();
        for heads in self.peers.values().filter(|p| p.linked).filter_map(|p| p.heads.as_ref()) {
            most.join(&heads.durable);
        }
        let lacks = |(feed, (seq, _)): (&Feed, &(u64, _))| seq.saturating_sub(place(&self.replica.accepted, feed));
        let events = most.0.iter().map(lacks).sum();
        Lag { events, ms: self.behind_since.map_or(0, |since| now.since(since)) }
    }

    /// Notes since when this broker has been behind.
    pub(super) fn watch_own_lag(&mut self, now: Mono) {
        self.behind_since = match self.own_lag(now).events {
            0 => None,
            _ => self.behind_since.or(Some(now)),
        };
    }

    /// How far a peer's clock is behind this broker's, in ms, by what it said last.
    #[must_use]
    pub fn clock_behind_ms(&self, peer: BrokerId) -> Option<i64> {
        self.peers.get(&peer).filter(|p| p.heads.is_some()).map(|p| p.behind_ms)
    }

    /// Since when the master has been it, without a break: it may have begun several epochs.
    #[must_use]
    pub fn master_since(&self) -> Option<Wall> {
        let (master, _) = self.master()?;
        let entries = self.replica.views.timeline(self.site)?.entries().iter().rev();
        let effective =
            entries.filter(|e| e.lane == Lane::Applied && matches!(e.loaded.event, Some(Event::Promoted(_))));
        let own = effective.map(|e| e.loaded.header.epoch).take_while(|epoch| epoch.broker == master);
        own.last().map(|epoch| epoch.hlc.wall)
    }
}

fn place(frontier: &Frontier, feed: &Feed) -> u64 {
    frontier.0.get(feed).map_or(0, |(seq, _)| *seq)
}
