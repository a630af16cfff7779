//! What every log can do.

use crate::{Checkpoint, LogError, StateKey, Write};
use bytes::Bytes;
use hostler_events::{Frontier, StoredEvent};
use hostler_model::Feed;
use std::ops::ControlFlow;

/// An append-only log of events, with checkpoints of the views and a few small values beside it. It keeps each feed
/// whole: no gap, and each event names the hash of the one before. Where a feed has forked, the log keeps all its
/// branches. Signatures are checked by whoever hands events in.
pub trait EventLog: Send {
    /// Makes several things durable with one sync, in order, and says for each whether it was taken. A batch that is
    /// refused changes nothing and doesn't hinder the others. What counts as acceptable is written in
    /// [`Group`](crate::Group).
    ///
    /// # Errors
    /// Where the disk fails. Then nobody knows what of it is on the disk; the log refuses everything afterwards, and
    /// the process should end.
    fn commit(&mut self, writes: &[Write]) -> Result<Vec<Result<(), LogError>>, LogError>;

    /// The head of every feed; where it has forked, of the branch that came first.
    fn heads(&self) -> Frontier;

    /// A feed's events from a place on, in order: at least one, if there is one, and as many more as fit into
    /// `max_bytes` and [`limits::READ_BYTES`](crate::limits::READ_BYTES). Of a feed that has forked, all events in a
    /// place are behind one another, whatever branch they belong to.
    ///
    /// # Errors
    /// Where the disk fails or what it holds is damaged.
    fn read(&self, feed: Feed, from_seq: u64, max_bytes: usize) -> Result<Vec<StoredEvent>, LogError>;

    /// Hands over all events in the order of feed and place, until it is told to stop; after them, in that order as
    /// well, those of other branches than the one that came first. So every event comes after the one before it.
    ///
    /// # Errors
    /// Where the disk fails or what it holds is damaged.
    fn scan(&self, each: &mut dyn FnMut(StoredEvent) -> ControlFlow<()>) -> Result<(), LogError>;

    /// The numbers of the stored checkpoints, upwards: the last [`limits::CHECKPOINTS`](crate::limits::CHECKPOINTS).
    ///
    /// # Errors
    /// Where the disk fails.
    fn checkpoint_ids(&self) -> Result<Vec<u64>, LogError>;

    /// The checkpoint with this number, if it is still stored.
    ///
    /// # Errors
    /// Where the disk fails.
    fn checkpoint(&self, id: u64) -> Result<Option<Checkpoint>, LogError>;

    /// A small durable value.
    ///
    /// # Errors
    /// Where the disk fails.
    fn get_state(&self, key: StateKey) -> Result<Option<Bytes>, LogError>;

    /// Appends events; they are durable when it returns. Events that are there already are passed over.
    ///
    /// # Errors
    /// Where an event does not continue its feed or the disk fails. Nothing of the batch is stored then.
    fn append(&mut self, batch: &[StoredEvent]) -> Result<(), LogError> {
        only(self.commit(&[Write::Events(batch.to_vec())]))
    }

    /// Stores a checkpoint; it is durable when it returns. The oldest ones beyond the limit go.
    ///
    /// # Errors
    /// Where it is too large or older than the latest, or the disk fails.
    fn put_checkpoint(&mut self, checkpoint: Checkpoint) -> Result<(), LogError> {
        only(self.commit(&[Write::Checkpoint(checkpoint)]))
    }

    /// Stores a small value in place of the one before; it is durable when it returns.
    ///
    /// # Errors
    /// Where it is too large or the disk fails.
    fn put_state(&mut self, key: StateKey, bytes: Bytes) -> Result<(), LogError> {
        only(self.commit(&[Write::State(key, bytes)]))
    }

    /// The latest checkpoint.
    ///
    /// # Errors
    /// Where the disk fails.
    fn latest_checkpoint(&self) -> Result<Option<Checkpoint>, LogError> {
        match self.checkpoint_ids()?.last() {
            Some(id) => self.checkpoint(*id),
            None => Ok(None),
        }
    }

    /// How many events there are.
    fn count(&self) -> u64 {
        // Feeds have no gaps and begin at 1.
        self.heads().0.values().map(|(seq, _)| seq).sum::<u64>() + self.branch_count()
    }

    /// How many events there are of other branches than the one that came first.
    fn branch_count(&self) -> u64;
}

/// The verdict on the only thing that was committed.
fn only(verdicts: Result<Vec<Result<(), LogError>>, LogError>) -> Result<(), LogError> {
    verdicts?.into_iter().collect()
}
