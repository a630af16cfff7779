//! One archive file: a head that says what is in it, the events compressed with zstd, and a BLAKE3 hash over all that.
//!
//! ```text
//! "hostlseg"  format u32  broker 16  ordinal u32  random u64  first u64  count u32  raw bytes u32  packed bytes u32
//! hash before the first 32  hash of the last 32  |  packed: (length u32, event)…  |  BLAKE3 of all before it 32
//! ```
//! Numbers are big endian, as in the database's keys.

use super::{damaged, unreadable};
use bytes::Bytes;
use hostler_events::Hash;
use hostler_log::LogError;
use hostler_model::{BrokerId, Feed, Incarnation, limits};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"hostlseg";
const FORMAT: u32 = 1;
const HEAD_BYTES: usize = 8 + 4 + 28 + 8 + 4 + 4 + 4 + 32 + 32;
const HASH_BYTES: usize = 32;
const LENGTH_BYTES: usize = 4;
/// Bytes of events in one file, before compression; the event that goes beyond that is the last one.
const RAW_BYTES: usize = 8 * 1024 * 1024;
/// The most that a file may unpack to.
const UNPACKED_BYTES: usize = RAW_BYTES + limits::EVENT_BYTES + LENGTH_BYTES;
/// zstd's usual: events hold hashes and signatures, on which trying harder is lost.
const LEVEL: i32 = 3;

/// What is in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    /// Whose events.
    pub(crate) feed: Feed,
    /// The first one's place.
    pub(crate) first: u64,
    /// How many.
    pub(crate) count: u32,
    /// The hash of the event before the first.
    pub(crate) previous: Hash,
    /// The hash of the last.
    pub(crate) last_hash: Hash,
}

impl Head {
    /// The last one's place.
    pub(crate) fn last(&self) -> u64 {
        (self.first + u64::from(self.count)).saturating_sub(1)
    }
}

/// A file, and what its head says.
#[derive(Clone, Debug)]
pub(crate) struct SegmentFile {
    pub(crate) path: PathBuf,
    pub(crate) head: Head,
}

/// The events of a file.
pub(crate) struct Segment {
    pub(crate) head: Head,
    raw: Bytes,
    /// Where each event is in `raw`.
    places: Vec<Range<usize>>,
}

impl Segment {
    /// The event with this place.
    pub(crate) fn get(&self, seq: u64) -> Option<Bytes> {
        let at = usize::try_from(seq.checked_sub(self.head.first)?).ok()?;
        self.places.get(at).map(|place| self.raw.slice(place.clone()))
    }

    fn unpack(head: Head, raw: Vec<u8>) -> Option<Self> {
        let mut places = Vec::with_capacity(usize::try_from(head.count).ok()?);
        let mut at = 0;
        while let Some(length) = raw.get(at..at + LENGTH_BYTES) {
            let from = at + LENGTH_BYTES;
            at = from.checked_add(usize::try_from(u32::from_be_bytes(length.try_into().ok()?)).ok()?)?;
            places.push(from..at);
        }
        let whole = at == raw.len() && places.len() == usize::try_from(head.count).ok()?;
        whole.then(|| Self { head, raw: raw.into(), places })
    }
}

/// Packs a feed's events from `first` on, in order; says what went in, which is not all of them where they are large.
pub(crate) struct Packer {
    raw: Vec<u8>,
    count: u32,
}

impl Packer {
    pub(crate) fn new() -> Self {
        Self { raw: Vec::new(), count: 0 }
    }

