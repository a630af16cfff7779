//! What an administrator should know, as each broker sees it: it comes with its cause and goes with it.

#![allow(clippy::unwrap_used, missing_docs)]

#[allow(dead_code)] // each test file needs a part of it
mod net;

use hostler_events::payload::{Promoted, PromotionKind};
use hostler_events::{Actor, AuthorKey, Event, Frontier, Hash};
use hostler_model::*;
use hostler_node::{AlarmCode, Author, Command, Heads, Message};
use net::{Net, SITE, admin, id, secret, user};

/// All that a broker shows.
fn shown(net: &mut Net, n: u8) -> Vec<(&'static str, String)> {
    net.node(n).alarms().into_iter().map(|a| (a.code.name(), a.text)).collect()
}

fn codes(net: &mut Net, n: u8) -> Vec<&'static str> {
    shown(net, n).into_iter().map(|(code, _)| code).collect()
}

fn check(net: &mut Net, n: u8, want: &[(&'static str, &str)]) {
    let want: Vec<(&'static str, String)> = want.iter().map(|(code, text)| (*code, (*text).to_string())).collect();
    assert_eq!(shown(net, n), want, "broker {n}");
}

fn cut(net: &mut Net, n: u8, others: &[u8], up: bool) {
    others.iter().for_each(|other| net.link(n, *other, up));
}

#[test]
fn a_healthy_farm_has_none() {
    let mut net = Net::farm(3);
    net.run(20_000);
    net.command(1, user("alice")).unwrap();
    net.command(2, Command::Promote { broker: "b2".into() }).unwrap();
    net.run(20_000);
    for n in 1..=3 {
        check(&mut net, n, &[]);
    }
    assert_eq!(net.alarms, []);
}

#[test]
fn brokers_that_are_not_heard() {
    let mut net = Net::farm(3);
    net.run(2_000);
    let began = net.time_ms;
    cut(&mut net, 1, &[2, 3], false);
    net.run(4_000);
    (1..=3).for_each(|n| check(&mut net, n, &[]));
    net.run(3_000);
    check(&mut net, 1, &[("broker.isolated", "b1 hears no other enabled broker: b2, b3")]);
    let master = [("master.unreachable", "b2 does not hear the master, b1")];
    check(&mut net, 2, &master);
    let since = net.node(2).alarms()[0].since.0;
    assert!((began..began + 2_000).contains(&since), "since its cause is there, not since it is shown");
    net.link(2, 3, false);
    net.run(7_000);
    let alone = ("broker.isolated", "b2 hears no other enabled broker: b1, b3");
    check(&mut net, 2, &[alone, master[0]]);
    cut(&mut net, 1, &[2, 3], true);
    net.link(2, 3, true);
    net.run(5_000);
    (1..=3).for_each(|n| check(&mut net, n, &[]));
    net.stop(3);
    net.run(8_000);
    check(&mut net, 1, &[("broker.unreachable", "b1 does not hear broker b3")]);
    // Who is disabled may be switched off.
    net.command(1, Command::DisableBroker { broker: "b3".into() }).unwrap();
    net.run(2_000);
    check(&mut net, 1, &[]);
    net.command(1, Command::DisableBroker { broker: "b2".into() }).unwrap();
    net.run(7_000);
    check(&mut net, 1, &[("brokers.one_active", "of 3 brokers only b1 takes work")]);
    net.start(id(3));
    net.run(2_000);
    net.command(1, Command::RemoveBroker { broker: "b2".into() }).unwrap();
    net.run(2_000);
    check(&mut net, 2, &[("broker.removed", "this broker was removed from the farm")]);
}

#[test]
fn more_brokers_than_are_of_use() {
    let mut net = Net::farm(4);
    net.run(2_000);
    check(&mut net, 1, &[]);
    net.command(1, Command::EnableBroker { broker: "b4".into() }).unwrap();
    net.run(1_500);
    assert_eq!((codes(&mut net, 1), codes(&mut net, 4)), (vec!["brokers.many"], vec!["brokers.many"]));
    net.command(1, Command::DisableBroker { broker: "b4".into() }).unwrap();
    net.run(1_500);
    check(&mut net, 4, &[]);
}

#[test]
fn clocks() {
    let mut net = Net::farm(3);
    net.machines.get_mut(&id(3)).unwrap().clock_ms = -2_100;
    net.run(2_500);
    let behind = [("clock.off", "the clock of b3 is 2.1 s behind the other brokers'")];
    (1..=3).for_each(|n| check(&mut net, n, &behind));
    net.machines.get_mut(&id(3)).unwrap().clock_ms = 100_000;
    net.run(2_500);
    check(
        &mut net,
        3,
        &[("clock.ahead", "the clock of b3 is 100.0 s ahead of the other brokers': it takes no changes")],
    );
    check(&mut net, 1, &[("clock.off", "the clock of b3 is 100.0 s ahead of the other brokers'")]);
    net.machines.get_mut(&id(3)).unwrap().clock_ms = 0;
    net.run(2_500);
    (1..=3).for_each(|n| check(&mut net, n, &[]));
    // Of two, nobody can tell which one is right.
    let mut net = Net::farm(2);
    net.machines.get_mut(&id(2)).unwrap().clock_ms = 700;
    net.run(2_500);
    (1..=2).for_each(|n| check(&mut net, n, &[("clock.off", "the clock of b2 is 0.7 s ahead of that of b1")]));
}

#[test]
fn a_broker_that_lags() {
    let mut net = Net::farm(3);
    net.run(2_000);
    net.silent_disks.insert(id(3));
    net.command(1, user("alice")).unwrap();
    net.run(9_000);
    assert_eq!(codes(&mut net, 1), Vec::<&str>::new(), "after 5 s for 5 s");
    net.run(3_000);
    check(&mut net, 1, &[("broker.lagging", "broker b3 lacks 1 event")]);
}

#[test]
fn two_masters_are_named_and_what_does_not_count_waits_to_be_settled() {
    let mut net = Net::farm(3);
    cut(&mut net, 1, &[2, 3], false);
    net.run(4_000);
    net.command(1, Command::MoveBroker { broker: "b3".into(), up: true }).unwrap();
    let (lost, reason) = ("b1".to_string(), "the rack is dark".to_string());
    net.command(2, Command::ForcePromotion { broker: "b2".into(), lost, reason }).unwrap();
    net.command(3, admin("op")).unwrap();
    cut(&mut net, 1, &[2, 3], true);
    net.run(3_000);
    let dual = ("promotion.dual", "two were master at once: b1 (epoch 1) and b2 (epoch 2), which counts");
    for n in 1..=3 {
        check(&mut net, n, &[dual, ("events.waiting", "waiting to be settled: 1 event superseded")]);
    }
    // It is told everywhere for a week, and longer only where something waits.
    net.run(1_000);
    net.time_ms += 8 * 24 * 60 * 60 * 1_000;
    net.run(3_000);
    assert!(codes(&mut net, 1).contains(&"promotion.dual"));
}

#[test]
fn a_setting_without_the_brokers_for_it() {
    let mut net = Net::farm(3);
    let set = Command::Set { key: "promotion.automatic.after".into(), value: Some("30s".into()) };
    net.command(1, set).unwrap();
    net.run(3_000);
    check(&mut net, 1, &[]);
    net.command(1, Command::DisableBroker { broker: "b3".into() }).unwrap();
    net.run(3_000);
    let text = "promotion.automatic.after is set, and with 2 active brokers nobody is promoted";
    check(&mut net, 2, &[("promotion.disarmed", text)]);
}

#[test]
fn epochs_that_are_not_known_and_promotions_that_are_not_due() {
    let mut net = Net::farm(2);
    net.link(1, 2, false);
    net.run(1_000);
    let seen = Epoch { n: 7, hlc: Hlc { wall: Wall(net.time_ms), counter: 0 }, broker: id(2) };
    net.fence(2, seen);
    net.run(8_000);
    let text = "members have seen epoch 7, which this broker does not know: they take no orders under epoch 1";
    assert!(shown(&mut net, 2).contains(&("epoch.fenced", text.to_string())));
    // A promotion from the future, as a broker with a wrong clock would write it.
    let wall = Wall(net.time_ms + 200_000);
    let feed = Feed { broker: id(2), incarnation: Incarnation { ordinal: 1, random: 2 } };
    let mut author = Author::new(AuthorKey::from_secret(&secret(2)), feed, SITE, 0, Hash::ZERO, HlcClock::default());
    let promoted = Promoted {
        kind: PromotionKind::Forced,
        voters: vec![],
        evidence: vec![],
        lost: Some(id(1)),
        reason: "x".into(),
    };
    let under = Epoch { n: 9, ..Epoch::NONE };
    let stored = author
        .write(wall, Actor::System, &Event::Promoted(promoted), under, &Frontier::default(), Vec::new(), None)
        .unwrap();
    net.deliver(1, 2, Message::Push(vec![stored.bytes().clone()]));
    net.run(1_500);
    let held = shown(&mut net, 1);
    let text = "the promotion of b2 (epoch 9) is from the future and does not count yet";
    assert!(held.contains(&("promotion.held", text.to_string())), "{held:?}");
    let text = "1 event from the future: held until their time has come";
    assert!(held.contains(&("event.held", text.to_string())), "{held:?}");
}

#[test]
fn views_that_differ() {
    let mut net = Net::farm(2);
    net.run(2_000);
    let heads = |net: &mut Net, digest| {
        let wall = Wall(net.time_ms);
        let node = net.node(1);
        let (durable, epoch) = (node.durable().clone(), node.epoch());
        Message::Heads(Box::new(Heads {
            folded: durable.clone(),
            durable,
            digest,
            epoch,
            site: SITE,
            wall,
            hears: vec![],
        }))
    };
    net.link(1, 2, false);
    net.link(1, 2, true);
    let wrong = heads(&mut net, Hash([1; 32]));
    // Until the next heads come, a second later at most.
    net.deliver(1, 2, wrong);
    let at = net.alarms.len();
    for _ in 0..20 {
        let wrong = heads(&mut net, Hash([1; 32]));
        net.deliver(1, 2, wrong);
        net.run(50);
    }
    assert_eq!(net.alarms[at..], [(id(1), "views.differ")]);
    net.run(2_500);
    check(&mut net, 1, &[]);
}

#[test]
fn what_happens_elsewhere_is_noticed_once() {
    let mut net = Net::farm(1);
    for _ in 0..2 {
        let now = Now { wall: Wall(net.time_ms), mono: Mono(net.time_ms) };
        net.node(1).notice(now, AlarmCode::SessionStranger, "a session began without a seat".into());
        net.run(1_000);
    }
    check(&mut net, 1, &[("session.stranger", "a session began without a seat")]);
    assert_eq!(net.alarms, [(id(1), "session.stranger")]);
}

#[test]
fn a_broker_that_may_have_forgotten_a_vote() {
    let mut net = Net::farm(3);
    let set = Command::Set { key: "promotion.automatic.after".into(), value: Some("30s".into()) };
    net.command(1, set).unwrap();
    net.run(3_000);
    net.stop(2);
    net.stop(3);
    net.start(id(3));
    net.run(20_000);
    assert!(codes(&mut net, 3).contains(&"promotion.abstains"), "broker 2 has not said what it has");
    net.start(id(2));
    net.run(2_000);
    net.stop(3);
    net.start(id(3));
    net.run(20_000);
    (1..=3).for_each(|n| check(&mut net, n, &[]));
}

#[test]
fn a_new_master_ends_the_alarm_about_the_lost_one_at_once() {
    let mut net = Net::farm(3);
    net.stop(1);
    net.run(8_000);
    assert_eq!(codes(&mut net, 2), ["master.unreachable"]);
    let (lost, reason) = ("b1".to_string(), "the rack is dark".to_string());
    net.command(2, Command::ForcePromotion { broker: "b2".into(), lost, reason }).unwrap();
    assert_eq!(codes(&mut net, 2), Vec::<&str>::new());
}
