//! Feeds that fork: in every order of arrival the same comes out.

use super::*;
use crate::Author;
use hostler_events::payload::UserAdded;
use hostler_events::{Actor, AuthorKey, branch_of};
use hostler_model::{Incarnation, UserId};

const NOW: Wall = Wall(100_000);
/// Events that one question is answered with.
const CHUNK: usize = 50;

fn base() -> Feed {
    Feed { broker: BrokerId([2; 16]), incarnation: Incarnation { ordinal: 1, random: 1 } }
}

/// A feed's events: those up to `common` are the same in every branch.
fn feed(branch: u8, common: u64, count: u64) -> Vec<StoredEvent> {
    written(branch, common, count, 0)
}

/// The same; those behind `common` are written so much later.
fn written(branch: u8, common: u64, count: u64, later_ms: u64) -> Vec<StoredEvent> {
    let key = AuthorKey::from_secret(&[2; 32]);
    let mut author = Author::new(key, base(), SiteId([9; 16]), 0, Hash::ZERO, HlcClock::default());
    let mut events = Vec::new();
    for seq in 1..=count {
        let (wall, user) = if seq > common { (seq + later_ms, branch) } else { (seq, 0) };
        let name = format!("user{user}.{seq}").parse().expect("a name");
        let event = Event::UserAdded(UserAdded { user: UserId([user.wrapping_mul(16) + seq as u8; 16]), name });
        let stored =
            author.write(Wall(wall), Actor::System, &event, Epoch::NONE, &Frontier::default(), Vec::new(), None);
        events.push(stored.expect("an event"));
    }
    events
}

fn replica() -> Replica {
    let mut replica = Replica::default();
    replica.trust([(BrokerId([2; 16]), AuthorKey::from_secret(&[2; 32]).public())]);
    replica
}

fn accept(replica: &mut Replica, events: &[StoredEvent]) -> Accepted {
    replica.accept(events.to_vec(), NOW, &mut HlcClock::default())
}

/// A branch by the first of its events in `events`.
fn branch(events: &[StoredEvent], first: usize) -> Feed {
    branch_of(base(), events[first - 1].hash())
}

fn head(events: &[StoredEvent], seq: usize) -> (u64, Hash) {
    (seq as u64, events[seq - 1].hash())
}

#[test]
fn what_is_missing_is_asked_for_from_where_a_branch_may_begin() {
    for (known, sent, missing) in [
        // A gap is asked for.
        (vec![feed(1, 3, 3)], feed(1, 3, 5)[4..].to_vec(), vec![4]),
        // What comes behind the end, and follows another event than the last one.
        (vec![feed(1, 2, 3)], feed(2, 2, 5)[3..].to_vec(), vec![1]),
        // What lies between a branch and what is known of it: from behind the nearest end of one.
        (vec![feed(1, 2, 3), feed(2, 2, 4)], feed(2, 2, 8)[7..].to_vec(), vec![5]),
        (vec![feed(1, 2, 3), feed(2, 2, 9)], feed(1, 2, 8)[7..].to_vec(), vec![4]),
        (vec![feed(1, 300, 310)], feed(2, 280, 305)[299..].to_vec(), vec![44]),
        // What is there already is not.
        (vec![feed(1, 2, 3), feed(2, 2, 4)], feed(2, 2, 4), vec![]),
    ] {
        let mut replica = replica();
        known.iter().for_each(|events| assert!(accept(&mut replica, events).missing.is_empty()));
        let got = accept(&mut replica, &sent);
        assert_eq!(got.missing, missing.iter().map(|from| (base(), *from)).collect::<Vec<_>>());
        assert_eq!(got.fresh.len(), 0);
    }
    // Nobody knows the author: only that is said.
    let got = Replica::default().accept(feed(1, 3, 3), NOW, &mut HlcClock::default());
    assert!(got.unknown_author && got.missing.is_empty());
}

#[test]
fn another_branch_is_fetched_whole_however_far_back_it_begins() {
    for (ours, theirs, questions) in [
        (feed(1, 5, 9), feed(2, 5, 9), 3),
        (feed(1, 5, 9), feed(2, 5, 7), 3),
        (feed(1, 1, 2), feed(2, 1, 120), 5),
        (feed(1, 0, 2), feed(2, 0, 2), 3),
        (feed(1, 2, 200), feed(2, 2, 200), 9),
    ] {
        let mut replica = replica();
        accept(&mut replica, &ours);
        let mut asked = 0;
        // Heads come again and again, and each time the questions that follow from them.
        while !replica.has(&theirs[theirs.len() - 1].reference()) {
            let mut heads = Frontier::default();
            let last = theirs[theirs.len() - 1].reference();
            heads.raise(last.feed, last.seq, last.hash);
            let mut from = replica.part_from(&mut heads).pop().map(|(_, seq)| seq);
            from = from.or_else(|| replica.earlier(base(), last.seq + 1));
            while let Some(place) = from {
                asked += 1;
                assert!(asked <= questions, "{} and {}: {place}", ours.len(), theirs.len());
                let at = usize::try_from(place).unwrap_or(0) - 1;
                let got = accept(&mut replica, &theirs[at..theirs.len().min(at + CHUNK)]);
                from = got.missing.first().map(|(_, from)| *from);
            }
        }
        assert!(theirs.iter().chain(&ours).all(|e| replica.has(&e.reference())));
    }
}

