//! The keys under which events are stored: their order is the order of (feed, place).

use hostler_events::EventRef;
use hostler_model::{BrokerId, Feed, Incarnation};

/// Broker, 16 bytes; ordinal, 4; random, 8; place, 8: all big endian.
pub(crate) const KEY_BYTES: usize = 16 + 4 + 8 + 8;

pub(crate) fn write(feed: Feed, seq: u64) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    key[..16].copy_from_slice(&feed.broker.0);
    key[16..20].copy_from_slice(&feed.incarnation.ordinal.to_be_bytes());
    key[20..28].copy_from_slice(&feed.incarnation.random.to_be_bytes());
    key[28..].copy_from_slice(&seq.to_be_bytes());
    key
}

/// What the keys of events of other branches begin with: they are among the small values, whose names are others.
pub(crate) const BRANCH_PREFIX: &[u8] = b"branch\0";

/// The key of an event of another branch than the one that came first: its place, and then its hash.
pub(crate) fn write_branch(event: &EventRef) -> Vec<u8> {
    [BRANCH_PREFIX, &write(event.feed, event.seq), &event.hash.0].concat()
}

/// The place in the key of an event of another branch; `None` where the bytes are no such key.
pub(crate) fn read_branch(key: &[u8]) -> Option<(Feed, u64)> {
    read(key.strip_prefix(BRANCH_PREFIX)?.get(..KEY_BYTES)?)
}

/// `None` where the bytes are no key.
pub(crate) fn read(key: &[u8]) -> Option<(Feed, u64)> {
    let (broker, rest) = key.split_first_chunk::<16>()?;
    let (ordinal, rest) = rest.split_first_chunk::<4>()?;
    let (random, rest) = rest.split_first_chunk::<8>()?;
    let seq: [u8; 8] = rest.try_into().ok()?;
    let incarnation = Incarnation { ordinal: u32::from_be_bytes(*ordinal), random: u64::from_be_bytes(*random) };
    Some((Feed { broker: BrokerId(*broker), incarnation }, u64::from_be_bytes(seq)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ordered_like_feeds_and_places() {
        let feed = |broker, ordinal, random| Feed {
            broker: BrokerId([broker; 16]),
            incarnation: Incarnation { ordinal, random },
        };
        let places = [
            (feed(1, 1, 2), 255),
            (feed(1, 1, 2), 256),
            (feed(1, 1, 300), 1),
            (feed(1, 255, 1), 1),
            (feed(1, 256, 0), 0),
            (feed(2, 0, 0), u64::MAX),
        ];
        let keys = places.map(|(feed, seq)| write(feed, seq));
        assert!(keys.is_sorted() && places.is_sorted());
        assert_eq!(keys.map(|key| read(&key)), places.map(Some));
        assert_eq!(read(&keys[0][1..]), None);
        assert_eq!(read(&[&keys[0][..], &[0]].concat()), None);
        let text: String = write(feed(0xAB, 1, 2), 3).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(text, "abababababababababababababababab0000000100000000000000020000000000000003");
    }
}
