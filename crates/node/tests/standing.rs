//! Who is a member, by which key, and in which incarnation: removed brokers and their return, stolen and replaced keys,
//! two copies of one broker's data.

#![allow(clippy::unwrap_used, missing_docs)]

#[allow(dead_code)] // each test file needs a part of it
mod net;

use hostler_events::{Actor, AuthorKey, Event};
use hostler_model::*;
use hostler_node::{Command, CommandError, Outcome};
use hostler_views::Lane;
use net::{Net, SITE, addresses, admin, id, secret, user};

fn named(n: u8) -> String {
    format!("b{n}")
}

fn public(n: u8) -> PublicKey {
    AuthorKey::from_secret(&secret(n)).public()
}

impl Net {
    fn cut(&mut self, n: u8, others: &[u8], up: bool) {
        for other in others {
            self.link(n, *other, up);
        }
    }

    /// Broker `n` joins with a new token, by this key.
    fn rejoin(&mut self, n: u8, token: u8, key: PublicKey) -> Result<Outcome, CommandError> {
        let token = TokenId([token; 16]);
        let (role, issuer, expires) = (MemberRole::Broker, id(1), Wall(u64::MAX));
        self.command(1, Command::CreateToken { token, role, issuer, verifier: [0; 32], expires }).unwrap();
        let name = named(n).parse().unwrap();
        let join = Command::JoinBroker { token, broker: id(n), name, key, addresses: addresses(n) };
        self.command_as(1, Actor::Token(token), join)
    }

    /// Ordinals of the incarnations of broker `n` that another one has, with the number of events in each.
    fn incarnations(&mut self, at: u8, n: u8) -> Vec<(u32, u64)> {
        let feeds = self.node(at).durable().0.iter().filter(|(f, _)| f.broker == id(n));
        feeds.map(|(f, (seq, _))| (f.incarnation.ordinal, *seq)).collect()
    }

    /// The users that broker `n` knows, and the lanes of those events about users that are not applied.
    fn users(&mut self, n: u8) -> (Vec<String>, Vec<&'static str>) {
        let timeline = self.node(n).views().timeline(SITE).unwrap();
        let names = timeline.state().users.values().map(|u| u.name.to_string()).collect();
        let aside = timeline.entries().iter().filter(|e| e.lane != Lane::Applied);
        (names, aside.filter(|e| matches!(e.loaded.event, Some(Event::UserAdded(_)))).map(|e| e.lane.name()).collect())
    }
}

#[test]
fn a_removed_broker_comes_back_with_a_token_and_in_a_new_incarnation() {
    let mut net = Net::farm(3);
    net.command(3, user("before")).unwrap();
    net.cut(3, &[1, 2], false);
    net.run(4_000);
    net.command(3, user("unseen")).unwrap();
    net.command(1, Command::RemoveBroker { broker: named(3) }).unwrap();

    // Nobody gives it the log any more. One other broker may be mistaken; its master is not.
    net.refuse(3, 2);
    assert_eq!(net.node(3).removal(), None);
    net.command(3, user("unseen-too")).unwrap();
    net.refuse(3, 1);
    let why = net.node(3).removal().unwrap();
    assert!(why.contains("not accepted any more by b1, b2"), "{why}");
    assert_eq!(net.command(3, user("late")), Err(CommandError::Removed));
    assert_eq!(net.command(3, admin("late")), Err(CommandError::Removed));
    net.run(1_000);
    assert_eq!(net.alarms.iter().filter(|a| **a == (id(3), "broker.removed")).count(), 1);

    // With another key it is another broker; with its own it is back, at the end of the list.
    let text = |r: Result<Outcome, CommandError>| r.unwrap_err().to_string();
    assert!(text(net.rejoin(3, 50, public(9))).contains("had another key"));
    assert!(text(net.rejoin(2, 51, public(2))).contains("is a member already"));
    net.rejoin(3, 52, public(3)).unwrap();
    net.cut(3, &[1, 2], true);
    net.run(3_000);
    net.assert_equal_views();
    assert_eq!(net.node(3).removal(), None);
    assert_eq!(net.users(1), (vec!["before".to_string()], vec!["quarantined"; 2]));
    assert_eq!(net.incarnations(1, 3), [(1, 3)]);

    // What it writes from now on counts.
    net.command(3, user("after")).unwrap();
    net.run(2_000);
    net.assert_equal_views();
    assert_eq!(net.incarnations(1, 3), [(1, 3), (2, 1)]);
    assert_eq!(net.users(2).0.len(), 2);
    // A restart goes on with the new incarnation.
    net.stop(3);
    net.start(id(3));
    net.run(4_000);
    net.command(3, user("later")).unwrap();
    net.run(2_000);
    assert_eq!(net.incarnations(2, 3), [(1, 3), (2, 2)]);
}

