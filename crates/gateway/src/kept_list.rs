//! The list of brokers and the highest epoch, as they lie on disk: what lets a gateway find its brokers after a restart,
//! and refuse a superseded master's list even then.

use hostler_model::{Epoch, limits};
use hostler_wire::messages::roster::BrokerList;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

const FILE: &str = "brokers.json";
const FORMAT: u32 = 1;
/// The file in bytes; more is not read.
const FILE_BYTES: u64 = 256 * 1024;

/// Why the kept list can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeptListError {
    /// It can't be read.
    #[error("can't read the list of brokers {path}: {source}; check that the gateway's user may read it")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It can't be written.
    #[error("can't write the list of brokers {path}: {source}; is the disk full, or the directory not writable?")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It is not what was written.
    #[error(
        "the list of brokers {path} is damaged ({why}); restore it, or move it away to go on with the list that \
             the gateway was given when it joined"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: u32,
    epoch: Epoch,
    list: BrokerList,
}

/// What the gateway remembers, and where.
#[derive(Clone, Debug)]
pub(crate) struct KeptList {
    path: PathBuf,
    /// The highest epoch seen; never below the list's.
    pub(crate) epoch: Epoch,
    /// The list that counts.
    pub(crate) list: BrokerList,
}

/// What became of a list that a broker sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It is the list now.
    Taken,
    /// It was the list already.
    Same,
    /// It comes under a lower epoch than the one here, which has been seen.
    Fenced(Epoch),
    /// It names no broker: taking it would cut the gateway off for good.
    Empty,
}

impl KeptList {
    /// Reads the list; takes the given one where there is none, or where it comes under a higher epoch.
    pub(crate) fn open(dir: &Path, given: BrokerList) -> Result<Self, KeptListError> {
        let path = dir.join(FILE);
        let read = |source| KeptListError::Read { path: path.clone(), source };
        let damaged = |why: String| KeptListError::Damaged { path: path.clone(), why };
        let mut text = Vec::new();
        match File::open(&path) {
            Ok(file) => file.take(FILE_BYTES + 1).read_to_end(&mut text).map_err(read)?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { path, epoch: given.epoch, list: given });
            }
            Err(e) => return Err(read(e)),
        };
        if text.len() as u64 > FILE_BYTES {
            return Err(damaged(format!("it has more than {FILE_BYTES} bytes")));
        }
        let stored: Stored = serde_json::from_slice(&text).map_err(|e| damaged(e.to_string()))?;
        if stored.format != FORMAT {
            return Err(damaged(format!("format {}, where {FORMAT} is known", stored.format)));
        }
        let epoch = stored.epoch.max(stored.list.epoch).max(given.epoch);
        let list = if given.epoch > stored.list.epoch { given } else { stored.list };
        Ok(Self { path, epoch, list })
    }

    /// Judges a list, and makes it the one that counts where it may be.
    pub(crate) fn offer(&mut self, mut list: BrokerList) -> Verdict {
        if list.epoch < self.epoch {
            return Verdict::Fenced(self.epoch);
        }
        if list.brokers.is_empty() {
            return Verdict::Empty;
        }
        list.brokers.truncate(limits::BROKERS_PER_SITE);
        // Of one epoch, an older list comes from a broker that lags behind: it will send the newer one.
        let older = list.epoch == self.list.epoch && list.changed < self.list.changed;
        if older || list == self.list {
            return Verdict::Same;
        }
        self.epoch = list.epoch;
        self.list = list;
        Verdict::Taken
    }

    /// Writes it: all of it or nothing, and on the disk when this returns. It blocks.
    pub(crate) fn save(&self) -> Result<(), KeptListError> {
        self.write().map_err(|source| KeptListError::Write { path: self.path.clone(), source })
    }

    fn write(&self) -> io::Result<()> {
        let stored = Stored { format: FORMAT, epoch: self.epoch, list: self.list.clone() };
        let mut text = serde_json::to_vec_pretty(&stored).map_err(io::Error::other)?;
        text.push(b'\n');
        let new = self.path.with_extension("json.new");
        let mut file = File::create(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        // The new name is on the disk only when its directory is.
        self.path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_events::payload::BrokerAddresses;
    use hostler_model::{BrokerId, Hlc, PublicKey};
    use hostler_wire::messages::roster::BrokerEntry;

    fn epoch(n: u64, broker: u8) -> Epoch {
        Epoch { n, hlc: Hlc::default(), broker: BrokerId([broker; 16]) }
    }

    fn list(epoch: Epoch, brokers: &[u8]) -> BrokerList {
        let at = |port| format!("127.0.0.1:{port}").parse().unwrap();
        let entry = |i: &u8| BrokerEntry {
            id: BrokerId([*i; 16]),
            name: format!("b{i}").parse().unwrap(),
            key: PublicKey([*i; 32]),
            addresses: BrokerAddresses { join: at(1), access: at(2), agent: at(3), peer: at(4) },
            enabled: true,
        };
        BrokerList { epoch, changed: Hlc::default(), brokers: brokers.iter().map(entry).collect() }
    }

    #[test]
    fn offers_are_judged_by_the_whole_epoch() {
        let dir = tempfile::tempdir().unwrap();
        let mut kept = KeptList::open(dir.path(), list(epoch(3, 2), &[1, 2])).unwrap();
        for (offered, verdict, brokers) in [
            (list(epoch(3, 2), &[1, 2]), Verdict::Same, 2),
            (list(epoch(2, 9), &[1]), Verdict::Fenced(epoch(3, 2)), 2),
            (list(epoch(3, 1), &[1]), Verdict::Fenced(epoch(3, 2)), 2),
            (list(epoch(3, 2), &[1, 2, 3]), Verdict::Taken, 3),
            (list(epoch(3, 3), &[3]), Verdict::Taken, 1),
            (list(epoch(9, 9), &[]), Verdict::Empty, 1),
            (list(epoch(4, 1), &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), Verdict::Taken, limits::BROKERS_PER_SITE),
        ] {
            assert_eq!((kept.offer(offered.clone()), kept.list.brokers.len()), (verdict, brokers), "{offered:?}");
        }
    }

    #[test]
    fn what_was_kept_counts_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let mut kept = KeptList::open(dir.path(), list(epoch(1, 1), &[1])).unwrap();
        assert_eq!(kept.offer(list(epoch(5, 1), &[1, 2])), Verdict::Taken);
        kept.save().unwrap();
        for (given, seen, brokers) in
            [(epoch(1, 1), epoch(5, 1), 2), (epoch(5, 1), epoch(5, 1), 2), (epoch(6, 1), epoch(6, 1), 1)]
        {
            let again = KeptList::open(dir.path(), list(given, &[1])).unwrap();
            assert_eq!((again.epoch, again.list.brokers.len()), (seen, brokers), "{given}");
        }
        let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, [FILE], "nothing else is left behind");
    }

    #[test]
    fn a_damaged_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        for text in ["", "{}", "{\"format\": 2}", "nonsense"] {
            fs::write(&path, text).unwrap();
            let error = KeptList::open(dir.path(), list(epoch(1, 1), &[1])).unwrap_err();
            assert!(matches!(error, KeptListError::Damaged { .. }), "{error}");
            assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        }
    }
}
