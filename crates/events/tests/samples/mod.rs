//! Values of every event type and version, for the tests of the stored forms. A value that has a golden file is never
//! changed; a new version of a type gets values of its own.

// Each test is compiled with this module and takes what it needs of it.
#![allow(dead_code, unused_imports)]

mod everyday;
mod revocation;
mod sealed;
mod structural;

pub(crate) use sealed::{headers, key, seal, stored};

use hostler_events::{Event, EventRef, Hash};
use hostler_model::{Address, BrokerId, Feed, Incarnation, Name, PublicKey};

/// One value of one version of an event type.
pub(crate) struct Sample {
    /// The version that its bytes have.
    pub(crate) version: u16,
    /// What is special about it: a word, different from those of the same type and version.
    pub(crate) case: &'static str,
    /// The value, in today's form.
    pub(crate) event: Event,
}

/// All samples of all types.
pub(crate) fn samples() -> Vec<Sample> {
    [structural::samples(), everyday::samples(), revocation::samples()].into_iter().flatten().collect()
}

/// The samples of one version of one type.
pub(crate) fn of(kind: u16, version: u16) -> Vec<Sample> {
    samples().into_iter().filter(|s| s.event.kind().id == kind && s.version == version).collect()
}

fn v1(case: &'static str, event: Event) -> Sample {
    Sample { version: 1, case, event }
}

pub(crate) fn broker(n: u8) -> BrokerId {
    BrokerId([n; 16])
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// Bytes that stand for a key; no signature is checked with them.
fn public(n: u8) -> PublicKey {
    PublicKey([n; 32])
}

pub(crate) fn feed(n: u8) -> Feed {
    Feed { broker: broker(n), incarnation: Incarnation { ordinal: 1, random: 0x0123_4567_89ab_cdef } }
}

fn reference(n: u8, seq: u64) -> EventRef {
    EventRef { feed: feed(n), seq, hash: Hash([n; 32]) }
}
