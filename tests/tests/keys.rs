//! Keys that are worth nothing any more: those of brokers that were removed, stolen ones, and such as were replaced. Real
//! processes, each in a network of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // In a test a failed one should stop it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
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

/// How many links with b3 a member has ended. An agent may end its link before its endpoint does, so b3 is asked.
fn ended(farm: &mut NetFarm, member: &str) -> usize {
    let (asked, line) = match member {
        "gw1" => ("b3", "link to a gateway is gone"),
        "h1" => ("b3", "link to an agent is gone"),
        broker => (broker, CLOSES),
    };
    farm.member(asked).unwrap().log().matches(line).count()
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
    wait::until_true("its alarm", SOON, || Ok(farm.alarms(broker)?.contains(&"broker.removed".to_owned()))).unwrap();
    farm.member(broker).unwrap().wait_for_line("code=\"broker.removed\"", SOON).unwrap();
    for name in ["late", "later"] {
        let refused = add_user(farm, broker, name).unwrap_err().to_string();
        assert!(refused.contains(": removed: "), "{refused}");
    }
    let address = farm.ip(broker).unwrap().to_string();
    let shown = farm.cli.run(&["status", "--broker", &address]).unwrap();
    assert!(shown.contains("broker.removed"), "{shown}");
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
    farm.cli.run(&["broker", "remove", "b3", "--yes"]).unwrap();
    farm.heal().unwrap();
    knows(&mut farm, "b3");
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

/// The fingerprint in a key file.
fn key_in(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    text.split_ascii_whitespace().nth(1).unwrap().to_owned()
}

/// Waits until a member's new key is in its place and everybody knows it; gives its fingerprint.
fn replaced(farm: &mut NetFarm, name: &str, former: &str) -> String {
    let data = farm.member(name).unwrap().data();
    let under_way = || data.join("key.rotate").exists() || data.join("key.new").exists();
    wait::until_true("the new key is in its place", SOON, || Ok(!under_way() && key_in(&data.join("key")) != former))
        .unwrap();
    farm.wait_until_whole().unwrap();
    key_in(&data.join("key"))
}

#[test]
fn keys_are_replaced_while_all_goes_on() {
    if skip::without_networks("keys_are_replaced_while_all_goes_on") {
        return;
    }
    let mut farm = NetFarm::begin(Plan::new(3, 1)).unwrap();
    farm.cli.run(&["user", "add", "alice"]).unwrap();
    // Each broker has written something with its first key.
    for name in ["b2", "b3"] {
        add_user(&farm, name, &format!("first-{name}")).unwrap();
    }
    farm.wait_until_whole().unwrap();
    for (name, role) in [("b2", "broker"), ("b3", "broker"), ("gw1", "gateway"), ("h1", "agent")] {
        if name == "b3" {
            // The master's own key. The logon is of b1, whose key is the one that stays.
            farm.cli.run(&["broker", "promote", "b3"]).unwrap();
        }
        let member = farm.member(name).unwrap();
        let (space, args) = (member.space().unwrap().clone(), member.with(&["key", "rotate", role]));
        let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        let former = key_in(&member.data().join("key"));
        let begun = Instant::now();
        let made = farm.cli.inside(&space).json(&args.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        let asked = begun.elapsed();
        let now = replaced(&mut farm, name, &former);
        println!("{name} has a new key after {asked:?}, and all are linked after {:?}", begun.elapsed());
        assert_eq!((text(&made[0], "former").unwrap(), text(&made[0], "key").unwrap()), (former, now.clone()));
        if role == "broker" {
            assert_eq!(farm.row("b1", name).unwrap()["fingerprint"].as_str(), Some(now.as_str()));
            let user = format!("by-{name}");
            add_user(&farm, name, &user).unwrap();
            let line = user_line(&farm, name, &user).unwrap();
            assert_eq!((line["lane"].as_str(), incarnation(&line)), (Some("applied"), 2), "{line}");
            // The command line knows the former key: it says so, and what to do.
            let address = farm.ip(name).unwrap().to_string();
            let said = farm.cli.refused(3, &["status", "--broker", &address]).unwrap();
            assert!(said.contains(&now) && said.contains("hostler login"), "{said}");
        }
        assert_eq!(farm.knock("alice", SOON).unwrap(), Knock::LetIn);
    }
    // Any broker whose key it knows tells it the new ones; also where it is asked for one of them by its address.
    let address = farm.ip("b2").unwrap().to_string();
    farm.cli.run(&["login", "--name", "admin", "--broker", &address]).unwrap();
    for name in ["b1", "b2", "b3"] {
        let address = farm.ip(name).unwrap().to_string();
        farm.cli.run(&["status", "--broker", &address]).unwrap();
    }
    // All of the log is good, whoever takes it in from the beginning.
    farm.member("b3").unwrap().kill().unwrap();
    fs::remove_dir_all(farm.member("b3").unwrap().data().join("log")).unwrap();
    farm.member("b3").unwrap().run().unwrap();
    farm.wait_until_whole().unwrap();
    assert!(!farm.alarms("b3").unwrap().contains(&"event.forged".to_owned()));
}

#[test]
fn members_come_back_wherever_the_replacing_was_cut_off() {
    if skip::without_networks("members_come_back_wherever_the_replacing_was_cut_off") {
        return;
    }
    let mut farm = NetFarm::begin(Plan::new(3, 1)).unwrap();
    farm.cli.run(&["user", "add", "alice"]).unwrap();
    farm.wait_until_whole().unwrap();
    for name in ["b2", "gw1", "h1"] {
        let data = farm.member(name).unwrap().data();
        let (key, next) = (data.join("key"), data.join("key.new"));
        // Asked for, and not begun.
        farm.member(name).unwrap().kill().unwrap();
        fs::write(data.join("key.rotate"), "").unwrap();
        let former = key_in(&key);
        farm.member(name).unwrap().run().unwrap();
        let first = replaced(&mut farm, name, &former);
        // In the log, and not in its place; for a broker also where its own log does not say so yet.
        let before = farm.copy_data(name).unwrap();
        let old = fs::read(&key).unwrap();
        fs::write(data.join("key.rotate"), "").unwrap();
        let second = replaced(&mut farm, name, &first);
        farm.member(name).unwrap().kill().unwrap();
        let new = fs::read(&key).unwrap();
        if name == "b2" {
            farm.restore_data(name, &before).unwrap();
        }
        for (file, bytes) in [(&key, &old), (&next, &new)] {
            fs::write(file, bytes).unwrap();
            fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
        }
        farm.member(name).unwrap().run().unwrap();
        assert_eq!(replaced(&mut farm, name, &first), second, "{name}");
        // Killed at some moment.
        let mut former = second;
        for after_ms in [150, 450, 750] {
            fs::write(data.join("key.rotate"), "").unwrap();
            let begun = Instant::now();
            wait::until_true("the moment", SOON, || Ok(begun.elapsed() >= Duration::from_millis(after_ms))).unwrap();
            farm.member(name).unwrap().kill().unwrap();
            farm.member(name).unwrap().run().unwrap();
            former = replaced(&mut farm, name, &former);
        }
        assert_eq!(farm.knock("alice", SOON).unwrap(), Knock::LetIn, "{name}");
    }
    add_user(&farm, "b2", "bob").unwrap();
    farm.wait_until_whole().unwrap();
}
