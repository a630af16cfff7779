//! A log that is read without a broker: a copy of a data directory, or an exported file.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use hostler_events::{Hash, StoredEvent};
use hostler_log::LogError;
use hostler_log::export::{Export, ExportFault};
use hostler_log::verify::{Finding, Verifier};
use hostler_log_rocks::{RocksLog, RocksReader};
use hostler_model::{BrokerId, PublicKey, SiteId, Wall, limits};
use hostler_views::audit::History;
use hostler_views::{Loaded, Views};
use hostler_wire::Fingerprint;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a log may be in a data directory: the log itself, a broker's folder, or a machine's.
const INSIDE: [&str; 3] = ["", "log", "broker/log"];
/// What a log's folder has in it, and no other.
const STAMP: &str = "format";

/// A log that is read without a broker.
pub(super) enum Source {
    /// An exported file.
    File(Export),
    /// A data directory.
    Directory(RocksReader),
}

/// A log of which somebody wants to know what it says.
pub(super) struct Offline {
    /// All its events.
    pub(super) history: History,
    /// The site that is looked at: the main one.
    pub(super) site: SiteId,
}

impl Source {
    /// Opens what is there, changing nothing.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let what = fs::metadata(path).with_context(|| format!("can't read {}", path.display()))?;
        if what.is_dir() {
            let inside = INSIDE.iter().map(|folder| path.join(folder)).find(|folder| folder.join(STAMP).is_file());
            let folder: PathBuf = inside.with_context(|| {
                format!("there is no broker's log in {}: name a broker's data directory", path.display())
            })?;
            return Ok(Self::Directory(RocksLog::open_read_only(folder)?.reader()));
        }
        let bytes = fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
        let export = Export::read(&Bytes::from(bytes)).with_context(|| format!("can't use {}", path.display()))?;
        Ok(Self::File(export))
    }

    /// How many events there should be.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::File(export) => export.events.len() as u64,
            Self::Directory(reader) => reader.count(),
        }
    }

    /// What is wrong with the file as a file.
    pub(super) fn faults(&self) -> &[ExportFault] {
        match self {
            Self::File(export) => &export.faults,
            Self::Directory(_) => &[],
        }
    }

    /// The digest of the views that is stored with it.
    pub(super) fn digest(&self) -> Option<Hash> {
        match self {
            Self::File(export) => export.trailer.as_ref().map(|t| t.digest),
            Self::Directory(_) => None,
        }
    }

    /// Events from further in the future than 60 s after this moment are held.
    pub(super) fn made(&self, now: Wall) -> Wall {
        match self {
            Self::File(export) => export.trailer.as_ref().map_or(now, |t| t.made),
            Self::Directory(_) => now,
        }
    }

    /// Takes all events, and says after each how many they are.
    pub(super) fn take(&self, mut each: impl FnMut(u64)) -> Result<Verifier> {
        let heads = match self {
            Self::File(export) => export.trailer.as_ref().map(|t| t.heads.clone()),
            // Without a file that says so, nobody knows where feeds should end but those who had seen them.
            Self::Directory(_) => None,
        };
        let mut verifier = Verifier::new(id_of, heads);
        match self {
            Self::File(export) => {
                for bytes in &export.events {
                    verifier.take(None, bytes.clone());
                    each(verifier.count());
                }
            }
            Self::Directory(reader) => {
                let mut fault = None;
                reader.walk(&mut |feed, seq, bytes| {
                    match bytes {
                        Ok(bytes) => verifier.take(Some((feed, seq)), bytes),
                        Err(LogError::Corrupt { why, .. }) => verifier.damaged(feed, seq, why),
                        Err(error) => fault = Some(error),
                    }
                    each(verifier.count());
                    if fault.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })?;
                if let Some(error) = fault {
                    return Err(error.into());
                }
            }
        }
        Ok(verifier)
    }

    /// All events, for whoever wants to know what they say. A damaged log is used as far as it goes, with a warning.
    pub(super) fn read(&self, now: Wall) -> Result<Offline> {
        let mut examined = self.take(|_| {})?.finish();
        let findings: Vec<Finding> = examined.conclude(Vec::new());
        let first = findings.first().map(ToString::to_string);
        if let Some(first) = first.or_else(|| self.faults().first().map(ToString::to_string)) {
            eprintln!("warning: this log is damaged, so what follows may be wrong: {first}\nSee: hostler log verify");
        }
        let history = history(examined.into_events(), self.made(now));
        let views = history.at(Wall(u64::MAX));
        let Some(site) = views.main_site().or_else(|| views.timelines().next().map(|(site, _)| *site)) else {
            bail!("there is no event in this log");
        };
        Ok(Offline { history, site })
    }
}

impl Offline {
    /// The views of all events.
    pub(super) fn views(&self) -> Views {
        self.history.at(Wall(u64::MAX))
    }
}

/// What counts of these events at a moment.
pub(super) fn history(events: Vec<StoredEvent>, made: Wall) -> History {
    let horizon = made.plus(limits::HELD_AHEAD_MS);
    let there = events.into_iter().filter(|e| e.header().hlc.wall <= horizon);
    History::new(there.map(|e| Arc::new(Loaded::take(e))).collect())
}

fn id_of(key: &PublicKey) -> BrokerId {
    BrokerId(Fingerprint::of(key).0)
}
