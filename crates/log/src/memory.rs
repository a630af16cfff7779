//! The log in memory: for tests and the simulator.

use crate::{Branches, Checkpoint, EventLog, Group, LogError, StateKey, Write, limits};
use bytes::Bytes;
use hostler_events::{Frontier, Hash, StoredEvent};
use hostler_model::Feed;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// A log in memory. A clone of it is a snapshot that can be restored.
#[derive(Clone, Debug, Default)]
pub struct MemoryLog {
    feeds: BTreeMap<Feed, Vec<StoredEvent>>,
    heads: Frontier,
    branches: Branches,
    checkpoints: BTreeMap<u64, Bytes>,
    state: BTreeMap<StateKey, Bytes>,
}

impl MemoryLog {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn events_from(&self, feed: Feed, from_seq: u64) -> &[StoredEvent] {
        let events = self.feeds.get(&feed).map_or(&[][..], Vec::as_slice);
        // Place 1 is at index 0.
        let index = usize::try_from(from_seq.saturating_sub(1)).unwrap_or(usize::MAX);
        events.get(index..).unwrap_or(&[])
    }

    fn hash_at(&self, feed: Feed, seq: u64) -> Result<Hash, LogError> {
        self.events_from(feed, seq).first().map(StoredEvent::hash).ok_or_else(|| LogError::Corrupt {
            feed,
            seq,
            why: "it is missing".into(),
        })
    }
}

impl EventLog for MemoryLog {
    fn commit(&mut self, writes: &[Write]) -> Result<Vec<Result<(), LogError>>, LogError> {
        let mut group = Group::new(&self.heads, &self.branches, self.checkpoints.keys().next_back().copied());
        let (mut events, mut branches) = (Vec::new(), Vec::new());
        let mut taken = Vec::new();
        let verdicts = writes
            .iter()
            .map(|write| match write {
                Write::Events(batch) => {
                    let new = group.take_events(batch, |feed, seq| self.hash_at(feed, seq))?;
                    events.extend(new.next);
                    branches.extend(new.branches);
                    Ok(())
                }
                Write::Checkpoint(checkpoint) => group.take_checkpoint(checkpoint).map(|()| taken.push(write)),
                Write::State(key, bytes) => group.take_state(*key, bytes).map(|()| taken.push(write)),
            })
            .collect();
        let heads = group.into_heads();
        self.heads.0.extend(heads);
        for event in events {
            self.feeds.entry(event.header().feed).or_default().push(event.clone());
        }
        branches.into_iter().for_each(|event| self.branches.insert(event.clone()));
        for write in taken {
            match write {
                Write::Checkpoint(Checkpoint { id, bytes }) => {
                    self.checkpoints.insert(*id, bytes.clone());
                }
                Write::State(key, bytes) => {
                    self.state.insert(*key, bytes.clone());
                }
                Write::Events(_) => {}
            }
        }
        while self.checkpoints.len() > limits::CHECKPOINTS {
            self.checkpoints.pop_first();
        }
        Ok(verdicts)
    }

    fn heads(&self) -> Frontier {
        self.heads.clone()
    }

    fn read(&self, feed: Feed, from_seq: u64, max_bytes: usize) -> Result<Vec<StoredEvent>, LogError> {
        let mut room = max_bytes.min(limits::READ_BYTES);
        let mut events = Vec::new();
        let end = self.branches.end(feed).max(self.events_from(feed, 1).len() as u64);
        let in_place = |seq| self.events_from(feed, seq).first().into_iter().chain(self.branches.at(feed, seq));
        for event in (from_seq.max(1)..=end).flat_map(in_place) {
            match room.checked_sub(event.bytes().len()) {
                Some(left) => room = left,
                None if events.is_empty() => room = 0,
                None => break,
            }
            events.push(event.clone());
        }
        Ok(events)
    }

    fn scan(&self, each: &mut dyn FnMut(StoredEvent) -> ControlFlow<()>) -> Result<(), LogError> {
        let _stopped_early = self.feeds.values().flatten().chain(self.branches.iter()).cloned().try_for_each(each);
        Ok(())
    }

    fn checkpoint_ids(&self) -> Result<Vec<u64>, LogError> {
        Ok(self.checkpoints.keys().copied().collect())
    }

    fn checkpoint(&self, id: u64) -> Result<Option<Checkpoint>, LogError> {
        Ok(self.checkpoints.get(&id).map(|bytes| Checkpoint { id, bytes: bytes.clone() }))
    }

    fn get_state(&self, key: StateKey) -> Result<Option<Bytes>, LogError> {
        Ok(self.state.get(&key).cloned())
    }

    fn branch_count(&self) -> u64 {
        self.branches.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Harness};

    impl Harness for MemoryLog {
        fn log(&mut self) -> &mut dyn EventLog {
            self
        }

        fn reopen(&mut self) {
            // There is nothing but memory: a restart of the simulated process keeps it.
        }
    }

    #[test]
    fn conforms() {
        conformance::check(MemoryLog::new);
    }
}
