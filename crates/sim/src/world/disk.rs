//! A broker's disk: the log that is on it, what is on the way to it, and what it can do wrong.

use hostler_events::{EventRef, StoredEvent};
use hostler_log::{EventLog, LogError, MemoryLog, Write};
use std::collections::VecDeque;

/// Copies that are kept of one disk.
const SNAPSHOTS: usize = 8;

/// A disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) log: MemoryLog,
    /// Written, not synced, in order.
    waiting: VecDeque<(u64, Vec<StoredEvent>)>,
    /// So many of these are being synced.
    syncing: usize,
    pub(crate) full: bool,
    /// The next sync fails; and whether what it was to bring to the disk is there all the same.
    pub(crate) fails: Option<bool>,
    pub(crate) slow_ms: u64,
    pub(crate) snapshots: VecDeque<MemoryLog>,
}

impl Disk {
    pub(crate) fn new(log: MemoryLog) -> Self {
        Self { log, ..Self::default() }
    }

    /// The event, where it is on the disk.
    pub(crate) fn event(&self, event: &EventRef) -> Option<StoredEvent> {
        let found = self.log.read(event.feed, event.seq, 1).unwrap_or_default();
        found.into_iter().find(|e| e.reference() == *event)
    }

    /// Takes events in. True where a sync has to begin.
    pub(crate) fn write(&mut self, batch: u64, events: Vec<StoredEvent>) -> bool {
        self.waiting.push_back((batch, events));
        self.begins()
    }

    /// Everything that waits goes into the next sync, unless one is under way.
    pub(crate) fn begins(&mut self) -> bool {
        if self.syncing > 0 || self.waiting.is_empty() {
            return false;
        }
        self.syncing = self.waiting.len();
        true
    }

    /// The sync is through. Gives the batches that are on the disk now.
    pub(crate) fn synced(&mut self) -> Result<Vec<(u64, Vec<StoredEvent>)>, LogError> {
        let count = std::mem::take(&mut self.syncing).min(self.waiting.len());
        let batches: Vec<_> = self.waiting.drain(..count).collect();
        if self.full {
            return Err(LogError::Full("the disk is full".into()));
        }
        let kept = self.fails.take();
        if kept != Some(false) {
            let writes: Vec<Write> = batches.iter().map(|(_, events)| Write::Events(events.clone())).collect();
            self.log.commit(&writes)?.into_iter().collect::<Result<Vec<()>, _>>()?;
        }
        if kept.is_some() { Err(LogError::Io("the disk says that it failed".into())) } else { Ok(batches) }
    }

    /// How many writes are on their way.
    pub(crate) fn on_the_way(&self) -> usize {
        self.waiting.len()
    }

    /// The power is gone. Of what was on its way, the first `reached` writes have got to the disk; one that was torn
    /// counts as lost, as the recovery drops it.
    pub(crate) fn lose_power(&mut self, reached: usize) {
        let reached = if self.full { 0 } else { reached };
        for (_, events) in self.waiting.drain(..).take(reached) {
            // What does not go on with its feed would have been refused in life as well.
            let _ = self.log.append(&events);
        }
        self.waiting.clear();
        self.syncing = 0;
    }

    pub(crate) fn snapshot(&mut self) {
        if self.snapshots.len() < SNAPSHOTS {
            self.snapshots.push_back(self.log.clone());
        }
    }

    /// Half of the log: each feed up to the middle. What a copy from long ago would be.
    pub(crate) fn half(&self) -> MemoryLog {
        let mut events = Vec::new();
        let _ = self.log.scan(&mut |event| {
            events.push(event);
            std::ops::ControlFlow::Continue(())
        });
        events.sort_by_key(|e| (e.header().hlc, e.header().feed, e.header().seq));
        events.truncate(events.len().div_ceil(2));
        let mut log = MemoryLog::new();
        for event in events {
            // By time each feed is in order, and an event whose predecessor is missing is refused.
            let _ = log.append(std::slice::from_ref(&event));
        }
        log
    }
}
