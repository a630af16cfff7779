//! Which writes a log takes: the one place for the rules that every log keeps.

use crate::{Checkpoint, LogError, StateKey, limits};
use hostler_events::{Frontier, Hash, StoredEvent};
use hostler_model::Feed;
use std::collections::BTreeMap;

/// Judges the writes of one commit, each after those before it, without storing anything: the log stores what passed,
/// with one sync, and then takes over [`Group::into_heads`].
///
/// An event is taken if it is the next of its feed and names the hash of the one before. One that is already there,
/// also earlier in the same commit, is passed over. A batch with any other event is refused as a whole.
#[derive(Debug)]
pub struct Group<'a> {
    heads: &'a Frontier,
    latest_checkpoint: Option<u64>,
    /// What was taken in this commit so far.
    taken: Staged,
}

#[derive(Debug, Default)]
struct Staged {
    heads: BTreeMap<Feed, (u64, Hash)>,
    hashes: BTreeMap<(Feed, u64), Hash>,
    new_feeds: usize,
}

impl<'a> Group<'a> {
    /// For a log with these heads and this latest checkpoint.
    #[must_use]
    pub fn new(heads: &'a Frontier, latest_checkpoint: Option<u64>) -> Self {
        Self { heads, latest_checkpoint, taken: Staged::default() }
    }

    /// Judges a batch, and names the events of it that have to be stored. `stored_hash` tells the hash of an event
    /// that is stored.
    ///
    /// # Errors
    /// Where the batch is refused, or what `stored_hash` says.
    pub fn take_events<'b>(
        &mut self,
        batch: &'b [StoredEvent],
        stored_hash: impl Fn(Feed, u64) -> Result<Hash, LogError>,
    ) -> Result<Vec<&'b StoredEvent>, LogError> {
        let bytes = batch.iter().map(|event| event.bytes().len()).sum();
        if batch.len() > limits::GROUP_EVENTS || bytes > limits::GROUP_BYTES {
            return Err(LogError::BatchTooLarge { events: batch.len(), bytes });
        }
        // Kept apart from what was taken before, so that a refused batch leaves no trace.
        let mut staged = Staged::default();
        let mut new = Vec::with_capacity(batch.len());
        for event in batch {
            let got = event.reference();
            let head = self.head(&staged, &got.feed);
            let (last, last_hash) = head.unwrap_or((0, Hash::ZERO));
            if got.seq == 0 {
                return Err(LogError::Malformed { event: got, why: "places begin at 1" });
            }
            if got.seq <= last {
                let place = (got.feed, got.seq);
                let taken = staged.hashes.get(&place).or_else(|| self.taken.hashes.get(&place));
                let hash = match taken {
                    Some(hash) => *hash,
                    None if got.seq == last => last_hash,
                    None => stored_hash(got.feed, got.seq)?,
                };
                if hash != got.hash {
                    return Err(LogError::Fork { feed: got.feed, seq: got.seq, have: hash, got: got.hash });
                }
                continue;
            }
            // No overflow: the place is greater than the last one.
            if got.seq != last + 1 {
                return Err(LogError::Gap { feed: got.feed, have: last, got: got.seq });
            }
            let previous = event.header().previous;
            if previous != last_hash {
                if last == 0 {
                    return Err(LogError::Malformed { event: got, why: "it is a first event and names one before it" });
                }
                return Err(LogError::Fork { feed: got.feed, seq: last, have: last_hash, got: previous });
            }
            if head.is_none() {
                staged.new_feeds += 1;
                if self.heads.0.len() + self.taken.new_feeds + staged.new_feeds > limits::FEEDS {
                    return Err(LogError::TooManyFeeds(got.feed));
                }
            }
            staged.heads.insert(got.feed, (got.seq, got.hash));
            staged.hashes.insert((got.feed, got.seq), got.hash);
            new.push(event);
        }
        self.taken.heads.append(&mut staged.heads);
        self.taken.hashes.append(&mut staged.hashes);
        self.taken.new_feeds += staged.new_feeds;
        Ok(new)
    }

    /// Judges a checkpoint. One with the latest's number takes its place.
    ///
    /// # Errors
    /// Where it is refused.
    pub fn take_checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<(), LogError> {
        check_size(|| format!("checkpoint {}", checkpoint.id), checkpoint.bytes.len(), limits::CHECKPOINT_BYTES)?;
        match self.latest_checkpoint {
            Some(have) if have > checkpoint.id => Err(LogError::CheckpointOrder { have, got: checkpoint.id }),
            _ => {
                self.latest_checkpoint = Some(checkpoint.id);
                Ok(())
            }
        }
    }

    /// Judges a small value.
    ///
    /// # Errors
    /// Where it is refused.
    pub fn take_state(&self, key: StateKey, bytes: &[u8]) -> Result<(), LogError> {
        check_size(|| format!("the value {key}"), bytes.len(), limits::STATE_BYTES)
    }

    /// The heads that changed by what was taken.
    #[must_use]
    pub fn into_heads(self) -> BTreeMap<Feed, (u64, Hash)> {
        self.taken.heads
    }

    fn head(&self, staged: &Staged, feed: &Feed) -> Option<(u64, Hash)> {
        staged.heads.get(feed).or_else(|| self.taken.heads.get(feed)).or_else(|| self.heads.0.get(feed)).copied()
    }
}

fn check_size(what: impl Fn() -> String, bytes: usize, limit: usize) -> Result<(), LogError> {
    if bytes > limit { Err(LogError::TooLarge { what: what(), bytes, limit }) } else { Ok(()) }
}
