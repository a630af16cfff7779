//! The events of other branches of forked feeds: on the disk among the small values, and all of them in memory.

use super::{RocksReader, STATE, corrupt, parse, unreadable};
use crate::key;
use bytes::Bytes;
use hostler_events::StoredEvent;
use hostler_log::{Branches, LogError};
use std::sync::{PoisonError, RwLockReadGuard};

impl RocksReader {
    /// The events of other branches than the one that came first.
    pub(crate) fn branches(&self) -> RwLockReadGuard<'_, Branches> {
        self.0.branches.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add_branches(&self, events: Vec<StoredEvent>) {
        let mut branches = self.0.branches.write().unwrap_or_else(PoisonError::into_inner);
        events.into_iter().for_each(|event| branches.insert(event));
    }

    /// Reads the events of other branches.
    pub(super) fn find_branches(&self) -> Result<Vec<StoredEvent>, LogError> {
        let what = || "a branch of a feed".to_owned();
        let mut found = Vec::new();
        let mut iterator = self.0.db.raw_iterator_cf(self.family(STATE)?);
        iterator.seek(key::BRANCH_PREFIX);
        while let Some((key, value)) = iterator.item().filter(|(key, _)| key.starts_with(key::BRANCH_PREFIX)) {
            let Some((feed, seq)) = key::read_branch(key) else {
                return Err(LogError::Unreadable { what: what(), why: "a key has a wrong length".into() });
            };
            let event = parse(Bytes::copy_from_slice(value), feed, seq)?;
            if key != key::write_branch(&event.reference()) {
                return Err(corrupt(feed, seq, "its hash is not that of its key"));
            }
            found.push(event);
            iterator.next();
        }
        iterator.status().map_err(|error| unreadable(what(), &error))?;
        Ok(found)
    }
}
