//! Bytes from elsewhere: whatever they are, reading them never panics and never takes more memory than they do; what
//! was changed on the way is noticed.

#![allow(clippy::unwrap_used, missing_docs)]

mod samples;

use bytes::Bytes;
use hostler_events::codec::{self, CodecError};
use hostler_events::{AuthorKey, Event, Frontier, Hash, Header, REGISTRY, StoredError, StoredEvent, verify_batch};
use hostler_model::{PublicKey, limits};
use proptest::prelude::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Counts what a thread allocates, to show that a hostile length is not believed.
struct Counting;

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

fn count(bytes: usize) {
    // Where the thread is ending nothing is counted any more.
    let _ = ALLOCATED.try_with(|a| a.set(a.get() + bytes));
}

// SAFETY: everything is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Reads bytes in every way that there is, and says how much the most expensive one allocated, freed or not.
fn read_all(bytes: &[u8]) -> usize {
    fn allocated<T>(read: impl FnOnce() -> T) -> usize {
        let before = ALLOCATED.get();
        read();
        ALLOCATED.get() - before
    }
    let stored = allocated(|| {
        StoredEvent::parse(Bytes::copy_from_slice(bytes))
            .map(|stored| (stored.event().is_ok(), stored.verify(&samples::key(2).public()).is_ok()))
    });
    let values = [
        allocated(|| codec::decode::<Header>(bytes).is_ok()),
        allocated(|| codec::decode::<Frontier>(bytes).is_ok()),
        allocated(|| codec::decode::<String>(bytes).is_ok()),
        allocated(|| codec::decode::<Vec<[u8; 32]>>(bytes).is_ok()),
    ];
    let payloads = REGISTRY.iter().map(|k| allocated(|| Event::read(k.id, k.version, bytes).is_ok()));
    payloads.chain(values).fold(stored, usize::max)
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read_all(&bytes);
    }

    /// Random bytes seldom get far; damaged real ones do.
    #[test]
    fn damaged_events_are_read_without_a_panic(
        n in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let all = samples::samples();
        let sample = n.get(&all);
        for mut bytes in [sample.event.payload().unwrap(), samples::seal(&sample.event).bytes().to_vec()] {
            for (at, byte) in &damage {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
            }
            read_all(&bytes);
            read_all(&bytes[..cut.index(bytes.len() + 1)]);
        }
    }

    #[test]
    fn any_kind_and_version_are_read_without_a_panic(kind in any::<u16>(), version in any::<u16>(), payload: Vec<u8>) {
        let _ = Event::read(kind, version, &payload);
    }

    #[test]
    fn a_round_trip_is_exact(seq: u64, wall: u64, previous: [u8; 32], text in "\\PC{0,200}") {
        let reason = Event::Discarded(hostler_events::payload::Discarded {
            event: hostler_events::EventRef { feed: samples::feed(1), seq, hash: Hash(previous) },
            reason: text,
        });
        let mut header = samples::seal(&reason).header().clone();
        (header.seq, header.previous, header.hlc.wall.0) = (seq, Hash(previous), wall);
        let sealed = StoredEvent::seal(header, &reason, &samples::key(2)).unwrap();
        let parsed = StoredEvent::parse(sealed.bytes().clone()).unwrap();
        prop_assert_eq!(&parsed, &sealed);
        prop_assert_eq!(parsed.event().unwrap(), reason);
        prop_assert!(parsed.verify(&samples::key(2).public()).is_ok());
    }
}

#[test]
fn every_sample_survives_its_stored_form() {
    for sample in samples::samples() {
        let sealed = samples::seal(&sample.event);
        let parsed = StoredEvent::parse(sealed.bytes().clone()).unwrap();
        assert_eq!(parsed, sealed);
        assert_eq!(parsed.event().unwrap(), sample.event);
        assert_eq!(codec::encode(parsed.header()).unwrap(), codec::encode(sealed.header()).unwrap());
    }
}

#[test]
fn any_flipped_bit_is_noticed() {
    let key = samples::key(2).public();
    for (class, _, sealed) in samples::stored() {
        for bit in 0..sealed.bytes().len() * 8 {
            let mut bytes = sealed.bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Ok(parsed) = StoredEvent::parse(bytes.into()) else { continue };
            let signature = bit / 8 < 64;
            assert_eq!(parsed.hash() == sealed.hash(), signature, "bit {bit} of a {class} event: the hash");
            assert!(parsed.verify(&key).is_err(), "bit {bit} of a {class} event: the signature");
        }
    }
}

#[test]
fn cut_or_lengthened_events_are_noticed() {
    let key = samples::key(2).public();
    for (class, _, sealed) in samples::stored() {
        for length in 0..sealed.bytes().len() {
            let Ok(parsed) = StoredEvent::parse(sealed.bytes().slice(..length)) else { continue };
            assert!(parsed.verify(&key).is_err(), "{length} bytes of a {class} event");
        }
        let longer = [sealed.bytes().as_ref(), &[0]].concat();
        let parsed = StoredEvent::parse(longer.into()).unwrap();
        assert!(parsed.verify(&key).is_err() && parsed.event().is_err(), "a {class} event with a byte more");
    }
}

