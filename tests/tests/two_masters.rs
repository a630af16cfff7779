//! A network is cut, and both sides get a master. Nothing is lost: when it is whole again there is one master, what both
//! sides did to published items is merged, and what the other master did to the brokers is listed, to be done again.
#![allow(clippy::unwrap_used)] // In a test a failed one should stop it.

use std::time::{Duration, Instant};

use hostler_tests::farm::{Knock, text};
use hostler_tests::netlab::{NetFarm, Plan};
use hostler_tests::{skip, wait};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(30);
/// From the moment when the network is whole again.
const CONVERGES: Duration = Duration::from_secs(10);
const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// Runs a command at one broker.
fn at(farm: &NetFarm, broker: &str, args: &[&str]) -> anyhow::Result<String> {
    let address = farm.ip(broker)?.to_string();
    farm.cli.run(&[args, &["--yes", "--broker", &address]].concat())
}

fn items(farm: &NetFarm, broker: &str) -> Vec<String> {
    let rows = farm.get(broker, "items").unwrap();
    rows.as_array().unwrap().iter().map(|row| text(row, "name").unwrap()).collect()
}

/// The brokers by priority.
fn order(farm: &NetFarm, asked: &str) -> Vec<String> {
    let rows = farm.get(asked, "brokers").unwrap();
    rows.as_array().unwrap().iter().map(|row| text(row, "name").unwrap()).collect()
}

fn wait_for_master(farm: &NetFarm, asked: &str, within: Duration, wanted: impl Fn(&str) -> bool) -> String {
    let what = format!("{asked} sees the master that it should");
    wait::until(&what, within, || Ok(farm.master(asked).ok().flatten().filter(|name| wanted(name)))).unwrap()
}

/// The network is whole again; all brokers have the same views soon, and the same master.
fn heal(farm: &mut NetFarm, master: &str) {
    farm.heal().unwrap();
    let brokers = farm.running_brokers();
    let (took, _) = farm.wait_for_equal_digests(&brokers, CONVERGES).unwrap();
    println!("equal digests {took:.2?} after the network was whole again");
    for broker in &brokers {
        assert_eq!(farm.master(broker).unwrap().as_deref(), Some(master), "as {broker} sees it");
    }
    farm.wait_until_whole().unwrap();
}

/// What waits to be settled, as the command line lists it, asking one broker.
fn superseded(farm: &NetFarm, broker: &str) -> Vec<Value> {
    let address = farm.ip(broker).unwrap().to_string();
    let lines = farm.cli.json(&["log", "superseded", "--broker", &address]).unwrap();
    lines.as_array().unwrap().iter().filter(|line| line["waits"] == true).cloned().collect()
}

/// That there were two masters, and that something waits for a decision.
fn assert_alarmed(farm: &NetFarm, broker: &str) {
    let mut last = Vec::new();
    let alarmed = wait::until_true("the alarms", CONVERGES, || {
        last = farm.alarms(broker)?;
        Ok(["promotion.dual", "events.waiting"].iter().all(|code| last.iter().any(|alarm| alarm == code)))
    });
    assert!(alarmed.is_ok(), "{broker} shows {last:?}");
}

fn farm() -> NetFarm {
    let mut farm = NetFarm::begin(Plan::new(3, 2)).unwrap();
    farm.cli.run(&[&["user", "add"], PEOPLE.as_slice()].concat()).unwrap();
    farm.wait_until_whole().unwrap();
    farm
}

