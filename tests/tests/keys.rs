//! Keys that are worth nothing any more: those of brokers that were removed, and stolen ones. Real processes, each in a
//! network of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // In a test a failed one should stop it.

use std::time::{Duration, Instant};

use hostler_tests::farm::{Knock, text};
use hostler_tests::netlab::{NetFarm, Plan};
use hostler_tests::{skip, wait};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);
/// What a key may still be worth something after it was removed.
const WORTHLESS: Duration = Duration::from_secs(1);
/// What a member says when it ends the link of a key that is nobody's any more.
const CLOSES: &str = "its key was removed: closing its connection";

/// Adds a user by one broker.
fn add_user(farm: &NetFarm, broker: &str, name: &str) -> anyhow::Result<Value> {
    farm.rest.post(farm.ip(broker).unwrap(), "users", json!({ "name": name }))
}

/// The line of the log about the user's adding, as one broker has it; `None` where it has none.
fn user_line(farm: &NetFarm, broker: &str, name: &str) -> Option<Value> {
    let log = farm.get(broker, "log?limit=1000").unwrap();
    let is =
        |line: &&Value| line["what"] == "user.added" && line["payload"].to_string().contains(&format!("\"{name}\""));
    log.as_array().unwrap().iter().find(is).cloned()
}

/// The ordinal of the incarnation in which an event was written.
fn incarnation(line: &Value) -> u32 {
    let name = text(line, "event").unwrap();
    name.split('.').nth(1).and_then(|part| part.split('-').next()).unwrap().parse().unwrap()
}

/// How many links members ended because of a removed key.
fn ended(farm: &mut NetFarm, member: &str) -> usize {
    farm.member(member).unwrap().log().matches(CLOSES).count()
}

/// Waits until each of these has ended a link of a removed key, since they had ended so many; gives how long it took.
fn all_end(farm: &mut NetFarm, members: &[&str], before: &[usize], since: Instant) -> Duration {
    wait::until_true("the removed key's links have ended", SOON, || {
        Ok(members.iter().zip(before).all(|(member, before)| ended(farm, member) > *before))
    })
    .unwrap();
    since.elapsed()
}

/// Waits until a broker knows that it was removed, says so, and does nothing.
fn knows(farm: &mut NetFarm, broker: &str) {
    wait::until_true("it says that it was removed", SOON, || Ok(farm.get(broker, "status")?["removed"].is_string()))
        .unwrap();
    assert!(farm.alarms(broker).unwrap().contains(&"broker.removed".to_owned()));
    farm.member(broker).unwrap().wait_for_line("code=\"broker.removed\"", SOON).unwrap();
    for name in ["late", "later"] {
        let refused = add_user(farm, broker, name).unwrap_err().to_string();
        assert!(refused.contains(": removed: "), "{refused}");
    }
    let address = farm.ip(broker).unwrap().to_string();
    let shown = farm.cli.run(&["status", "--broker", &address]).unwrap();
    assert!(shown.contains("\nREMOVED  this broker"), "{shown}");
}

#[test]
fn a_removed_broker_and_its_return() {
    if skip::without_networks("a_removed_broker_and_its_return") {
        return;
    }
    let mut farm = NetFarm::begin(Plan::new(3, 1)).unwrap();
    farm.cli.run(&["user", "add", "alice", "bob"]).unwrap();
    farm.wait_until_whole().unwrap();
    let ticket = farm.ticket("b3", "alice").unwrap();
    assert_eq!(farm.knock_with(&ticket, SOON).unwrap(), Knock::LetIn);
    let fresh = farm.ticket("b3", "bob").unwrap();

    // Everybody is reachable: within a second nobody knows its key.
    let members = ["b1", "b2", "gw1", "h1"];
    let before: Vec<usize> = members.iter().map(|member| ended(&mut farm, member)).collect();
    let begun = Instant::now();
    farm.cli.run(&["broker", "remove", "b3", "--yes"]).unwrap();
    assert_eq!(farm.knock_with(&fresh, SOON).unwrap(), Knock::Refused, "what it signed");
    let took = all_end(&mut farm, &members, &before, begun);
    println!("the key was worth nothing on {members:?} after {took:?}");
    assert!(took < WORTHLESS, "{took:?}");
    knows(&mut farm, "b3");
    farm.member("b3").unwrap().kill().unwrap();
    farm.member("b3").unwrap().run().unwrap();
    knows(&mut farm, "b3");
    let listed = farm.cli.run(&["broker", "list"]).unwrap();
    assert!(!listed.contains("b3"), "{listed}");

    // With a token it is back, while it runs, with its key and in a new incarnation.
    farm.join_again("b3").unwrap();
    farm.wait_until_whole().unwrap();
    assert_eq!(farm.get("b3", "status").unwrap()["removed"], Value::Null);
    add_user(&farm, "b3", "second").unwrap();
    farm.wait_until_whole().unwrap();
    let line = user_line(&farm, "b1", "second").unwrap();
    assert_eq!((line["lane"].as_str(), incarnation(&line)), (Some("applied"), 2), "{line}");

    // Now it is away while it is removed, and writes something.
    farm.cut_off(&["b3"]).unwrap();
    wait::until_true("b3 is alone", SOON, || Ok(farm.row("b1", "b3")?["alive"] == false)).unwrap();
    add_user(&farm, "b3", "unseen").unwrap();
    let before = ["b1", "b2"].map(|broker| ended(&mut farm, broker));
    farm.cli.run(&["broker", "remove", "b3", "--yes"]).unwrap();
    all_end(&mut farm, &["b1", "b2"], &before, Instant::now());
    farm.heal().unwrap();
    knows(&mut farm, "b3");
    assert_eq!(user_line(&farm, "b1", "unseen"), None, "nobody takes anything from it");
    farm.member("b3").unwrap().kill().unwrap();
    farm.join_again("b3").unwrap();
    farm.member("b3").unwrap().run().unwrap();
    farm.wait_until_whole().unwrap();
    add_user(&farm, "b3", "third").unwrap();
    farm.wait_until_whole().unwrap();
    for (name, lane, ordinal) in [("second", "applied", 2), ("unseen", "quarantined", 2), ("third", "applied", 3)] {
        for broker in ["b1", "b3"] {
            let line = user_line(&farm, broker, name).unwrap_or_else(|| panic!("{broker} has no {name}"));
            assert_eq!((line["lane"].as_str(), incarnation(&line)), (Some(lane), ordinal), "{broker}: {line}");
        }
    }
    // It seats people again.
    let ticket = farm.ticket("b3", "bob").unwrap();
    assert_eq!(farm.knock_with(&ticket, SOON).unwrap(), Knock::LetIn);
}