    /// Takes in the next event. False once the file is full.
    pub(crate) fn push(&mut self, event: &[u8]) -> bool {
        // An event's length is limited.
        self.raw.extend(u32::try_from(event.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.raw.extend(event);
        self.count += 1;
        self.raw.len() < RAW_BYTES
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }
}

/// The bytes of a file.
pub(crate) fn seal(head: &Head, packer: &Packer) -> io::Result<Vec<u8>> {
    let packed = zstd::bulk::compress(&packer.raw, LEVEL)?;
    let length = |n: usize| u32::try_from(n).map_err(|_| io::Error::other("the events are too large for one file"));
    let mut bytes = Vec::with_capacity(HEAD_BYTES + packed.len() + HASH_BYTES);
    bytes.extend(MAGIC);
    bytes.extend(FORMAT.to_be_bytes());
    bytes.extend(head.feed.broker.0);
    bytes.extend(head.feed.incarnation.ordinal.to_be_bytes());
    bytes.extend(head.feed.incarnation.random.to_be_bytes());
    bytes.extend(head.first.to_be_bytes());
    bytes.extend(head.count.to_be_bytes());
    bytes.extend(length(packer.raw.len())?.to_be_bytes());
    bytes.extend(length(packed.len())?.to_be_bytes());
    bytes.extend(head.previous.0);
    bytes.extend(head.last_hash.0);
    bytes.extend(packed);
    let hash = blake3::hash(&bytes);
    bytes.extend(hash.as_bytes());
    Ok(bytes)
}

/// Where the file with a feed's events from `first` on is. In the order of names, a feed's files are in order.
pub(super) fn path(folder: &Path, feed: &Feed, first: u64, suffix: &str) -> PathBuf {
    let Incarnation { ordinal, random } = feed.incarnation;
    folder.join(format!("{}.{ordinal}-{random:x}-{first:012}.{suffix}", feed.broker))
}

impl SegmentFile {
    /// Reads a file's head.
    pub(super) fn open(path: &Path) -> Result<Self, LogError> {
        let io_error = |error: io::Error| unreadable(path, &error);
        let mut bytes = [0; HEAD_BYTES];
        let mut file = File::open(path).map_err(io_error)?;
        let size = file.metadata().map_err(io_error)?.len();
        let strange = |why: &str| LogError::Unreadable { what: path.display().to_string(), why: why.into() };
        file.read_exact(&mut bytes).map_err(|_| strange("it is too short for an archive file"))?;
        let (head, _, packed) = read_head(&bytes).map_err(|why| strange(&why))?;
        let whole = HEAD_BYTES + packed + HASH_BYTES;
        if size != whole as u64 {
            return Err(damaged(path, head.feed, format!("it has {size} bytes instead of {whole}")));
        }
        let folder = path.parent().unwrap_or(path);
        if path != self::path(folder, &head.feed, head.first, super::SUFFIX) {
            return Err(damaged(path, head.feed, "its name is not that of what is in it"));
        }
        Ok(Self { path: path.to_path_buf(), head })
    }

    /// Reads the whole file.
    pub(crate) fn load(&self) -> Result<Segment, LogError> {
        let bad = |why: String| damaged(&self.path, self.head.feed, why);
        let bytes = fs::read(&self.path).map_err(|error| bad(error.to_string()))?;
        let Some((body, hash)) = bytes.split_last_chunk::<HASH_BYTES>() else {
            return Err(bad("it is too short".into()));
        };
        if blake3::hash(body) != *hash {
            return Err(bad("its hash is not that of its bytes".into()));
        }
        let (head, raw_bytes, packed) = read_head(body).map_err(&bad)?;
        if head != self.head || body.len() != HEAD_BYTES + packed {
            return Err(bad("it is another file than at the start".into()));
        }
        let raw = zstd::bulk::decompress(&body[HEAD_BYTES..], raw_bytes).map_err(|error| bad(error.to_string()))?;
        Segment::unpack(head, raw).ok_or_else(|| bad("its events are not what its head says".into()))
    }

    /// Writes a file so that it is there as a whole or not at all.
    pub(super) fn write(
        folder: &Path,
        head: Head,
        bytes: &[u8],
        suffix: &str,
        new_suffix: &str,
    ) -> Result<Self, LogError> {
        let path = self::path(folder, &head.feed, head.first, suffix);
        let new = self::path(folder, &head.feed, head.first, new_suffix);
        let write = || {
            if !folder.is_dir() {
                fs::create_dir_all(folder)?;
                folder.parent().map_or(Ok(()), |above| File::open(above)?.sync_all())?;
            }
            let mut file = File::create(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(folder)?.sync_all()
        };
        match write() {
            Ok(()) => Ok(Self { path, head }),
            Err(error) => {
                // Its events are in the database still; the next start removes what can't be removed now.
                let _ = fs::remove_file(&new);
                Err(LogError::Io(format!("{}: {error}", path.display())))
            }
        }
    }
}

/// What the head says, how large the events are, and how large they are packed.
fn read_head(bytes: &[u8]) -> Result<(Head, usize, usize), String> {
    let mut rest = bytes;
    let short = || "it is too short for an archive file".to_string();
    if take::<8>(&mut rest).ok_or_else(short)? != *MAGIC {
        return Err("it does not begin as an archive file does".into());
    }
    let format = u32::from_be_bytes(take(&mut rest).ok_or_else(short)?);
    if format != FORMAT {
        return Err(format!(
            "it has format {format}, and this program knows {FORMAT}: install the release that wrote it"
        ));
    }
    let mut read = || -> Option<(Head, usize, usize)> {
        let broker = BrokerId(take(&mut rest)?);
        let incarnation =
            Incarnation { ordinal: u32::from_be_bytes(take(&mut rest)?), random: u64::from_be_bytes(take(&mut rest)?) };
        let first = u64::from_be_bytes(take(&mut rest)?);
        let count = u32::from_be_bytes(take(&mut rest)?);
        let raw = usize::try_from(u32::from_be_bytes(take(&mut rest)?)).ok()?;
        let packed = usize::try_from(u32::from_be_bytes(take(&mut rest)?)).ok()?;
        let (previous, last_hash) = (Hash(take(&mut rest)?), Hash(take(&mut rest)?));
        Some((Head { feed: Feed { broker, incarnation }, first, count, previous, last_hash }, raw, packed))
    };
    let (head, raw, packed) = read().ok_or_else(short)?;
    let limits = [raw <= UNPACKED_BYTES, packed <= UNPACKED_BYTES * 2, head.count > 0, head.first > 0];
    let no_overflow = head.first.checked_add(u64::from(head.count)).is_some();
    if limits.contains(&false) || !no_overflow {
        return Err("its head has numbers that can't be".into());
    }
    Ok((head, raw, packed))
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}