#[test]
fn a_forced_promotion() {
    if skip::without_networks("a_forced_promotion") {
        return;
    }
    let mut farm = farm();
    let (old_side, new_side) = (["b1", "h1"], ["b2", "b3", "h2", "gw1"]);
    farm.cut(&old_side, &new_side).unwrap();
    wait::until_true("b2 misses the master", SOON, || Ok(farm.row("b2", "b1")?["alive"] == false)).unwrap();

    // On the old master's side.
    let said = at(&farm, "b1", &["publish", "app", "Editor", "--command", "xed", "--everyone"]).unwrap();
    assert!(said.contains("1 of 3"), "{said}");
    at(&farm, "b1", &["broker", "up", "b3"]).unwrap();
    assert_eq!(order(&farm, "b1"), ["b1", "b3", "b2"]);

    // On the other one nothing of that kind can be done before somebody is promoted, which must be forced.
    let b2 = farm.ip("b2").unwrap().to_string();
    let refused = |args: &[&str]| farm.cli.output(&[args, &["--yes", "--broker", &b2]].concat()).unwrap();
    for args in [&["broker", "down", "b1"][..], &["broker", "promote", "b2"]] {
        let output = refused(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("b1"), "{args:?}: {said}");
        println!("hostler {args:?}: {}", said.trim());
    }
    let forced = ["broker", "promote", "b2", "--force", "--lost", "b1", "--reason", "the cable was cut"];
    at(&farm, "b2", &forced).unwrap();
    assert_eq!(farm.master("b2").unwrap().as_deref(), Some("b2"));
    assert_eq!(farm.master("b1").unwrap().as_deref(), Some("b1"));
    at(&farm, "b3", &["publish", "app", "Notes", "--command", "notes", "--everyone"]).unwrap();
    at(&farm, "b2", &["broker", "down", "b1"]).unwrap();
    assert_eq!(order(&farm, "b2"), ["b2", "b1", "b3"]);
    // People are let in, whoever is master.
    assert_eq!(farm.knock("alice", SOON).unwrap(), Knock::LetIn);

    heal(&mut farm, "b2");
    for broker in ["b1", "b2", "b3"] {
        assert_eq!(order(&farm, broker), ["b2", "b1", "b3"]);
        let there = items(&farm, broker);
        assert!(there.contains(&"Editor".to_owned()) && there.contains(&"Notes".to_owned()), "{there:?}");
    }
    let waiting = superseded(&farm, "b3");
    assert_eq!(waiting.len(), 1, "{waiting:#?}");
    println!("superseded: {}", waiting[0]);
    assert_alarmed(&farm, "b1");

    // Done again, it is as the old master wanted it.
    let id = text(&waiting[0], "event").unwrap();
    at(&farm, "b3", &["log", "reapply", &id]).unwrap();
    farm.wait_for_equal_digests(&farm.names("b"), CONVERGES).unwrap();
    for broker in ["b1", "b2", "b3"] {
        assert_eq!(order(&farm, broker), ["b1", "b3", "b2"], "{broker}");
        assert_eq!(superseded(&farm, broker), Vec::<Value>::new(), "{broker}");
    }
}

#[test]
fn an_automatic_promotion_and_the_death_of_the_promoted() {
    if skip::without_networks("an_automatic_promotion_and_the_death_of_the_promoted") {
        return;
    }
    let mut farm = farm();
    farm.cli.run(&["settings", "set", "promotion.automatic.after", "5s"]).unwrap();
    farm.wait_for_equal_digests(&farm.names("b"), CONVERGES).unwrap();
    farm.cut(&["b1", "h1"], &["b2", "b3", "h2", "gw1"]).unwrap();
    let cut = Instant::now();

    // The first in line of those who are left; it dies at the moment when somebody sees that it is the master.
    let promoted = wait_for_master(&farm, "b3", SOON, |name| name != "b1");
    println!("{promoted} is master {:.1?} after the cut", cut.elapsed());
    assert_eq!(promoted, "b2");
    farm.member("b2").unwrap().kill().unwrap();
    at(&farm, "b1", &["publish", "app", "Editor", "--command", "xed", "--everyone"]).unwrap();
    at(&farm, "b1", &["broker", "up", "b3"]).unwrap();
    // One of three is no majority: the last one promotes nobody, and lets people in.
    wait::until_true("b3 is alone", SOON, || Ok(farm.get("b3", "status")?["brokers"]["up"] == 1)).unwrap();
    assert_eq!(farm.knock("bob", SOON).unwrap(), Knock::LetIn);
    assert_eq!(farm.master("b3").unwrap().as_deref(), Some("b2"));

    // It comes back as the master that it was.
    farm.member("b2").unwrap().run().unwrap();
    wait::until_true("b2 and b3 have found each other", SOON, || {
        Ok(["b2", "b3"].iter().all(|name| farm.get(name, "status").is_ok_and(|s| s["brokers"]["up"] == 2)))
    })
    .unwrap();
    wait_for_master(&farm, "b2", SOON, |name| name == "b2");
    at(&farm, "b3", &["publish", "app", "Notes", "--command", "notes", "--everyone"]).unwrap();
    wait::until_true("b2 acts as master again", SOON, || Ok(at(&farm, "b2", &["broker", "down", "b1"]).is_ok()))
        .unwrap();
    assert_eq!(farm.master("b1").unwrap().as_deref(), Some("b1"));

    heal(&mut farm, "b2");
    for broker in ["b1", "b2", "b3"] {
        assert_eq!(order(&farm, broker), ["b2", "b1", "b3"]);
        let there = items(&farm, broker);
        assert!(there.contains(&"Editor".to_owned()) && there.contains(&"Notes".to_owned()), "{there:?}");
    }
    let waiting = superseded(&farm, "b1");
    assert_eq!(waiting.len(), 1, "{waiting:#?}");
    assert_alarmed(&farm, "b3");
    let id = text(&waiting[0], "event").unwrap();
    at(&farm, "b1", &["log", "reapply", &id]).unwrap();
    farm.wait_for_equal_digests(&farm.names("b"), CONVERGES).unwrap();
    assert_eq!(order(&farm, "b3"), ["b1", "b3", "b2"]);
    assert_eq!(superseded(&farm, "b2"), Vec::<Value>::new());
}
