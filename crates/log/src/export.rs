//! The export file: a whole log in one file, for keeping and for examining on any machine.
//!
//! It is made of: [`MAGIC`]; the format, four bytes; every event's stored bytes behind their length, four bytes; a
//! length of zero; the [`Trailer`] in the codec of events, then its length, four bytes; the BLAKE3 hash of everything
//! before it. Numbers are little endian. Events stand in the order of feed and place. The trailer can be found from the
//! end of the file, so that it still tells what should be there where something before it is damaged.

use bytes::Bytes;
use hostler_events::codec;
use hostler_events::{Frontier, Hash, StoredEvent};
use hostler_model::{Wall, limits};
use serde::{Deserialize, Serialize};

/// What every export begins with.
pub const MAGIC: &[u8] = b"hostler log export\n";
/// The format that is written today.
pub const FORMAT: u32 = 1;
const LENGTH_BYTES: usize = 4;
const HASH_BYTES: usize = 32;

/// What an export says about itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trailer {
    /// How many events there are.
    pub count: u64,
    /// The last event of every feed.
    pub heads: Frontier,
    /// When it was made: events from further in the future than that are held, and not in the views.
    pub made: Wall,
    /// The digest of the views of these events.
    pub digest: Hash,
}

/// What is wrong with an export as a file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ExportFault {
    /// A length that can't be.
    #[error("the length at byte {at}, before event number {number}, is damaged: nothing behind it can be read")]
    Length {
        /// Where it stands in the file.
        at: usize,
        /// The number of the event in the file, from 1.
        number: u64,
    },
    /// It ends too early.
    #[error("the file ends at byte {at}, after {events} whole events: its tail was cut off")]
    CutOff {
        /// Where it ends.
        at: usize,
        /// How many events are whole.
        events: u64,
    },
    /// The trailer can't be read.
    #[error("the trailer is damaged: what the file should hold is not known")]
    Trailer,
    /// There are not as many events as the trailer says.
    #[error("the trailer says {should} events, and the file holds {are}")]
    Count {
        /// By the trailer.
        should: u64,
        /// In the file.
        are: u64,
    },
    /// Some byte differs.
    #[error("the file's checksum is wrong: some byte of it is not what was written")]
    Checksum,
}

impl ExportFault {
    /// A word for programs, which stays the same.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Length { .. } => "length",
            Self::CutOff { .. } => "cut_off",
            Self::Trailer => "trailer",
            Self::Count { .. } => "count",
            Self::Checksum => "checksum",
        }
    }
}

/// Why a file is no export that this program can read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotAnExport {
    /// Something else.
    #[error("it does not begin like an export of a Hostler log")]
    Magic,
    /// Written by a later release.
    #[error("it has format {0}, and this program knows {FORMAT}: use the release that wrote it")]
    Format(u32),
}

/// Writes an export, piece by piece.
pub struct ExportWriter {
    hasher: blake3::Hasher,
    heads: Frontier,
    count: u64,
}

impl ExportWriter {
    /// A writer, and what the file begins with.
    #[must_use]
    pub fn begin() -> (Self, Vec<u8>) {
        let mut writer = Self { hasher: blake3::Hasher::new(), heads: Frontier::default(), count: 0 };
        let start = writer.hashed([MAGIC, &FORMAT.to_le_bytes()].concat());
        (writer, start)
    }

    /// The next event's part of the file. Events come in the order of feed and place.
    #[must_use]
    pub fn event(&mut self, event: &StoredEvent) -> Vec<u8> {
        let reference = event.reference();
        self.heads.raise(reference.feed, reference.seq, reference.hash);
        self.count += 1;
        self.hashed(framed(event.bytes()))
    }

    /// The end of the file.
    ///
    /// # Errors
    /// Where the codec fails.
    pub fn finish(mut self, made: Wall, digest: Hash) -> Result<Vec<u8>, codec::CodecError> {
        let heads = std::mem::take(&mut self.heads);
        let trailer = codec::encode(&Trailer { count: self.count, heads, made, digest })?;
        let mut end = self.hashed([&length(0), &trailer[..], &length(trailer.len())].concat());
        end.extend(self.hasher.finalize().as_bytes());
        Ok(end)
    }

