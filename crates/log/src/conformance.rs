//! What every log must do. One suite, run by each log in its own tests.

mod branches;

use crate::testing::Chain;
use crate::{Checkpoint, EventLog, LogError, StateKey, Write, limits};
use bytes::Bytes;
use hostler_events::{EventRef, Frontier, Hash, StoredEvent};
use hostler_model::Feed;
use std::ops::ControlFlow;

/// A log under test, and a way to close and open it again.
pub trait Harness {
    /// The log.
    fn log(&mut self) -> &mut dyn EventLog;
    /// Closes it and opens it again: what was acknowledged must be there.
    fn reopen(&mut self);
}

type Case = fn(&mut dyn Harness);

const CASES: &[(&str, Case)] = &[
    ("an empty log", empty),
    ("append and heads", append_and_heads),
    ("read", read),
    ("scan is in the order of feed and place", scan_order),
    ("scan stops when told", scan_stops),
    ("duplicates are passed over", duplicates),
    ("bad batches change nothing", bad_batches),
    ("a group is judged batch by batch", groups),
    ("all branches of a feed are kept", branches::kept),
    ("branches in one group", branches::in_a_group),
    ("limits", batch_limits),
    ("the limit of feeds", feed_limit),
    ("checkpoints", checkpoints),
    ("state", state),
    ("everything is there after opening it again", reopened),
];

/// Runs the suite, with a new and empty log for each case.
///
/// # Panics
/// Where the log does not conform.
pub fn check<H: Harness>(mut new: impl FnMut() -> H) {
    for (name, case) in CASES {
        // Shown where a case fails.
        println!("conformance: {name}");
        case(&mut new());
    }
}

fn empty(h: &mut dyn Harness) {
    for _ in 0..2 {
        let log = h.log();
        assert_eq!(log.heads(), Frontier::default());
        assert_eq!(log.count(), 0);
        assert_eq!(log.read(Chain::new(1).feed(), 0, 1_000), Ok(vec![]));
        assert_eq!(all(log), vec![]);
        assert_eq!(log.latest_checkpoint(), Ok(None));
        assert_eq!(log.checkpoint_ids(), Ok(vec![]));
        assert_eq!(log.get_state(StateKey::Votes), Ok(None));
        assert_eq!(log.append(&[]), Ok(()), "nothing to append is fine");
        h.reopen();
    }
}

fn append_and_heads(h: &mut dyn Harness) {
    let (mut a, mut b) = (Chain::new(1), Chain::new(2));
    let log = h.log();
    assert_eq!(log.append(&a.events(3)), Ok(()));
    // Feeds may be mixed in one batch.
    assert_eq!(log.append(&[b.small(), a.small(), b.small()]), Ok(()));
    assert_eq!(log.heads(), frontier(&[a.head(), b.head()]));
    assert_eq!((a.seq(), b.seq(), log.count()), (4, 2, 6));
}

fn read(h: &mut dyn Harness) {
    let mut chain = Chain::new(1);
    let feed = chain.feed();
    let events = chain.events(5);
    let log = h.log();
    // Neighbours in the order of keys must not leak in.
    for neighbour in [Chain::new(0), Chain::incarnation(1, 2), Chain::new(2)] {
        assert_eq!(log.append(&neighbour.clone().events(2)), Ok(()));
    }
    assert_eq!(log.append(&events), Ok(()));
    let size = |range: std::ops::Range<usize>| events[range].iter().map(|e| e.bytes().len()).sum::<usize>();
    for (from, max_bytes, want) in [
        (0, usize::MAX, 0..5),
        (1, usize::MAX, 0..5),
        (3, usize::MAX, 2..5),
        (5, usize::MAX, 4..5),
        (6, usize::MAX, 5..5),
        (u64::MAX, usize::MAX, 5..5),
        (2, size(1..4), 1..4),
        (2, size(1..4) - 1, 1..3),
        (2, 0, 1..2),
    ] {
        assert_eq!(log.read(feed, from, max_bytes), Ok(events[want].to_vec()), "from {from}, {max_bytes} bytes");
    }
    let unknown = Chain::new(9).feed();
    assert_eq!(log.read(unknown, 1, usize::MAX), Ok(vec![]));
}

