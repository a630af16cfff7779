//! Where feeds begin and end in the database.

use super::{EVENTS, RocksReader, broken_link, missing, parse, unreadable};
use crate::key;
use bytes::Bytes;
use hostler_events::{Frontier, Hash};
use hostler_log::LogError;
use hostler_model::Feed;

impl RocksReader {
    /// The place of a feed's first event in the database.
    pub(crate) fn first_in_database(&self, feed: Feed) -> Result<Option<u64>, LogError> {
        let mut iterator = self.0.db.raw_iterator_cf(self.family(EVENTS)?);
        iterator.seek(key::write(feed, 0));
        let found = iterator.key().and_then(key::read).filter(|(f, _)| *f == feed).map(|(_, seq)| seq);
        iterator.status().map_err(|error| unreadable(format!("the beginning of feed {feed}"), &error))?;
        Ok(found)
    }

    /// Looks up the last event of each feed, from the last feed to the first, and whether it follows the one before it.
    pub(super) fn find_heads(&self) -> Result<Frontier, LogError> {
        let what = || "the end of a feed".to_owned();
        let mut heads = Frontier::default();
        let mut iterator = self.0.db.raw_iterator_cf(self.family(EVENTS)?);
        iterator.seek_to_last();
        while let Some((key, value)) = iterator.item() {
            let Some((feed, seq)) = key::read(key) else {
                return Err(LogError::Unreadable { what: what(), why: "a key has a wrong length".into() });
            };
            let last = parse(Bytes::copy_from_slice(value), feed, seq)?;
            let before = if seq > 1 { self.hash_at(feed, seq - 1)? } else { Hash::ZERO };
            if last.header().previous != before {
                return Err(broken_link(&last));
            }
            heads.raise(feed, seq, last.hash());
            iterator.seek_for_prev(key::write(feed, 0));
        }
        iterator.status().map_err(|error| unreadable(what(), &error))?;
        for feed in self.0.archive.feeds() {
            let end = self.0.archive.end(&feed);
            // The newest events of every feed stay in the database.
            if heads.0.get(&feed).is_none_or(|(last, _)| *last <= end) {
                return Err(missing(feed, end + 1));
            }
        }
        Ok(heads)
    }
}
