//! Views in a stored form, from which a start goes on without folding again what they cover. They are a shortcut and
//! never a source: whatever about them does not fit the log or this program, they are thrown away.

use super::Views;
use crate::timeline::SavedSite;
use crate::{Loaded, Timeline};
use hostler_events::codec::{self, CodecError};
use hostler_events::{Event, Hash, registry_knows};
use hostler_model::Feed;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The most that saved views may have, in bytes.
pub const SAVED_BYTES: usize = 256 * 1024 * 1024;
/// The hash of the code that folds: views that other code saved, older or newer, may differ.
const FOLD: &str = env!("HOSTLER_FOLD");
const CONTEXT: &str = "hostler 1 saved views";
const HASH_BYTES: usize = 32;

/// Why saved views are of no use: the log has to be folded from its beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SavedViewsError {
    /// Their bytes are not what they were.
    #[error("the saved views are damaged: {0}")]
    Damaged(&'static str),
    /// Other code folded them.
    #[error("the saved views are another release's")]
    OtherProgram,
    /// They skip what this program can read.
    #[error("the saved views skip events of type {kind}, version {version}, which this program knows")]
    Knows {
        /// The type's number.
        kind: u16,
        /// The type's version.
        version: u16,
    },
    /// A feed of the log has two branches: such views are always folded from the beginning.
    #[error("feed {feed} forks at place {seq} of this log, and saved views have no branches")]
    Forked {
        /// Whose sequence.
        feed: Feed,
        /// The place that two events have.
        seq: u64,
    },
    /// They cover what is not in the log, or not now: an event that was taken for one of the past is in the future.
    #[error("the saved views cover event {feed}/{seq}, which is not, or not the same, in this log")]
    OtherLog {
        /// Whose sequence.
        feed: Feed,
        /// The last place in it that they cover.
        seq: u64,
    },
}

/// Views at some moment, to be stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SavedViews {
    /// The code that folded them.
    fold: String,
    /// Types and versions of events that it could not read, and so skipped.
    skipped: BTreeSet<(u16, u16)>,
    sites: Vec<SavedSite>,
}

impl SavedViews {
    /// How many events they cover.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.sites.iter().map(SavedSite::events).sum()
    }

    /// Types and versions of events that they skip, since this program could not read them.
    #[must_use]
    pub fn skipped(&self) -> &BTreeSet<(u16, u16)> {
        &self.skipped
    }

    /// The stored form.
    ///
    /// # Errors
    /// Where the codec fails.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        let mut bytes = codec::encode(self)?;
        bytes.extend(hash_of(&bytes).0);
        Ok(bytes)
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// Where it is damaged or of no use to this program.
    pub fn decode(bytes: &[u8]) -> Result<Self, SavedViewsError> {
        let Some((body, hash)) = bytes.split_last_chunk::<HASH_BYTES>() else {
            return Err(SavedViewsError::Damaged("they are too short"));
        };
        if hash_of(body) != Hash(*hash) {
            return Err(SavedViewsError::Damaged("their hash is not that of their bytes"));
        }
        // First what tells whether the rest can be read.
        match codec::decode_prefix::<String>(body) {
            Ok((fold, _)) if fold == FOLD => {}
            _ => return Err(SavedViewsError::OtherProgram),
        }
        let saved: Self = codec::decode_within::<SAVED_BYTES, _>(body)
            .map_err(|_| SavedViewsError::Damaged("they are not saved views"))?;
        match saved.skipped.iter().find(|(kind, version)| registry_knows(*kind, *version)) {
            Some((kind, version)) => Err(SavedViewsError::Knows { kind: *kind, version: *version }),
            None => Ok(saved),
        }
    }
}

impl Views {
    /// The views in a form that can be stored. `None` where that can't be, as while events are held: then a later
    /// moment will do; or for good, where a feed has forked.
    #[must_use]
    pub fn save(&self) -> Option<SavedViews> {
        if !self.forks.is_empty() {
            return None;
        }
        let sites = self.sites.iter().map(|(site, timeline)| timeline.save(*site)).collect::<Option<Vec<_>>>()?;
        // What is known and yet can't be read is nonsense, to this program and to every other.
        let unread = sites.iter().flat_map(|site| site.unread.iter().copied());
        let skipped = unread.filter(|(kind, version)| !registry_knows(*kind, *version)).collect();
        Some(SavedViews { fold: FOLD.to_owned(), skipped, sites })
    }

    /// Views that go on from saved ones: the same as those that were folded from all these events.
    ///
    /// # Errors
    /// Where the saved ones are not of these events.
    pub fn restore(saved: SavedViews, events: &[Arc<Loaded>]) -> Result<Self, SavedViewsError> {
        let mut feeds: BTreeMap<Feed, Vec<Arc<Loaded>>> = BTreeMap::new();
        for part in events.chunk_by(|a, b| a.reference.feed == b.reference.feed) {
            let Some(first) = part.first() else { continue };
            feeds.entry(first.reference.feed).or_default().extend_from_slice(part);
        }
        for events in feeds.values_mut() {
            if !events.is_sorted_by(|a, b| a.reference.seq < b.reference.seq) {
                events.sort_by_key(|e| e.reference.seq);
                let forks = |pair: &[Arc<Loaded>]| {
                    pair[0].reference.seq == pair[1].reference.seq && pair[0].reference.hash != pair[1].reference.hash
                };
                if let Some(pair) = events.windows(2).find(|pair| forks(pair)) {
                    return Err(SavedViewsError::Forked { feed: pair[0].reference.feed, seq: pair[0].reference.seq });
                }
                events.dedup_by_key(|e| e.reference.seq);
            }
        }
        let mut feeds = feeds.into_iter().map(|(feed, events)| (feed, events.into_iter())).collect();
        let mut views = Self::default();
        for site in saved.sites {
            let id = site.site;
            let timeline = Timeline::restore(site, &mut feeds)?;
            for entry in timeline.entries() {
                views.take(&entry.loaded);
            }
            views.sites.insert(id, timeline);
        }
        views.insert(feeds.into_values().flatten());
        Ok(views)
    }

    /// What an event says about the farm as a whole.
    pub(super) fn take(&mut self, loaded: &Loaded) {
        if loaded.halts() {
            self.halted_by.get_or_insert(loaded.reference);
        }
        if matches!(loaded.event, Some(Event::FarmCreated(_))) {
            self.main.get_or_insert(loaded.header.site);
        }
    }
}

fn hash_of(body: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(body);
    Hash(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_saved_views_are_for() {
        let (known, unknown) = ((1, 1), (1, u16::MAX));
        let knows = SavedViewsError::Knows { kind: 1, version: 1 };
        for (fold, skipped, want) in [
            (FOLD, vec![], Ok(())),
            (FOLD, vec![unknown], Ok(())),
            // As if an older program had skipped what this one knows.
            (FOLD, vec![unknown, known], Err(knows)),
            ("another", vec![], Err(SavedViewsError::OtherProgram)),
            ("", vec![known], Err(SavedViewsError::OtherProgram)),
        ] {
            let saved = SavedViews { fold: fold.into(), skipped: skipped.into_iter().collect(), sites: Vec::new() };
            let read = SavedViews::decode(&saved.encode().unwrap());
            assert_eq!(read.map(|read| assert_eq!(read, saved)), want, "{fold}");
        }
    }
}