fn scan_order(h: &mut dyn Harness) {
    // Handed in backwards; a later incarnation of a broker comes after the earlier one.
    let mut chains =
        [Chain::new(3), Chain::incarnation(2, 256), Chain::incarnation(2, 2), Chain::new(2), Chain::new(1)];
    let mut want = Vec::new();
    let log = h.log();
    for chain in &mut chains {
        // More than 255 places, so that the order of the key's bytes shows.
        let events = chain.events(300);
        assert_eq!(log.append(&events), Ok(()));
        want.push(events);
    }
    want.reverse();
    assert_eq!(all(log), want.concat());
    h.reopen();
    assert_eq!(all(h.log()), want.concat());
}

fn scan_stops(h: &mut dyn Harness) {
    let events = Chain::new(1).events(5);
    let log = h.log();
    assert_eq!(log.append(&events), Ok(()));
    let mut seen = Vec::new();
    let scanned = log.scan(&mut |event| {
        seen.push(event);
        if seen.len() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((scanned, seen), (Ok(()), events[..3].to_vec()));
}

fn duplicates(h: &mut dyn Harness) {
    let mut chain = Chain::new(1);
    let events = chain.events(6);
    let log = h.log();
    assert_eq!(log.append(&events[..3]), Ok(()));
    assert_eq!(log.append(&events[..2]), Ok(()), "old ones only");
    assert_eq!(log.append(&events[1..5]), Ok(()), "old and new ones");
    assert_eq!(log.append(&[events[5].clone(), events[5].clone(), events[0].clone()]), Ok(()), "within a batch");
    assert_eq!(all(log), events);
    assert_eq!(log.heads(), frontier(&[chain.head()]));
}

fn bad_batches(h: &mut dyn Harness) {
    let mut chain = Chain::new(1);
    let feed = chain.feed();
    let stored = chain.events(3);
    let at = |events: &[StoredEvent], index: usize| events[index].reference();

    let mut branch = Chain::new(1);
    branch.events(1);
    // Another second event, and what follows it.
    let forked: Vec<StoredEvent> = (0..3).map(|_| branch.large(400)).collect();
    let next = chain.events(3);
    let other = Chain::new(2).events(1).remove(0);
    let mut lost = chain.clone();
    let mut header = lost.next_header(&event_of(&next[2]));
    header.seq = 0;
    let zeroth = lost.seal_as(header, &event_of(&next[2]));
    let mut orphan = Chain::new(3);
    let mut header = orphan.next_header(&event_of(&next[2]));
    header.previous = Hash([7; 32]);
    let orphan = orphan.seal_as(header, &event_of(&next[2]));

    let cases: Vec<(&str, Vec<StoredEvent>, LogError)> = vec![
        ("a gap", next[1..].to_vec(), LogError::Gap { feed, have: 3, got: 5 }),
        (
            "a gap in a new feed",
            vec![Chain::new(4).events(2).remove(1)],
            LogError::Gap { feed: Chain::new(4).feed(), have: 0, got: 2 },
        ),
        ("a gap within the batch", vec![next[0].clone(), next[2].clone()], LogError::Gap { feed, have: 4, got: 6 }),
        ("another event at the head", vec![forked[1].clone()], fork(at(&stored, 2), at(&forked, 1))),
        ("a successor of another event", vec![forked[2].clone()], fork(at(&stored, 2), at(&forked, 1))),
        ("place 0", vec![zeroth.clone()], LogError::Malformed { event: zeroth.reference(), why: "places begin at 1" }),
        (
            "a first event with a predecessor",
            vec![orphan.clone()],
            LogError::Malformed { event: orphan.reference(), why: "it is a first event and names one before it" },
        ),
    ];
    let log = h.log();
    assert_eq!(log.append(&stored), Ok(()));
    for (what, bad, error) in cases {
        // Good events before and after the bad ones must not be stored either.
        let batch = [vec![other.clone()], bad, vec![next[0].clone()]].concat();
        assert_eq!(log.append(&batch), Err(error), "{what}");
        assert_eq!(log.heads(), frontier(&[at(&stored, 2)]), "{what}: the heads did not move");
        assert_eq!(all(log), stored, "{what}: nothing was stored");
    }
    h.reopen();
    let log = h.log();
    assert_eq!(all(log), stored);
    assert_eq!(log.append(&next), Ok(()), "the feed goes on");
}

fn groups(h: &mut dyn Harness) {
    let (mut a, mut b) = (Chain::new(1), Chain::new(2));
    let (of_a, of_b) = (a.events(4), b.events(3));
    let mut branch = Chain::new(1);
    branch.events(1);
    branch.large(400);
    let forked = branch.large(400);
    let forks = fork(of_a[2].reference(), forked.reference());
    let log = h.log();
    let verdicts = log.commit(&[
        Write::Events(of_a[..2].to_vec()),
        Write::Events(vec![of_b[0].clone(), of_a[3].clone()]),
        // Seen in this group already, and on from there.
        Write::Events(of_a[1..3].to_vec()),
        Write::Events(vec![forked.clone()]),
        Write::State(StateKey::Clock, Bytes::from_static(b"noon")),
        // The refused batch had this one too.
        Write::Events(vec![of_b[0].clone()]),
        Write::Events(vec![of_b[2].clone()]),
    ]);
    let gap = |events: &[StoredEvent], have, got| Err(LogError::Gap { feed: events[0].header().feed, have, got });
    assert_eq!(verdicts, Ok(vec![Ok(()), gap(&of_a, 2, 4), Ok(()), Err(forks), Ok(()), Ok(()), gap(&of_b, 1, 3)]));
    assert_eq!(all(log), [&of_a[..3], &of_b[..1]].concat());
    assert_eq!(log.heads(), frontier(&[of_a[2].reference(), of_b[0].reference()]));
    assert_eq!(log.get_state(StateKey::Clock), Ok(Some(Bytes::from_static(b"noon"))));
    assert_eq!(log.commit(&[]), Ok(vec![]));
}

fn batch_limits(h: &mut dyn Harness) {
    let mut chain = Chain::new(1);
    let log = h.log();
    let events = chain.events(limits::GROUP_EVENTS + 1);
    let bytes = events.iter().map(|e| e.bytes().len()).sum();
    assert_eq!(log.append(&events), Err(LogError::BatchTooLarge { events: events.len(), bytes }));
    assert_eq!(log.append(&events[..limits::GROUP_EVENTS]), Ok(()));

    let mut chain = Chain::new(2);
    let large: Vec<StoredEvent> = (0..limits::GROUP_BYTES / 60_000 + 1).map(|_| chain.large(60_000)).collect();
    let bytes = large.iter().map(|e| e.bytes().len()).sum();
    assert_eq!(log.append(&large), Err(LogError::BatchTooLarge { events: large.len(), bytes }));
    let (last, rest) = (large.len() - 2, &large[..large.len() - 2]);
    assert_eq!(log.append(rest), Ok(()));
    assert_eq!(log.append(&large[last..]), Ok(()));
    let got = log.read(chain.feed(), 1, usize::MAX).map(|events| events.len());
    let size = large[0].bytes().len();
    assert_eq!(got, Ok(limits::READ_BYTES / size), "a read has a limit of its own");
}

fn feed_limit(h: &mut dyn Harness) {
    let log = h.log();
    let ordinal = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let firsts: Vec<StoredEvent> = (1..=limits::FEEDS + 1).map(|n| Chain::incarnation(1, ordinal(n)).small()).collect();
    let few = limits::FEEDS - 10;
    assert_eq!(log.append(&firsts[..few]), Ok(()));
    // Those of one commit count together, those of a refused batch don't.
    let writes = [few..few + 5, few + 5..limits::FEEDS + 1, few + 5..limits::FEEDS, limits::FEEDS..limits::FEEDS + 1];
    let writes = writes.map(|range| Write::Events(firsts[range].to_vec()));
    let refused = || Err(LogError::TooManyFeeds(firsts[limits::FEEDS].header().feed));
    assert_eq!(log.commit(&writes), Ok(vec![Ok(()), refused(), Ok(()), refused()]));
    assert_eq!(log.append(&firsts[limits::FEEDS..]), refused());
    let mut known = Chain::incarnation(1, 7);
    assert_eq!(log.append(&known.events(2)), Ok(()), "known feeds go on");
}

fn checkpoints(h: &mut dyn Harness) {
    let checkpoint = |id, bytes: &'static [u8]| Checkpoint { id, bytes: Bytes::from_static(bytes) };
    let log = h.log();
    assert_eq!(log.put_checkpoint(checkpoint(1, b"one")), Ok(()));
    assert_eq!(log.latest_checkpoint(), Ok(Some(checkpoint(1, b"one"))));
    assert_eq!(log.put_checkpoint(checkpoint(300, b"three hundred")), Ok(()));
    assert_eq!(log.put_checkpoint(checkpoint(2, b"two")), Err(LogError::CheckpointOrder { have: 300, got: 2 }));
    assert_eq!(log.put_checkpoint(checkpoint(300, b"again")), Ok(()), "one number, one checkpoint");
    assert_eq!(log.checkpoint_ids(), Ok(vec![1, 300]));
    assert_eq!(log.put_checkpoint(checkpoint(301, b"")), Ok(()));
    let (size, limit) = (limits::CHECKPOINT_BYTES + 1, limits::CHECKPOINT_BYTES);
    let huge = Checkpoint { id: 302, bytes: vec![0; size].into() };
    let error = LogError::TooLarge { what: "checkpoint 302".into(), bytes: size, limit };
    assert_eq!(log.put_checkpoint(huge), Err(error));
    for _ in 0..2 {
        let log = h.log();
        assert_eq!(log.checkpoint_ids(), Ok(vec![300, 301]), "the last two are kept");
        assert_eq!(log.checkpoint(1), Ok(None));
        assert_eq!(log.checkpoint(300), Ok(Some(checkpoint(300, b"again"))));
        assert_eq!(log.latest_checkpoint(), Ok(Some(checkpoint(301, b""))));
        h.reopen();
    }
    // Several in one commit.
    let writes: Vec<Write> = [302, 303, 304].map(|id| Write::Checkpoint(checkpoint(id, b"x"))).into();
    assert_eq!(h.log().commit(&writes), Ok(vec![Ok(()); 3]));
    assert_eq!(h.log().checkpoint_ids(), Ok(vec![303, 304]));
}

fn state(h: &mut dyn Harness) {
    let log = h.log();
    for key in StateKey::ALL {
        assert_eq!(log.put_state(key, Bytes::from(format!("old {key}"))), Ok(()));
        assert_eq!(log.put_state(key, Bytes::from(key.name())), Ok(()));
    }
    let size = limits::STATE_BYTES + 1;
    let error = LogError::TooLarge { what: "the value votes".into(), bytes: size, limit: limits::STATE_BYTES };
    assert_eq!(log.put_state(StateKey::Votes, vec![0; size].into()), Err(error));
    for _ in 0..2 {
        for key in StateKey::ALL {
            assert_eq!(h.log().get_state(key), Ok(Some(Bytes::from(key.name()))));
        }
        h.reopen();
    }
}

fn reopened(h: &mut dyn Harness) {
    let (mut a, mut b) = (Chain::new(1), Chain::incarnation(1, 2));
    let mut want_a = Vec::new();
    let mut want_b = Vec::new();
    for round in 0..4 {
        let log = h.log();
        assert_eq!(all(log), [&want_a[..], &want_b[..]].concat(), "round {round}");
        let (new_a, new_b) = (a.events(3), b.events(2));
        assert_eq!(log.append(&new_a), Ok(()), "round {round}");
        assert_eq!(log.append(&new_b), Ok(()), "round {round}");
        want_a.extend(new_a);
        want_b.extend(new_b);
        h.reopen();
        assert_eq!(h.log().heads(), frontier(&[a.head(), b.head()]), "round {round}");
        assert_eq!(h.log().append(&want_a), Ok(()), "round {round}: still known");
    }
    assert_eq!(h.log().count(), 20);
}

/// Everything, as a scan hands it over.
fn all(log: &dyn EventLog) -> Vec<StoredEvent> {
    let mut events = Vec::new();
    let scanned = log.scan(&mut |event| {
        events.push(event);
        ControlFlow::Continue(())
    });
    assert_eq!(scanned, Ok(()));
    events
}

fn frontier(heads: &[EventRef]) -> Frontier {
    let head = |r: &EventRef| -> (Feed, (u64, Hash)) { (r.feed, (r.seq, r.hash)) };
    Frontier(heads.iter().map(head).collect())
}

fn fork(have: EventRef, got: EventRef) -> LogError {
    LogError::Fork { feed: have.feed, seq: have.seq, have: have.hash, got: got.hash }
}

fn event_of(stored: &StoredEvent) -> hostler_events::Event {
    match stored.event() {
        Ok(event) => event,
        Err(error) => panic!("{error}"),
    }
}