#[test]
fn every_order_of_arrival_and_a_restart_come_to_the_same() {
    let (a, b, c) = (feed(1, 3, 5), feed(2, 3, 4), feed(3, 1, 3));
    let want = Frontier(BTreeMap::from([
        (base(), head(&a, 1)),
        (branch(&a, 2), head(&a, 3)),
        (branch(&a, 4), head(&a, 5)),
        (branch(&b, 4), head(&b, 4)),
        (branch(&c, 2), head(&c, 3)),
    ]));
    let mut digests = BTreeSet::new();
    for order in [[&a, &b, &c], [&a, &c, &b], [&b, &a, &c], [&b, &c, &a], [&c, &a, &b], [&c, &b, &a]] {
        let mut replica = replica();
        let mut disk = Vec::new();
        for (n, events) in order.into_iter().enumerate() {
            let got = accept(&mut replica, events);
            let forks: Vec<bool> =
                got.bad.iter().map(|bad| matches!(bad, Bad::Fork(feed, _) if *feed == base())).collect();
            assert_eq!(forks, vec![true; usize::from(n > 0)]);
            assert_eq!(accept(&mut replica, events).fresh.len(), 0, "once more changes nothing");
            for event in &got.fresh {
                let named = replica.named(&event.reference());
                replica.durable.raise(named.feed, named.seq, named.hash);
            }
            disk.extend(got.fresh);
        }
        assert_eq!(disk.len(), 8);
        for frontier in [&replica.accepted, &replica.durable, &replica.folded, &replica.seen] {
            assert_eq!(*frontier, want);
        }
        assert_eq!(replica.views.timelines().map(|(_, t)| t.entries().len()).sum::<usize>(), 8);
        digests.insert(replica.views.digest());
        assert_eq!(replica.in_log(branch(&a, 4), 1), (base(), 4));
        assert!(replica.views.save().is_none());

        // As the log hands them over: the branch that came first, then the others.
        let first: Vec<StoredEvent> = order[0].clone();
        let rest = disk.iter().filter(|e| !first.contains(e)).cloned();
        let events: Vec<Arc<Loaded>> = first.iter().cloned().chain(rest).map(|e| Arc::new(Loaded::take(e))).collect();
        let mut again = self::replica();
        assert_eq!(again.load(events, None, NOW, &mut HlcClock::default()), None);
        for frontier in [&again.accepted, &again.durable, &again.folded, &again.seen] {
            assert_eq!(*frontier, want);
        }
        digests.insert(again.views.digest());
    }
    assert_eq!(digests.len(), 1);
}

#[test]
fn a_branch_that_is_held_is_known_and_in_no_view() {
    let ahead = limits::HELD_AHEAD_MS + 10;
    let (a, b) = (feed(1, 2, 4), written(2, 2, 3, NOW.0 + ahead));
    let both =
        Frontier(BTreeMap::from([(base(), head(&a, 2)), (branch(&a, 3), head(&a, 4)), (branch(&b, 3), head(&b, 3))]));
    let one = Frontier(BTreeMap::from([(base(), head(&a, 4))]));
    for order in [[&a, &b], [&b, &a]] {
        let mut replica = replica();
        order.into_iter().for_each(|events| {
            accept(&mut replica, events);
        });
        assert_eq!((&replica.accepted, &replica.folded, replica.held()), (&both, &one, 1));
        replica.release_held(NOW.plus(ahead), &mut HlcClock::default());
        assert_eq!((&replica.accepted, &replica.folded, replica.held()), (&both, &both, 0));
    }
}

#[test]
fn branches_have_a_limit() {
    let mut replica = replica();
    let mut sent: Vec<StoredEvent> = feed(0, 1, 1);
    sent.extend((1..=255).map(|n| feed(n, 1, 2).remove(1)));
    sent.extend((1..=5).map(|n| feed(n, 0, 1).remove(0)));
    let got = accept(&mut replica, &sent);
    let refused = got.bad.iter().filter(|bad| matches!(bad, Bad::Forged { .. })).count();
    assert_eq!((got.fresh.len(), refused), (1 + 255 + 2, 1));
    // What there is goes on.
    assert_eq!(accept(&mut replica, &feed(7, 1, 4)).fresh.len(), 2);
}

#[test]
fn what_was_held_is_folded_before_what_follows_it() {
    // The first event is from the future when it comes; when the next one comes, both are due.
    let (events, mut replica, mut clock) = (written(1, 0, 2, 100_000), replica(), HlcClock::default());
    replica.accept(events[..1].to_vec(), Wall(10_000), &mut clock);
    assert_eq!((replica.held(), replica.folded.0.get(&base())), (1, None));
    replica.accept(events[1..].to_vec(), Wall(50_000), &mut clock);
    assert_eq!((replica.held(), replica.folded.0.get(&base())), (0, Some(&head(&events, 2))));
    assert!((1..=2).all(|seq| replica.hash_at(base(), seq) == Some(events[seq as usize - 1].hash())));
}

#[test]
fn a_clock_that_is_set_back_holds_again_what_is_in_the_future() {
    let (early, late) = (feed(1, 3, 3), written(1, 2, 3, 200_000));
    for (events, held, folded) in [(&early, 0, Some(&head(&early, 3))), (&late, 1, Some(&head(&late, 2)))] {
        let (mut replica, mut clock) = (replica(), HlcClock::default());
        replica.accept(events.clone(), Wall(200_000), &mut clock);
        assert_eq!(replica.hold_again(Wall(1_000), &mut clock), held > 0);
        assert_eq!((replica.held(), replica.folded.0.get(&base())), (held, folded));
        // Its time comes.
        assert_eq!(replica.release_held(Wall(150_000), &mut clock), held > 0);
        assert_eq!((replica.held(), replica.folded.0.get(&base())), (0, Some(&head(events, 3))));
    }
}