#[test]
fn a_broker_that_was_off_when_it_was_removed_and_came_back_opens_a_new_incarnation() {
    let mut net = Net::farm(3);
    net.command(3, user("before")).unwrap();
    net.run(2_000);
    net.stop(3);
    net.command(1, Command::RemoveBroker { broker: named(3) }).unwrap();
    net.rejoin(3, 50, public(3)).unwrap();
    net.start(id(3));
    net.run(4_000);
    net.command(3, user("after")).unwrap();
    net.run(2_000);
    net.assert_equal_views();
    assert_eq!(net.incarnations(1, 3), [(1, 1), (2, 1)]);
    assert_eq!(net.users(1).1, [] as [&str; 0]);
}

#[test]
fn a_new_broker_whom_not_all_know_yet_is_not_one_that_was_removed() {
    let mut net = Net::farm(3);
    net.stop(3);
    net.machines.get_mut(&id(3)).unwrap().disk.clear();
    net.cut(3, &[1, 2], false);
    net.start(id(3));
    net.refuse(3, 2);
    assert_eq!(net.node(3).removal(), None);
}

#[test]
fn a_stolen_key_is_worth_nothing_for_ever() {
    let mut net = Net::farm(3);
    net.cut(3, &[1, 2], false);
    net.run(4_000);
    net.command(3, user("thief")).unwrap();
    net.command(2, Command::RevokeBroker { broker: named(3) }).unwrap();
    net.run(2_000);
    net.cut(3, &[1, 2], true);
    net.run(3_000);
    net.assert_equal_views();
    assert_eq!(net.users(1), (vec![], vec!["quarantined"]));
    assert_eq!(net.command(3, user("late")), Err(CommandError::Removed));
    let refused = net.rejoin(3, 50, public(3)).unwrap_err().to_string();
    assert!(refused.contains("was declared stolen"), "{refused}");
}

#[test]
fn a_new_key_opens_a_new_incarnation_and_the_old_feed_stays_good() {
    // The key of an ordinary broker, and of the master.
    for n in [2, 1] {
        let mut net = Net::farm(3);
        net.command(n, user("old")).unwrap();
        net.run(2_000);
        let before = net.incarnations(3, n);
        let replace = Command::ReplaceBrokerKey { broker: id(n), key: public(20) };
        net.command_as(n, Actor::System, replace.clone()).unwrap();
        assert!(net.command_as(n, Actor::System, replace).unwrap().events.is_empty(), "asked again, it is so already");
        // Until it has the new key it goes on with the old one, and all believe it.
        net.command(n, user("between")).unwrap();
        net.run(2_000);
        net.stop(n);
        net.machines.get_mut(&id(n)).unwrap().secret = secret(20);
        net.start(id(n));
        net.run(4_000);
        net.command(n, user("new")).unwrap();
        net.run(2_000);
        net.assert_equal_views();
        let after = net.incarnations(3, n);
        assert_eq!(after[..before.len()].iter().map(|i| i.0).collect::<Vec<_>>(), [1], "{after:?}");
        assert_eq!(after.len(), 2, "{after:?}");
        assert_eq!(net.users(3).0.len(), 3);
        // Whoever gets all of it later can check all of it: a new broker takes the log from the others.
        net.stop(3);
        net.machines.get_mut(&id(3)).unwrap().disk.clear();
        net.start(id(3));
        net.run(6_000);
        net.assert_equal_views();
        assert!(net.alarms.iter().all(|(_, code)| *code != "event.forged"), "{:?}", net.alarms);
        net.command(1, admin("op")).unwrap();
    }
}

#[test]
fn a_key_that_was_replaced_signs_nothing_new() {
    let mut net = Net::farm(3);
    net.command(2, user("old")).unwrap();
    net.command_as(2, Actor::System, Command::ReplaceBrokerKey { broker: id(2), key: public(20) }).unwrap();
    // Restored from an old copy it would open a new incarnation, signed by the old key: nobody takes it.
    net.stop(2);
    net.machines.get_mut(&id(2)).unwrap().disk.retain(|e| e.header().feed.broker != id(2));
    net.start(id(2));
    net.run(4_000);
    net.command(2, user("forged")).unwrap();
    net.run(2_000);
    assert_eq!(net.users(1).0.len(), 1);
    assert!(net.alarms.contains(&(id(1), "event.forged")), "{:?}", net.alarms);
    // Nobody may have a key that is another's.
    let taken = Command::ReplaceBrokerKey { broker: id(3), key: public(20) };
    assert_eq!(net.command_as(3, Actor::System, taken).unwrap_err().code(), "invalid");
}

