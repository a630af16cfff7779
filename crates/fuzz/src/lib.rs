//! What must hold for any bytes that somebody may send: one function for each place where bytes from outside are read.
//! Each panics where something does not hold, and does nothing else; a fuzzer calls it with what it makes up
//! (tests/fuzz), and a test with all inputs that fuzzers found worth keeping.

mod event;
mod first_packet;
mod frames;
mod gossip;
mod join_token;
mod memory;
mod message;
mod scenario;
mod ticket;

pub use event::{event, payload};
pub use first_packet::first_packet;
pub use frames::frames;
pub use gossip::gossip;
pub use join_token::join_token;
pub use memory::Meter;
pub use message::message;
pub use scenario::scenario;
pub use ticket::ticket;

/// A function that panics where something does not hold.
pub type Oracle = fn(&[u8]);

/// All of them, by the name of their fuzz target and of the folder with its inputs.
pub const TARGETS: [(&str, Oracle); 9] = [
    ("event", event),
    ("first_packet", first_packet),
    ("frames", frames),
    ("gossip", gossip),
    ("join_token", join_token),
    ("message", message),
    ("payload", payload),
    ("scenario", scenario),
    ("ticket", ticket),
];

/// Reading, writing and reading again must end in the same place. What came first may have been written otherwise:
/// numbers have longer forms than the one that is written.
fn comes_back<T: serde::Serialize + serde::de::DeserializeOwned>(bytes: &[u8]) {
    let Ok(value) = hostler_events::codec::decode::<T>(bytes) else { return };
    let written =
        hostler_events::codec::encode(&value).unwrap_or_else(|e| panic!("what was read can't be written: {e}"));
    assert!(written.len() <= bytes.len(), "{} bytes became {}", bytes.len(), written.len());
    let again =
        hostler_events::codec::decode::<T>(&written).unwrap_or_else(|e| panic!("what was written can't be read: {e}"));
    let twice = hostler_events::codec::encode(&again).unwrap_or_else(|e| panic!("it can't be written twice: {e}"));
    assert_eq!(written, twice, "writing what was read gives other bytes each time");
}
