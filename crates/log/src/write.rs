//! What a log can be asked to make durable.

use crate::{Checkpoint, StateKey};
use bytes::Bytes;
use hostler_events::StoredEvent;

/// One thing to make durable. All of it is stored, or nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Write {
    /// Events, each feed's in order.
    Events(Vec<StoredEvent>),
    /// A checkpoint of the views.
    Checkpoint(Checkpoint),
    /// A small durable value.
    State(StateKey, Bytes),
}

impl Write {
    /// How many events it holds.
    #[must_use]
    pub fn event_count(&self) -> usize {
        match self {
            Self::Events(batch) => batch.len(),
            Self::Checkpoint(_) | Self::State(..) => 0,
        }
    }

    /// How many bytes it brings to the disk, keys and indexes aside.
    #[must_use]
    pub fn byte_count(&self) -> usize {
        match self {
            Self::Events(batch) => batch.iter().map(|event| event.bytes().len()).sum(),
            Self::Checkpoint(checkpoint) => checkpoint.bytes.len(),
            Self::State(_, bytes) => bytes.len(),
        }
    }
}
