//! What can happen to a broker's disk: it runs twice, comes back from an old copy, or comes back empty.
#![allow(clippy::unwrap_used)] // In a test a failed one should stop it.

use std::time::Duration;

use hostler_tests::farm::text;
use hostler_tests::netlab::{NetFarm, Plan};
use hostler_tests::{skip, wait};
use serde_json::json;

const SOON: Duration = Duration::from_secs(30);
/// Adds a user at one broker, and gives the event's name.
fn add_user(farm: &NetFarm, broker: &str, name: &str) -> anyhow::Result<String> {
    let reply = farm.rest.post(farm.ip(broker)?, "users", json!({ "name": name }))?;
    Ok(reply["events"][0].as_str().unwrap_or_default().to_owned())
}

/// The incarnation in an event's name, `<broker>.<incarnation>-<random>.<seq>.<hash>`.
fn incarnation(event: &str) -> &str {
    event.split('.').nth(1).unwrap()
}

fn knows(farm: &NetFarm, broker: &str, user: &str) -> bool {
    let rows = farm.get(broker, "users").unwrap();
    rows.as_array().unwrap().iter().any(|row| row["name"] == user)
}

#[test]
fn an_old_copy_and_an_empty_disk() {
    if skip::without_networks("an_old_copy_and_an_empty_disk") {
        return;
    }
    let mut farm = NetFarm::begin(Plan::new(3, 0)).unwrap();
    let first = add_user(&farm, "b3", "before").unwrap();
    farm.wait_until_whole().unwrap();
    let copy = farm.copy_data("b3").unwrap();
    for number in 0..20 {
        assert_eq!(incarnation(&add_user(&farm, "b3", &format!("later{number}")).unwrap()), incarnation(&first));
    }
    farm.wait_until_whole().unwrap();

    // From the old copy it lacks what it has written itself; the others have it.
    farm.member("b3").unwrap().kill().unwrap();
    farm.restore_data("b3", &copy).unwrap();
    farm.member("b3").unwrap().run().unwrap();
    farm.wait_until_whole().unwrap();
    assert!(knows(&farm, "b3", "later19"));
    let after = wait::until("b3 writes again", SOON, || Ok(add_user(&farm, "b3", "after").ok())).unwrap();
    assert!(incarnation(&after).starts_with("2-"), "{after} after {first}");
    farm.wait_until_whole().unwrap();
    assert!(knows(&farm, "b1", "after"));
    assert!(!farm.alarms("b1").unwrap().contains(&"feed.forked".to_owned()));

    // A plain restart goes on with the same one.
    farm.member("b3").unwrap().kill().unwrap();
    farm.member("b3").unwrap().run().unwrap();
    farm.wait_until_whole().unwrap();
    let again = wait::until("b3 writes again", SOON, || Ok(add_user(&farm, "b3", "again").ok())).unwrap();
    assert_eq!(incarnation(&again), incarnation(&after));
    farm.wait_until_whole().unwrap();

    // With an empty disk it is nobody; it is taken out of the list and joins with a token, as a new broker of the name.
    let id = text(&farm.row("b1", "b3").unwrap(), "id").unwrap();
    farm.member("b3").unwrap().kill().unwrap();
    farm.wipe_data("b3").unwrap();
    farm.cli.run(&["broker", "remove", "b3", "--yes"]).unwrap();
    farm.join_emptied("b3").unwrap();
    farm.wait_until_whole().unwrap();
    assert_ne!(text(&farm.row("b1", "b3").unwrap(), "id").unwrap(), id);
    assert!(knows(&farm, "b3", "again"));
    wait::until("b3 writes", SOON, || Ok(add_user(&farm, "b3", "last").ok())).unwrap();
    farm.wait_until_whole().unwrap();
    let names = farm.names("b");
    for name in &names {
        farm.member(name).unwrap().kill().unwrap();
    }
    let logs: Vec<_> = names.iter().map(|name| farm.feeds(name).unwrap()).collect();
    assert!(logs.windows(2).all(|pair| pair[0] == pair[1]), "the logs differ");
}

#[test]
fn two_copies_at_once() {
    if skip::without_networks("two_copies_at_once") {
        return;
    }
    let mut farm = NetFarm::begin(Plan::new(3, 0)).unwrap();
    // Of two brokers the one with the lower id dials: a copy of the lowest one reaches the others from anywhere.
    let mut ids: Vec<(String, String)> = farm
        .names("b")
        .iter()
        .map(|name| (text(&farm.row("b1", name).unwrap(), "id").unwrap(), name.clone()))
        .collect();
    ids.sort();
    let (original, other) = (ids[0].1.clone(), ids[1].1.clone());
    add_user(&farm, &original, "before").unwrap();
    farm.wait_until_whole().unwrap();

    // While the original stands still the copy takes its place, and writes. Then both run.
    farm.member(&original).unwrap().pause().unwrap();
    // The copy goes on with the feed only where the others answer it at once; else it opens an incarnation of its own.
    for (_, name) in &ids[1..] {
        let gone = || Ok(farm.row(name, &original)?["alive"] == false);
        wait::until_true("the others miss the original", SOON, gone).unwrap();
    }
    farm.begin_twin(&original, "twin").unwrap();
    wait::until("the copy writes", SOON, || Ok(add_user(&farm, "twin", "by-the-copy").ok())).unwrap();
    wait::until_true("the others have it", SOON, || Ok(knows(&farm, &other, "by-the-copy"))).unwrap();
    farm.member(&original).unwrap().resume().unwrap();
    wait::until("the original writes", SOON, || Ok(add_user(&farm, &original, "by-the-original").ok())).unwrap();
    let alarmed = wait::until("somebody raises the alarm", SOON, || {
        let mut brokers = farm.names("b");
        brokers.push("twin".to_owned());
        let alarms = brokers.iter().flat_map(|name| farm.alarms(name).unwrap_or_default());
        let of_copies: Vec<String> = alarms.filter(|code| code == "feed.forked" || code == "broker.copied").collect();
        Ok(Some(of_copies).filter(|codes| !codes.is_empty()))
    })
    .unwrap();

    // The second copy is stopped: what it wrote is with the others, and all come to the same.
    farm.member("twin").unwrap().kill().unwrap();
    farm.wait_until_whole().unwrap();
    for name in farm.names("b") {
        for user in ["before", "by-the-copy", "by-the-original"] {
            assert!(knows(&farm, &name, user), "{name} does not know {user}");
        }
    }

    // And after a restart again, whichever branch each of them got first.
    for name in farm.names("b") {
        farm.member(&name).unwrap().kill().unwrap();
    }
    for name in farm.names("b") {
        farm.member(&name).unwrap().run().unwrap();
    }
    let digest = farm.wait_until_whole().unwrap();
    assert!(knows(&farm, &other, "by-the-copy") && knows(&farm, &other, "by-the-original"));

    // Whoever verifies the log of any of them finds nothing wrong with it, the same views, and is told of the branches.
    let mut forked = Vec::new();
    for name in farm.names("b") {
        let member = farm.member(&name).unwrap();
        member.kill().unwrap();
        let data = member.data();
        let report = farm.cli.json(&["log", "verify", data.to_str().unwrap()]).unwrap();
        assert_eq!((&report["good"], report["digest"].as_str()), (&true.into(), Some(&*digest)), "{report}");
        forked.push(report["forked"].clone());
    }
    if alarmed.iter().any(|code| code == "feed.forked") {
        assert!(forked.iter().all(|feeds| *feeds == forked[0] && feeds[0]["events"].as_u64() > Some(0)), "{forked:?}");
    }
}