#[test]
fn two_copies_of_one_broker_raise_the_alarm_and_open_new_incarnations() {
    let mut net = Net::farm(3);
    net.command(3, user("before")).unwrap();
    net.run(2_000);
    let disk = net.machines[&id(3)].disk.clone();
    // Both start where all answer, and go on with the feed.
    net.stop(3);
    net.start(id(3));
    net.run(2_000);
    let one = net.machines.get_mut(&id(3)).unwrap();
    let first = (one.node.take(), std::mem::replace(&mut one.disk, disk));
    net.start(id(3));
    net.run(2_000);
    // One of them reaches broker 2 only, the other one broker 1 only; and so each writes on.
    net.link(1, 2, false);
    net.link(1, 3, false);
    net.run(1_000);
    net.command(3, user("two")).unwrap();
    net.run(1_000);
    net.link(2, 3, false);
    let one = net.machines.get_mut(&id(3)).unwrap();
    let second = (std::mem::replace(&mut one.node, first.0), std::mem::replace(&mut one.disk, first.1));
    net.link(1, 3, true);
    net.command(3, user("one")).unwrap();
    net.run(1_000);
    assert_eq!([net.incarnations(1, 3), net.incarnations(2, 3)], [[(1, 2)], [(1, 2)]]);
    assert!(net.alarms.iter().all(|(_, code)| *code != "feed.forked"));

    // Once the others see each other, both know; the copy that runs learns it from either, and leaves the feed.
    net.link(1, 2, true);
    net.link(2, 3, true);
    net.run(2_000);
    for n in [1, 2, 3] {
        let forks = net.alarms.iter().filter(|a| **a == (id(n), "feed.forked")).count();
        assert_eq!(forks, 1, "broker {n}: {:?}", net.alarms);
    }
    net.command(3, user("one-again")).unwrap();
    let one = net.machines.get_mut(&id(3)).unwrap();
    (one.node, one.disk) = second;
    net.link(1, 3, true);
    net.link(2, 3, true);
    net.run(2_000);
    net.command(3, user("two-again")).unwrap();
    net.run(2_000);
    let ordinals: Vec<u32> = net.incarnations(1, 3).into_iter().map(|i| i.0).collect();
    // The first one was closed, both branches are there, and each copy has an incarnation of its own now.
    assert_eq!(ordinals, [1, 1, 1, 2, 3]);
    assert_eq!(net.incarnations(1, 3), net.incarnations(2, 3));
    net.assert_equal_views();
    let (users, aside) = net.users(1);
    assert_eq!((users.len(), aside), (5, vec![]), "{users:?}");
    let before = net.node(1).digest();

    // After a restart they come to the same, whichever branch came first; and so does one who has nothing yet.
    for n in [1, 2] {
        net.stop(n);
        net.start(id(n));
    }
    net.stop(3);
    net.machines.get_mut(&id(3)).unwrap().disk.clear();
    net.start(id(3));
    net.run(5_000);
    net.assert_equal_views();
    assert_eq!(net.node(3).digest(), before);
    assert_eq!(net.incarnations(3, 3), net.incarnations(1, 3));
    assert_eq!(net.no_use, []);
    assert!(net.alarms.iter().all(|(_, code)| !["views.differ", "event.forged"].contains(code)), "{:?}", net.alarms);
}

#[test]
fn a_copy_in_an_incarnation_of_its_own_is_found_out() {
    // An ordinary broker, and the master.
    for n in [3, 1] {
        let mut net = Net::farm(3);
        let others = if n == 1 { [2, 3] } else { [1, 2] };
        net.command(n, user("before")).unwrap();
        net.run(2_000);
        let before = net.incarnations(others[0], n)[0].1;

        // The copy starts where one of the others does not answer, and so writes in a new incarnation.
        let one = net.machines.get_mut(&id(n)).unwrap();
        let original = (one.node.take(), one.disk.clone());
        net.link(n, others[1], false);
        net.start(id(n));
        net.run(4_000);
        net.command(n, user("by-the-copy")).unwrap();
        net.run(1_000);
        let swap = |net: &mut Net, (node, disk)| {
            let one = net.machines.get_mut(&id(n)).unwrap();
            (std::mem::replace(&mut one.node, node), std::mem::replace(&mut one.disk, disk))
        };
        let copy = swap(&mut net, original);
        assert!(net.alarms.iter().all(|(_, code)| *code != "broker.copied"));

        // Each of them runs again for a while, and writes; the alarm comes with the first heads.
        for other in others {
            net.link(n, other, true);
        }
        net.run(2_000);
        let copied = |net: &Net| net.alarms.iter().filter(|a| **a == (id(n), "broker.copied")).count();
        assert_eq!(copied(&net), 1, "{:?}", net.alarms);
        let mut away = copy;
        for name in ["original-1", "copy-1", "original-2", "copy-2"] {
            net.command(n, user(name)).unwrap();
            net.run(2_000);
            away = swap(&mut net, away);
        }
        net.run(2_000);
        net.assert_equal_views();
        assert!(copied(&net) > 2, "the alarm comes again with what the copy writes: {:?}", net.alarms);
        assert!(net.alarms.iter().all(|(_, code)| *code != "feed.forked"));
        let (users, aside) = net.users(others[0]);
        assert_eq!((users.len(), aside), (6, vec![]), "{users:?}");
        // An ordinary broker goes on in its own incarnation; of a master the later one overrules the earlier.
        let ordinals: Vec<u32> = net.incarnations(others[0], n).into_iter().map(|(ordinal, _)| ordinal).collect();
        let first = net.incarnations(others[0], n)[0].1;
        if n == 1 {
            assert_eq!((ordinals, first), (vec![1, 2, 3, 4], before));
        } else {
            assert_eq!((ordinals, first), (vec![1, 2], before + 2));
        }
    }
}
