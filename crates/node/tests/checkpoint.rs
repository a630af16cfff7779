//! Starts that go on from saved views, and starts on a disk that was restored from a copy.

#![allow(clippy::unwrap_used, missing_docs)]

#[allow(dead_code)] // each test file needs a part of it
mod net;

use hostler_events::payload::UserAdded;
use hostler_events::{Actor, AuthorKey, Event, Frontier, Hash};
use hostler_model::*;
use hostler_node::{Author, Message};
use hostler_views::SavedViewsError;
use net::{Net, SITE, id, secret, user};

/// Events that broker 2 wrote in another incarnation, all at once.
const MANY: u64 = 12_120;

/// Gives broker 1 many events.
fn with_many_events() -> Net {
    let mut net = Net::farm(2);
    net.stop(2);
    let feed = Feed { broker: id(2), incarnation: Incarnation { ordinal: 2, random: 7 } };
    let mut author = Author::new(AuthorKey::from_secret(&secret(2)), feed, SITE, 0, Hash::ZERO, HlcClock::default());
    let (wall, epoch) = (Wall(net.time_ms), net.node(1).epoch());
    // More small events in a chunk than the log takes in a batch.
    let mut chunk = Vec::new();
    for n in 0..MANY {
        let (user, name) = (UserId(u128::from(n + 1).to_be_bytes()), format!("user{n}").parse().unwrap());
        let event = Event::UserAdded(UserAdded { user, name });
        let stored = author.write(wall, Actor::System, &event, epoch, &Frontier::default(), Vec::new(), None).unwrap();
        chunk.push(stored.bytes().clone());
        if chunk.len() == 1_515 {
            net.deliver(1, 2, Message::Chunk(std::mem::take(&mut chunk)));
        }
    }
    net
}

#[test]
fn a_start_goes_on_from_a_checkpoint() {
    let mut net = with_many_events();
    assert!(net.machines[&id(1)].saved.is_some(), "after 10,000 events");
    let (digest, unsaved) = (net.node(1).digest(), net.node(1).unsaved());
    assert!(unsaved > 0 && unsaved < 10_000, "{unsaved}");
    net.stop(1);
    net.start(id(1));
    assert_eq!((net.node(1).digest(), net.node(1).unsaved()), (digest, unsaved));
    assert!(net.no_use.is_empty());
    net.run(4_000);
    net.command(1, user("alice")).unwrap();

    // A disk that lacks what the checkpoint covers.
    net.stop(1);
    let whole = net.machines[&id(1)].disk.clone();
    let cut = net.machines[&id(1)].disk.iter().position(|e| e.header().seq == MANY / 2).unwrap();
    net.machines.get_mut(&id(1)).unwrap().disk.truncate(cut);
    net.start(id(1));
    assert!(matches!(net.no_use.pop(), Some((_, SavedViewsError::OtherLog { .. }))));
    assert_eq!(net.node(1).views().site(SITE).unwrap().users.len() as u64, MANY / 2 - 1);
    net.stop(1);

    // A clock that takes what the checkpoint covers for the future.
    let machine = net.machines.get_mut(&id(1)).unwrap();
    (machine.disk, machine.clock_ms) = (whole, -500_000);
    net.start(id(1));
    assert!(matches!(net.no_use.pop(), Some((_, SavedViewsError::OtherLog { .. }))));
    assert!(net.node(1).views().main_site().is_none_or(|_| net.node(1).digest() != digest));
}

#[test]
fn a_restored_disk_opens_a_new_incarnation_whatever_the_others_say() {
    for (brokers, others_answer) in [(1, true), (3, true), (3, false)] {
        let mut net = Net::farm(brokers);
        net.command(1, user("alice")).unwrap();
        net.run(2_000);
        net.stop(1);
        for n in 2..=brokers {
            net.link(1, n, others_answer);
        }
        net.start(id(1));
        net.node(1).break_continuity();
        net.run(5_000);
        net.command(1, user("bob")).unwrap();
        assert_eq!(net.node(1).incarnation().ordinal, 2, "{brokers} brokers, others answer: {others_answer}");
        net.command(1, user("carol")).unwrap();
        assert_eq!(net.node(1).incarnation().ordinal, 2, "once");
        if others_answer {
            net.run(2_000);
            net.assert_equal_views();
        }
    }
}