#[test]
fn a_stolen_key() {
    if skip::without_networks("a_stolen_key") {
        return;
    }
    let mut farm = NetFarm::begin(Plan::new(3, 1)).unwrap();
    farm.cli.run(&["user", "add", "alice"]).unwrap();
    farm.wait_until_whole().unwrap();
    let ticket = farm.ticket("b3", "alice").unwrap();

    // What it writes reaches b2, and not b1, where its key is declared stolen.
    farm.cut(&["b1"], &["b2", "b3"]).unwrap();
    wait::until_true("b1 is alone", SOON, || Ok(farm.row("b1", "b3")?["alive"] == false)).unwrap();
    add_user(&farm, "b3", "thief").unwrap();
    wait::until_true("b2 has it", SOON, || Ok(user_line(&farm, "b2", "thief").is_some())).unwrap();
    let address = farm.ip("b1").unwrap().to_string();
    let members = ["gw1", "h1"];
    let before: Vec<usize> = members.iter().map(|member| ended(&mut farm, member)).collect();
    let begun = Instant::now();
    farm.cli.run(&["broker", "revoke", "b3", "--compromised", "--yes", "--broker", &address]).unwrap();
    let took = all_end(&mut farm, &members, &before, begun);
    println!("the stolen key was worth nothing on {members:?} after {took:?}");
    assert!(took < WORTHLESS, "{took:?}");

    // Once b2 hears of it, it ends its link as well.
    let before = ended(&mut farm, "b2");
    farm.mend(&["b1"], &["b2"]).unwrap();
    let heard = wait::until("b2 hears of it", SOON, || {
        let gone = !farm.get("b2", "brokers")?.to_string().contains("\"b3\"");
        Ok(gone.then(Instant::now))
    });
    let took = all_end(&mut farm, &["b2"], &[before], heard.unwrap());
    assert!(took < WORTHLESS, "{took:?}");
    farm.heal().unwrap();
    knows(&mut farm, "b3");
    assert_eq!(farm.knock_with(&ticket, SOON).unwrap(), Knock::Refused, "what it signed");
    for broker in ["b1", "b2"] {
        wait::until_true("it is quarantined", SOON, || {
            Ok(user_line(&farm, broker, "thief").is_some_and(|line| line["lane"] == "quarantined"))
        })
        .unwrap();
    }
    let users = farm.cli.run(&["user", "list"]).unwrap();
    assert!(!users.contains("thief"), "{users}");

    // It does not come back, nor where it is started again.
    let refused = farm.join_again("b3").unwrap_err().to_string();
    assert!(refused.contains("was declared stolen"), "{refused}");
    farm.member("b3").unwrap().kill().unwrap();
    farm.member("b3").unwrap().run().unwrap();
    knows(&mut farm, "b3");
    // With an empty disk, and so with a new key, the machine does.
    farm.member("b3").unwrap().kill().unwrap();
    farm.wipe_data("b3").unwrap();
    farm.join_again("b3").unwrap();
    farm.member("b3").unwrap().run().unwrap();
    farm.wait_until_whole().unwrap();
}