#[test]
fn sizes_outside_the_limits_are_refused() {
    for length in [0, 1, 63, 64, limits::EVENT_BYTES + 1] {
        let error = StoredEvent::parse(vec![Header::FORMAT; length].into()).unwrap_err();
        assert!(matches!(error, StoredError::Size(n) if n == length), "{error}");
    }
    let mut bytes = vec![0; 100];
    bytes[64] = Header::FORMAT + 1;
    let error = StoredEvent::parse(bytes.into()).unwrap_err();
    assert!(matches!(error, StoredError::Format(2)), "{error}");
    let large = Event::Discarded(hostler_events::payload::Discarded {
        event: samples::seal(&samples::of(2, 1)[0].event).reference(),
        reason: "x".repeat(limits::EVENT_BYTES),
    });
    let header = samples::headers().remove(0).1;
    assert!(matches!(StoredEvent::seal(header, &large, &samples::key(2)), Err(StoredError::Size(_))));
}

#[test]
fn a_hostile_length_is_not_believed() {
    // A length of 2^64-1, of 2^32-1 and of half a megabyte, in the codec's variable form.
    let lengths: [&[u8]; 3] =
        [&[0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &[0xfc, 0xff, 0xff, 0xff, 0xff], &[0xfc, 0, 0, 8, 0]];
    let mut most = 0;
    for length in lengths {
        // A header whose list of things has this length, and payloads that begin with an id and a list.
        let (_, least) = samples::headers().remove(1);
        let mut header = codec::encode(&least).unwrap();
        header.truncate(header.len() - 3);
        header.extend(length);
        let listed = [&[7; 16][..], length].concat();
        let inputs = [length.to_vec(), header, listed];
        for input in &inputs {
            most = most.max(read_all(input)).max(read_all(&[&[0; 64][..], input].concat()));
        }
        assert!(codec::decode::<String>(&inputs[0]).is_err());
        assert!(codec::decode::<Vec<[u8; 32]>>(&inputs[0]).is_err());
        assert!(codec::decode::<Header>(&inputs[1]).is_err());
        assert!(matches!(Event::read(24, 1, &inputs[0]), Err(e) if !e.is_unknown()), "a list of brokers");
        assert!(Event::read(73, 1, &inputs[2]).is_err(), "a group's fields");
    }
    // Serde reserves a megabyte ahead at most, the codec what its limit allows.
    assert!(most <= 2 * limits::FRAME_BYTES, "{most} bytes were allocated");
}

#[test]
fn bytes_left_over_are_refused() {
    for sample in samples::samples() {
        let mut bytes = sample.event.payload().unwrap();
        bytes.push(0);
        let kind = sample.event.kind();
        let error = Event::read(kind.id, sample.version, &bytes).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the payload of a {} event can't be read: {}", kind.name, CodecError::Trailing(1))
        );
    }
}

#[test]
fn a_batch_is_accepted_where_all_are_good_and_names_the_bad_one_otherwise() {
    let authors: Vec<AuthorKey> = (1..=3).map(samples::key).collect();
    let event = samples::of(60, 1).remove(0).event;
    let good: Vec<(StoredEvent, PublicKey)> = (1..=30)
        .map(|seq| {
            let author = &authors[seq % 3];
            let header = Header { seq: seq as u64, ..samples::seal(&event).header().clone() };
            (StoredEvent::seal(header, &event, author).unwrap(), author.public())
        })
        .collect();
    let verify = |events: &[(StoredEvent, PublicKey)]| verify_batch(events.iter().map(|(e, key)| (e, *key)));
    verify(&[]).unwrap();
    verify(&good).unwrap();
    for bad in [0, 13, 29] {
        let mut events = good.clone();
        let mut bytes = events[bad].0.bytes().to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        events[bad].0 = StoredEvent::parse(bytes.into()).unwrap();
        let want = events[bad].0.reference();
        let error = verify(&events).unwrap_err();
        assert!(matches!(error, StoredError::Signature(r) if r == want), "{error}");

        let mut events = good.clone();
        events[bad].1 = samples::key(9).public();
        let error = verify(&events).unwrap_err();
        assert!(matches!(error, StoredError::Signature(r) if r == good[bad].0.reference()), "another's key: {error}");
    }
    // Two signatures that are good, on each other's events.
    let mut events = good.clone();
    let (one, two) = (good[3].0.bytes(), good[6].0.bytes());
    events[3].0 = StoredEvent::parse([&two[..64], &one[64..]].concat().into()).unwrap();
    events[6].0 = StoredEvent::parse([&one[..64], &two[64..]].concat().into()).unwrap();
    assert!(matches!(verify(&events), Err(StoredError::Signature(r)) if r.seq == good[3].0.header().seq));
}

#[test]
fn weak_and_foreign_keys_are_refused() {
    let event = samples::of(60, 1).remove(0).event;
    let good = samples::seal(&event);
    assert!(matches!(good.verify(&samples::key(3).public()), Err(StoredError::Signature(_))));
    // The neutral point, with which R = neutral, s = 0 is a signature for anything where nobody looks (RFC 8032, 8.9).
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut forged = good.bytes().to_vec();
    forged[..64].fill(0);
    forged[0] = 1;
    let forged = StoredEvent::parse(forged.into()).unwrap();
    let no_point = PublicKey([2; 32]);
    for key in [PublicKey(neutral), PublicKey([0; 32])] {
        let error = forged.verify(&key).unwrap_err();
        assert!(matches!(error, StoredError::Signature(_) | StoredError::Key(_)), "{error}");
        assert!(verify_batch([(&good, samples::key(2).public()), (&forged, key)]).is_err());
    }
    assert!(matches!(good.verify(&no_point), Err(StoredError::Key(k)) if k == no_point));
    assert!(matches!(verify_batch([(&good, no_point)]), Err(StoredError::Key(k)) if k == no_point));
}
