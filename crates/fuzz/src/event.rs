//! Events, as other brokers send them.

use crate::comes_back;
use crate::memory::bounded;
use bytes::Bytes;
use hostler_events::{Event, Header, REGISTRY, StoredEvent, codec, verify_batch};
use hostler_model::{PublicKey, limits};

/// An Ed25519 signature stands before the header.
const SIGNATURE_BYTES: usize = 64;
/// The base point, a key for which nobody here has signed anything.
const SOME_KEY: PublicKey = PublicKey([
    0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
    0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
]);

/// A whole event: what is passed on is what came, to the byte; what its header says can be written and read again; the
/// signature can be checked, alone and with others, with one result.
pub fn event(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let Ok(stored) = bounded(data.len(), || StoredEvent::parse(bytes)) else { return };
    assert!(data.len() <= limits::EVENT_BYTES);
    assert_eq!(stored.bytes(), data);
    let again = StoredEvent::parse(stored.bytes().clone()).unwrap_or_else(|e| panic!("read once, but not twice: {e}"));
    assert_eq!(stored, again);
    assert_eq!(stored.reference().hash, stored.hash());
    let (header, used) = codec::decode_prefix::<Header>(&data[SIGNATURE_BYTES..])
        .unwrap_or_else(|e| panic!("the header was read, and now it can't be: {e}"));
    assert_eq!(header, *stored.header());
    comes_back::<Header>(&data[SIGNATURE_BYTES..SIGNATURE_BYTES + used]);
    let alone = stored.verify(&SOME_KEY).is_ok();
    assert_eq!(alone, verify_batch([(&stored, SOME_KEY)]).is_ok(), "alone and in a batch are not the same");
    if let Ok(event) = bounded(data.len(), || stored.event()) {
        holds(&event, stored.header().kind, stored.header().version);
    }
}

/// A payload alone; the first byte says of which type it is.
pub fn payload(data: &[u8]) {
    let Some((which, bytes)) = data.split_first() else { return };
    let kind = REGISTRY[usize::from(*which) % REGISTRY.len()];
    if let Ok(event) = bounded(bytes.len(), || Event::read(kind.id, kind.version, bytes)) {
        assert_eq!(event.kind(), kind);
        holds(&event, kind.id, kind.version);
    }
}

fn holds(event: &Event, kind: u16, version: u16) {
    let written = event.payload().unwrap_or_else(|e| panic!("what was read can't be written: {e}"));
    let again = Event::read(kind, version, &written).unwrap_or_else(|e| panic!("what was written can't be read: {e}"));
    assert_eq!(*event, again);
    let _ = (event.touches(), event.field_count(), event.has_frontier());
}
