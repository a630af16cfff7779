//! What a broker knows of the others beside their events.

#![allow(clippy::unwrap_used, missing_docs)]

#[allow(dead_code)] // each test file needs a part of it
mod net;

use hostler_model::{Mono, Wall};
use hostler_node::Lag;
use net::{Net, id, user};

fn lag(net: &mut Net, n: u8, of: u8) -> Lag {
    let now = Wall(net.time_ms);
    net.node(n).peer_lag(id(of), now).unwrap()
}

#[test]
fn how_far_brokers_are_behind() {
    let mut net = Net::farm(3);
    net.run(2_000);
    assert_eq!((lag(&mut net, 1, 2), lag(&mut net, 2, 1)), (Lag::default(), Lag::default()));
    // Broker 3's disk takes nothing any more; what it says it has stays behind.
    net.silent_disks.insert(id(3));
    net.command(1, user("alice")).unwrap();
    net.run(3_000);
    net.command(2, user("bob")).unwrap();
    net.run(1_000);
    let behind = lag(&mut net, 1, 3);
    assert_eq!(behind.events, 2);
    assert!((4_000..6_000).contains(&behind.ms), "{behind:?}");
    assert_eq!(lag(&mut net, 1, 2), Lag::default());
    // A broker that is cut off while others go on knows what it lacks as soon as it hears of it.
    net.silent_disks.clear();
    let own = |net: &mut Net, n: u8| {
        let now = Mono(net.time_ms);
        net.node(n).own_lag(now)
    };
    assert_eq!(own(&mut net, 2), Lag::default());
}

#[test]
fn since_when_the_master_is_it() {
    let mut net = Net::farm(3);
    let began = net.node(1).master_since().unwrap();
    assert!(began.0 < net.time_ms);
    net.run(5_000);
    assert_eq!(net.node(1).master_since(), Some(began));
    let before = net.time_ms;
    net.command(1, hostler_node::Command::Promote { broker: "b2".into() }).unwrap();
    net.run(2_000);
    let since = net.node(3).master_since().unwrap();
    assert!((before..before + 3_000).contains(&since.0));
    net.command(1, hostler_node::Command::Promote { broker: "b1".into() }).unwrap();
    net.run(2_000);
    assert!(net.node(3).master_since().unwrap() > since);
}