    fn hashed(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        self.hasher.update(&bytes);
        bytes
    }
}

/// An export as it was read. What it holds may be damaged: [`crate::verify`] tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Export {
    /// The bytes of the events, in the order of the file.
    pub events: Vec<Bytes>,
    /// What it says about itself, where that can be read.
    pub trailer: Option<Trailer>,
    /// What is wrong with the file; a wrong checksum alone says that some byte differs.
    pub faults: Vec<ExportFault>,
}

impl Export {
    /// Reads as much as can be read. The events share the memory of `bytes`.
    ///
    /// # Errors
    /// Where it is no export, or one of a later release.
    pub fn read(bytes: &Bytes) -> Result<Self, NotAnExport> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(NotAnExport::Magic)?;
        let format = read_length(rest).ok_or(NotAnExport::Magic)?;
        if format != FORMAT as usize {
            return Err(NotAnExport::Format(u32::try_from(format).unwrap_or(u32::MAX)));
        }
        let mut export = Self { events: Vec::new(), trailer: None, faults: Vec::new() };
        let end = match trailer(bytes) {
            Some((trailer, at)) => {
                export.trailer = Some(trailer);
                at
            }
            None => bytes.len(),
        };
        export.read_events(bytes, end);
        export.judge(bytes);
        Ok(export)
    }

    fn read_events(&mut self, bytes: &Bytes, end: usize) {
        let mut at = MAGIC.len() + LENGTH_BYTES;
        let cut_off = |at, events: &Vec<Bytes>| ExportFault::CutOff { at, events: events.len() as u64 };
        loop {
            let Some(length) = bytes.get(at..end).and_then(read_length) else {
                return self.faults.push(cut_off(end, &self.events));
            };
            let start = at + LENGTH_BYTES;
            let fault = match length {
                0 if self.trailer.is_none() || start == end => return,
                1..=limits::EVENT_BYTES if start + length <= end => {
                    self.events.push(bytes.slice(start..start + length));
                    at = start + length;
                    continue;
                }
                1..=limits::EVENT_BYTES if self.trailer.is_none() => cut_off(end, &self.events),
                _ => ExportFault::Length { at, number: self.events.len() as u64 + 1 },
            };
            return self.faults.push(fault);
        }
    }

    fn judge(&mut self, bytes: &Bytes) {
        let are = self.events.len() as u64;
        match &self.trailer {
            // Where the file was cut off there is none, and that was said.
            None if self.faults.is_empty() => self.faults.push(ExportFault::Trailer),
            Some(trailer) if trailer.count != are && self.faults.is_empty() => {
                self.faults.push(ExportFault::Count { should: trailer.count, are });
            }
            _ => {}
        }
        let (body, hash) = bytes.split_at(bytes.len().saturating_sub(HASH_BYTES));
        if blake3::hash(body).as_bytes() != hash {
            self.faults.push(ExportFault::Checksum);
        }
    }
}

/// The trailer, and where it begins; `None` where the end of the file is none.
fn trailer(bytes: &[u8]) -> Option<(Trailer, usize)> {
    let end = bytes.len().checked_sub(HASH_BYTES + LENGTH_BYTES)?;
    let start = end.checked_sub(read_length(&bytes[end..])?)?;
    // The length of zero before it is part of what is expected here.
    let zero = start.checked_sub(LENGTH_BYTES)?;
    if zero < MAGIC.len() + LENGTH_BYTES || read_length(&bytes[zero..])? != 0 {
        return None;
    }
    Some((codec::decode(&bytes[start..end]).ok()?, start))
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    [&length(bytes.len()), bytes].concat()
}

/// Events and trailers are far below what four bytes can say.
fn length(bytes: usize) -> [u8; LENGTH_BYTES] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes()
}

fn read_length(bytes: &[u8]) -> Option<usize> {
    let length = bytes.first_chunk::<LENGTH_BYTES>()?;
    usize::try_from(u32::from_le_bytes(*length)).ok()
}
