//! Which writes a log takes: the one place for the rules that every log keeps.

use crate::{Branches, Checkpoint, LogError, StateKey, limits};
use hostler_events::{EventRef, Frontier, Hash, StoredEvent};
use hostler_model::Feed;
use std::collections::{BTreeMap, BTreeSet};

/// Judges the writes of one commit, each after those before it, without storing anything: the log stores what passed,
/// with one sync, and then takes over [`Group::into_heads`].
///
/// An event is taken if it is the next of its feed and names the hash of the one before. One that is already there,
/// also earlier in the same commit, is passed over. One that follows a known event whose place behind it is taken begins
/// or continues another branch of its feed, and is taken as such. A batch with any other event is refused as a whole.
#[derive(Debug)]
pub struct Group<'a> {
    heads: &'a Frontier,
    branches: &'a Branches,
    latest_checkpoint: Option<u64>,
    /// What was taken in this commit so far.
    taken: Staged,
}

/// The events of a batch that have to be stored.
#[derive(Debug, Default)]
pub struct Taken<'b> {
    /// Those that continue their feed.
    pub next: Vec<&'b StoredEvent>,
    /// Those of other branches.
    pub branches: Vec<&'b StoredEvent>,
}

#[derive(Debug, Default)]
struct Staged {
    heads: BTreeMap<Feed, (u64, Hash)>,
    hashes: BTreeMap<(Feed, u64), Hash>,
    branches: BTreeSet<EventRef>,
    branch_bytes: usize,
    new_feeds: usize,
}

impl<'a> Group<'a> {
    /// For a log with these heads, these other branches and this latest checkpoint.
    #[must_use]
    pub fn new(heads: &'a Frontier, branches: &'a Branches, latest_checkpoint: Option<u64>) -> Self {
        Self { heads, branches, latest_checkpoint, taken: Staged::default() }
    }

    /// Judges a batch, and names the events of it that have to be stored. `stored_hash` tells the hash of an event
    /// that is stored, of the branch that came first.
    ///
    /// # Errors
    /// Where the batch is refused, or what `stored_hash` says.
    pub fn take_events<'b>(
        &mut self,
        batch: &'b [StoredEvent],
        stored_hash: impl Fn(Feed, u64) -> Result<Hash, LogError>,
    ) -> Result<Taken<'b>, LogError> {
        let bytes = batch.iter().map(|event| event.bytes().len()).sum();
        if batch.len() > limits::GROUP_EVENTS || bytes > limits::GROUP_BYTES {
            return Err(LogError::BatchTooLarge { events: batch.len(), bytes });
        }
        // Kept apart from what was taken before, so that a refused batch leaves no trace.
        let mut staged = Staged::default();
        let mut new = Taken::default();
        for event in batch {
            let got = event.reference();
            let head = self.head(&staged, &got.feed);
            let (last, last_hash) = head.unwrap_or((0, Hash::ZERO));
            if got.seq == 0 {
                return Err(LogError::Malformed { event: got, why: "places begin at 1" });
            }
            let previous = event.header().previous;
            // No overflow where it counts: another place than the next one is not the next.
            if got.seq != last.saturating_add(1) || previous != last_hash {
                if self.is_known(&staged, &got, last, &stored_hash)? {
                    continue;
                }
                self.follows(&staged, event, (last, last_hash), &stored_hash)?;
                staged.branch_bytes += event.bytes().len();
                if self.branches.bytes() + self.taken.branch_bytes + staged.branch_bytes > limits::BRANCH_BYTES {
                    return Err(LogError::TooManyBranches(got.feed));
                }
                staged.branches.insert(got);
                new.branches.push(event);
                continue;
            }
            if head.is_none() {
                staged.new_feeds += 1;
                if self.heads.0.len() + self.taken.new_feeds + staged.new_feeds > limits::FEEDS {
                    return Err(LogError::TooManyFeeds(got.feed));
                }
            }
            staged.heads.insert(got.feed, (got.seq, got.hash));
            staged.hashes.insert((got.feed, got.seq), got.hash);
            new.next.push(event);
        }
        self.taken.heads.append(&mut staged.heads);
        self.taken.hashes.append(&mut staged.hashes);
        self.taken.branches.append(&mut staged.branches);
        self.taken.branch_bytes += staged.branch_bytes;
        self.taken.new_feeds += staged.new_feeds;
        Ok(new)
    }

    /// True where an event is there already, in whatever branch. `last` is the last place of the branch that came first.
    fn is_known(
        &self,
        staged: &Staged,
        event: &EventRef,
        last: u64,
        stored_hash: impl Fn(Feed, u64) -> Result<Hash, LogError>,
    ) -> Result<bool, LogError> {
        if self.branches.contains(event) || self.taken.branches.contains(event) || staged.branches.contains(event) {
            return Ok(true);
        }
        Ok((1..=last).contains(&event.seq) && self.hash_at(staged, event.feed, event.seq, stored_hash)? == event.hash)
    }

    /// Fails where an event follows none that is known. `head` is the last of the branch that came first.
    fn follows(
        &self,
        staged: &Staged,
        event: &StoredEvent,
        head: (u64, Hash),
        stored_hash: impl Fn(Feed, u64) -> Result<Hash, LogError>,
    ) -> Result<(), LogError> {
        let (got, previous, (last, last_hash)) = (event.reference(), event.header().previous, head);
        if last == 0 && got.seq == 1 {
            return Err(LogError::Malformed { event: got, why: "it is a first event and names one before it" });
        }
        let before = EventRef { seq: got.seq - 1, hash: previous, ..got };
        if before.seq == 0 && previous == Hash::ZERO || self.is_known(staged, &before, last, &stored_hash)? {
            return Ok(());
        }
        if got.seq > last + 1 {
            return Err(LogError::Gap { feed: got.feed, have: last, got: got.seq });
        }
        Err(if got.seq == last + 1 {
            LogError::Fork { feed: got.feed, seq: last, have: last_hash, got: previous }
        } else {
            let have = self.hash_at(staged, got.feed, got.seq, stored_hash)?;
            LogError::Fork { feed: got.feed, seq: got.seq, have, got: got.hash }
        })
    }

    /// The hash of an event of the branch that came first.
    fn hash_at(
        &self,
        staged: &Staged,
        feed: Feed,
        seq: u64,
        stored_hash: impl Fn(Feed, u64) -> Result<Hash, LogError>,
    ) -> Result<Hash, LogError> {
        let place = (feed, seq);
        let taken = staged.hashes.get(&place).or_else(|| self.taken.hashes.get(&place)).copied();
        let head = || self.head(staged, &feed).filter(|(last, _)| *last == seq).map(|(_, hash)| hash);
        taken.or_else(head).map_or_else(|| stored_hash(feed, seq), Ok)
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
