//! What is on the disk at a start: all events, and the views of a while ago, if they are of use.

use hostler_log::{Checkpoint, LogError};
use hostler_log_rocks::RocksReader;
use hostler_views::{Loaded, SavedViews};
use std::sync::Arc;
use tracing::{info, warn};

/// What is on the disk at a start.
pub(crate) struct Stored {
    pub(crate) events: Vec<Arc<Loaded>>,
    pub(crate) saved: Option<SavedViews>,
}

impl Stored {
    /// Reads it. Views that are of no use are passed over: everything can be folded again.
    pub(crate) fn read(reader: &RocksReader) -> Result<Self, LogError> {
        let saved = saved(reader);
        let events = reader.collect(|event| Arc::new(Loaded::take(event)))?;
        info!(events = events.len(), covered = saved.as_ref().map_or(0, SavedViews::events), "log read");
        Ok(Self { events, saved })
    }
}

/// The latest views that this program can go on from.
fn saved(reader: &RocksReader) -> Option<SavedViews> {
    let ids = match reader.checkpoint_ids() {
        Ok(ids) => ids,
        Err(error) => {
            warn!(%error, "no checkpoint can be read; everything is folded again");
            return None;
        }
    };
    ids.into_iter().rev().find_map(|id| {
        let checkpoint = match reader.checkpoint(id) {
            Ok(checkpoint) => checkpoint?,
            Err(error) => {
                warn!(id, %error, "a checkpoint can't be read and is passed over");
                return None;
            }
        };
        match SavedViews::decode(&checkpoint.bytes) {
            Ok(saved) => Some(saved),
            Err(error) => {
                warn!(id, %error, "a checkpoint is passed over");
                None
            }
        }
    })
}

/// The stored form of views, numbered by how many events they cover.
pub(crate) fn checkpoint(saved: &SavedViews) -> Option<Checkpoint> {
    match saved.encode() {
        Ok(bytes) => Some(Checkpoint { id: saved.events(), bytes: bytes.into() }),
        Err(error) => {
            warn!(%error, "the views can't be written; the next start takes longer");
            None
        }
    }
}
