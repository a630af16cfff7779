//! A broker's machine: its disk, its clocks, and its process where one runs.

use super::clock::Clock;
use super::disk::Disk;
use super::seats::Walk;
use hostler_brokering::{CatalogKeeper, serving};
use hostler_events::{AuthorKey, StoredEvent};
use hostler_log::EventLog;
use hostler_model::{BrokerId, Feed, HostId, Incarnation, Now, PublicKey, SiteId};
use hostler_node::{Node, NodeConfig};
use hostler_seating::Catalog;
use hostler_seating::site::Site;
use hostler_views::{Loaded, State};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

/// A broker's machine.
pub(crate) struct Machine {
    /// Its number in scenarios, from 1.
    pub(crate) number: u8,
    pub(crate) id: BrokerId,
    pub(crate) secret: [u8; 32],
    pub(crate) site: SiteId,
    pub(crate) trusted: Vec<(BrokerId, PublicKey)>,
    pub(crate) clock: Clock,
    pub(crate) disk: Disk,
    pub(crate) process: Option<Process>,
    /// How often it was started.
    pub(crate) run: u32,
    pub(crate) paused_until: u64,
    /// It never runs again: it was replaced, or was a copy.
    pub(crate) gone: bool,
    /// A second one on a copy of this one's disk.
    pub(crate) is_twin: bool,
    /// Its program can't read seals.
    pub(crate) older: bool,
    /// How much longer all takes that goes from or to it.
    pub(crate) slow_links_ms: u64,
}

/// A broker's process.
pub(crate) struct Process {
    pub(crate) node: Node,
    pub(crate) seating: Site,
    pub(crate) wake_ms: Option<u64>,
    /// How many events the catalog was made of.
    pub(crate) folded: usize,
    pub(crate) catalog: Arc<Catalog>,
    keeper: CatalogKeeper,
    pub(crate) dirty: bool,
    /// The brokers that take work now.
    pub(crate) serving: Vec<BrokerId>,
    /// The members of all sites: whose keys are accepted.
    pub(crate) members: BTreeSet<BrokerId>,
    pub(crate) walks: BTreeMap<u64, Walk>,
    /// Whom a seat is for that the seating machine looks for.
    pub(crate) tokens: BTreeMap<u64, Asker>,
    pub(crate) next: u64,
    pub(crate) disabled_since: Option<u64>,
}

/// Who asked the seating machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asker {
    /// A gateway of this broker.
    Walk(u64),
    /// Another broker, by its own number for it, over the link with this number. A later link may lead to a later life of
    /// that broker, which gives the same numbers to other questions.
    Peer(usize, u64, u64),
}

impl Machine {
    pub(crate) fn new(
        number: u8,
        id: BrokerId,
        secret: [u8; 32],
        site: SiteId,
        trusted: Vec<(BrokerId, PublicKey)>,
        clock: Clock,
        disk: Disk,
    ) -> Self {
        Self {
            number,
            id,
            secret,
            site,
            trusted,
            clock,
            disk,
            process: None,
            run: 0,
            paused_until: 0,
            gone: false,
            is_twin: false,
            older: false,
            slow_links_ms: 0,
        }
    }

    pub(crate) fn now(&self, at_ms: u64) -> Now {
        self.clock.now(at_ms)
    }

    /// For timelines.
    pub(crate) fn name(&self) -> String {
        format!("b{}{}", self.number, if self.is_twin { "'" } else { "" })
    }

    /// Starts its process on what is on the disk.
    pub(crate) fn start(&mut self, at_ms: u64, seed: [u8; 32], planted: Option<crate::Planted>) {
        self.run += 1;
        let mut events: Vec<StoredEvent> = Vec::new();
        let _ = self.disk.log.scan(&mut |event| {
            events.push(event);
            ControlFlow::Continue(())
        });
        let own = events.iter().map(|e| e.header().feed).filter(|f: &Feed| f.broker == self.id).map(|f| f.incarnation);
        // What a planned promotion writes first is what the older program has never heard of.
        let unread: Vec<u16> =
            hostler_events::kind_named("sealed").filter(|_| self.older).map(|k| k.id).into_iter().collect();
        let random = u64::from_le_bytes(seed[..8].try_into().unwrap_or_default());
        let config = NodeConfig {
            me: self.id,
            site: self.site,
            key: AuthorKey::from_secret(&self.secret),
            trusted: self.trusted.clone(),
            incarnation: own.max().unwrap_or(Incarnation { ordinal: 1, random }),
            seed,
            unread: unread.clone(),
        };
        let loaded = events.iter().map(|e| Arc::new(Loaded::read(e, &unread))).collect();
        let mut node = Node::new(config, loaded, self.now(at_ms));
        let mut seating = Site::new(self.id, seed);
        crate::planted::plant(planted, &mut node, &mut seating);
        self.process = Some(Process {
            node,
            seating,
            wake_ms: None,
            folded: usize::MAX,
            catalog: Arc::default(),
            keeper: CatalogKeeper::default(),
            dirty: true,
            serving: Vec::new(),
            members: BTreeSet::new(),
            walks: BTreeMap::new(),
            tokens: BTreeMap::new(),
            next: 0,
            disabled_since: None,
        });
    }
}

impl Process {
    pub(crate) fn state(&self, site: SiteId) -> Option<&State> {
        self.node.views().site(site)
    }

    /// Looks at the views again. True where seating has to know.
    pub(crate) fn refresh(&mut self, me: BrokerId, site: SiteId, at_ms: u64) -> bool {
        self.dirty = false;
        let timelines = || self.node.views().timelines();
        let folded = timelines().map(|(_, t)| t.entries().len()).sum();
        let alive = self.node.alive();
        let state = self.node.views().site(site);
        self.serving = match state {
            Some(state) if self.node.removal().is_none() => serving(state, &alive),
            _ => Vec::new(),
        };
        let disabled = state.and_then(|s| s.brokers.get(&me)).is_some_and(|b| !b.enabled);
        self.disabled_since = if disabled { self.disabled_since.or(Some(at_ms)) } else { None };
        let members = timelines().flat_map(|(_, t)| t.state().order.iter().copied());
        self.members = members.chain(self.node.held_brokers().map(|(id, _, _)| id)).collect();
        if folded == self.folded {
            return false;
        }
        self.folded = folded;
        let Some(state) = self.node.views().site(site) else { return false };
        let fresh = self.keeper.follow(&Arc::new(state.clone()));
        if fresh == *self.catalog {
            return false;
        }
        self.catalog = Arc::new(fresh);
        true
    }

    /// What the farm wants of a host.
    pub(crate) fn settings(&self, host: HostId) -> Option<(bool, Option<u32>, Option<u32>)> {
        let host = self.catalog.hosts.get(&host)?;
        Some((host.draining, host.hard_cap, host.logon_slots))
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}
