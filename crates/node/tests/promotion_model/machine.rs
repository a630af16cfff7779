//! One broker's machine: its process, its disk, and what is on the way to it.

use crate::net::{SITE, id, secret};
use hostler_events::{AuthorKey, Frontier, Hash, StoredEvent};
use hostler_model::*;
use hostler_node::*;
use hostler_views::Loaded;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher};
use std::sync::Arc;

/// What a process wants written.
#[derive(Clone)]
pub(crate) struct Write {
    pub(crate) batch: u64,
    pub(crate) events: Vec<Arc<StoredEvent>>,
}

#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) me: u8,
    /// `None` while it is down.
    pub(crate) node: Option<Node>,
    pub(crate) disk: Vec<Arc<StoredEvent>>,
    /// Written, not synced, in this order.
    pub(crate) unsynced: VecDeque<Write>,
    pub(crate) clock_ms: u64,
    pub(crate) starts: u8,
    /// What it stands for in the fingerprint of a state.
    pub(crate) essence: u64,
    /// Digest of its views, and what of its timeline is wrong.
    pub(crate) folded: Frontier,
    pub(crate) digest: Hash,
    pub(crate) wrong: Option<String>,
}

impl Machine {
    pub(crate) fn new(me: u8, disk: Vec<Arc<StoredEvent>>, clock_ms: u64) -> Self {
        let (digest, unsynced) = (Hash::ZERO, VecDeque::new());
        let folded = Frontier::default();
        Self { me, node: None, disk, unsynced, clock_ms, starts: 0, essence: 0, folded, digest, wrong: None }
    }

    pub(crate) fn now(&self) -> Now {
        Now { wall: Wall(self.clock_ms), mono: Mono(self.clock_ms) }
    }

    /// Starts the process on what is on the disk.
    pub(crate) fn start(&mut self, fault: Option<Fault>) {
        self.starts += 1;
        let me = id(self.me);
        let own = self.disk.iter().map(|e| e.header().feed).filter(|f| f.broker == me).map(|f| f.incarnation);
        let config = NodeConfig {
            me,
            site: SITE,
            key: AuthorKey::from_secret(&secret(self.me)),
            trusted: vec![(id(1), AuthorKey::from_secret(&secret(1)).public())],
            incarnation: own.max().unwrap_or(Incarnation { ordinal: 1, random: u64::from(self.me) }),
            seed: [self.me.wrapping_mul(31).wrapping_add(self.starts); 32],
            unread: Vec::new(),
        };
        let events = self.disk.iter().map(|e| Arc::new(Loaded::new(e))).collect();
        let mut node = Node::new(config, events, self.now());
        node.judge_by_links();
        if let Some(fault) = fault {
            node.plant(fault);
        }
        self.node = Some(node);
    }

    /// After every step: what it stands for. `exact` where the order of the disk matters, as parts of it may get lost.
    pub(crate) fn note(&mut self, exact: bool) {
        let mut hasher = DefaultHasher::new();
        (self.me, self.clock_ms, self.starts, self.node.is_some()).hash(&mut hasher);
        if let Some(node) = &self.node {
            node.essence(self.now(), &mut hasher);
        }
        for write in &self.unsynced {
            write.events.iter().for_each(|e| e.hash().hash(&mut hasher));
            0.hash(&mut hasher);
        }
        if exact || self.node.is_none() {
            self.disk.iter().for_each(|e| e.hash().hash(&mut hasher));
        }
        self.essence = hasher.finish();
    }
}
