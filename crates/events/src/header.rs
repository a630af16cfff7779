//! What stands before every event, readable also where the event itself is not known.

use crate::Hash;
use hostler_model::{AdminId, Epoch, Feed, Hlc, SiteId, Thing, TokenId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Who may author an event, and by which rules it is applied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Authored by the master only; applied only if its epoch's promotion is effective.
    Structural,
    /// Authored by any broker of the site; the later in the order wins a field.
    Everyday,
    /// Authored by any broker; never superseded.
    Revocation,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Structural => "structural",
            Self::Everyday => "everyday",
            Self::Revocation => "revocation",
        })
    }
}

/// Who wanted an event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The broker itself.
    System,
    /// An administrator.
    Admin(AdminId),
    /// Whoever redeemed a join token.
    Token(TokenId),
}

/// What a reader does that does not know an event's type or version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// Store and forward it, but decide nothing any more.
    Halt,
    /// Store and forward it, and go on.
    Skip,
}

/// One event, by its place and its hash: after a fork two events have one place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct EventRef {
    /// Whose sequence.
    pub feed: Feed,
    /// Place in it, from 1.
    pub seq: u64,
    /// Hash of the event's signed bytes.
    pub hash: Hash,
}

impl fmt::Display for EventRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.feed, self.seq)
    }
}

/// What an author had seen: for every feed the last place and the hash there.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Frontier(pub BTreeMap<Feed, (u64, Hash)>);

impl Frontier {
    /// True where the author had seen this place of this feed.
    #[must_use]
    pub fn contains(&self, feed: &Feed, seq: u64) -> bool {
        self.0.get(feed).is_some_and(|(last, _)| *last >= seq)
    }

    /// Takes in one head: the higher place stays.
    pub fn raise(&mut self, feed: Feed, seq: u64, hash: Hash) {
        let head = self.0.entry(feed).or_insert((seq, hash));
        if seq > head.0 {
            *head = (seq, hash);
        }
    }

    /// Takes in another frontier: the pointwise maximum stays.
    pub fn join(&mut self, other: &Self) {
        for (feed, (seq, hash)) in &other.0 {
            self.raise(*feed, *seq, *hash);
        }
    }
}

/// What stands before every event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Header {
    /// Version of this header; [`Header::FORMAT`].
    pub format: u8,
    /// Whose sequence.
    pub feed: Feed,
    /// Place in it, from 1, without gaps.
    pub seq: u64,
    /// Hash of the event before; [`Hash::ZERO`] before the first.
    pub previous: Hash,
    /// When.
    pub hlc: Hlc,
    /// Whose matter it is. Farm-wide matters belong to the main site.
    pub site: SiteId,
    /// The greatest epoch that the author had seen in any header of the site; for a promotion, the new one.
    pub epoch: Epoch,
    /// Who wanted it.
    pub actor: Actor,
    /// By which rules it is applied.
    pub class: Class,
    /// The type, by the registry's number.
    pub kind: u16,
    /// The type's stored version, from 1.
    pub version: u16,
    /// What a reader does that knows neither.
    pub on_unknown: OnUnknown,
    /// Everything that the event touches or is about.
    pub touches: Vec<Thing>,
    /// What the author had seen; for promotions, resumes and revocations.
    pub frontier: Option<Frontier>,
    /// For each field that an everyday edit writes, in the payload's order: the edit that its author saw last.
    pub bases: Vec<Option<EventRef>>,
}

impl Header {
    /// The version of the header that is written today.
    pub const FORMAT: u8 = 1;
}
