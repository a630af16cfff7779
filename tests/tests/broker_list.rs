//! The list of brokers is the same wherever it is asked for: who is there, in which order, and who is the master.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // In a test a failed one should stop it.

use std::time::Duration;

use hostler_tests::farm::{Farm, Ground};
use hostler_tests::wait;

const SOON: Duration = Duration::from_secs(30);

/// Waits until every broker tells the same list: names and states by priority.
fn everywhere(farm: &mut Farm, want: &[(&str, &str)]) {
    let ips: Vec<String> = farm.brokers().iter().map(|broker| broker.ip().to_string()).collect();
    let mut last = Vec::new();
    let agreed = wait::until_true("every broker tells the same list", SOON, || {
        last.clear();
        for ip in &ips {
            let rows = farm.cli.json(&["broker", "list", "--broker", ip])?;
            let rows = rows.as_array().cloned().unwrap_or_default();
            let word = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
            last.push(rows.iter().map(|row| (word(row, "name"), word(row, "state"))).collect::<Vec<_>>());
        }
        let same = |list: &Vec<(String, String)>| {
            list.iter().map(|(name, state)| (name.as_str(), state.as_str())).eq(want.iter().copied())
        };
        Ok(last.iter().all(same))
    });
    agreed.unwrap_or_else(|error| panic!("{error}; wanted {want:?}, got {last:?}"));
}

#[test]
fn every_broker_tells_the_same_list() {
    let ground = Ground::new().unwrap();
    let mut farm = Farm::begin(ground.place("farm")).unwrap();
    farm.add_broker().unwrap();
    farm.add_broker().unwrap();
    farm.log_in().unwrap();
    farm.wait_until_whole().unwrap();
    everywhere(&mut farm, &[("b1", "master"), ("b2", "active"), ("b3", "active")]);
    let steps = [
        ("broker up b3", [("b1", "master"), ("b3", "active"), ("b2", "active")]),
        ("broker disable b3 --yes", [("b1", "master"), ("b3", "disabled"), ("b2", "active")]),
        ("broker promote b2", [("b1", "active"), ("b3", "disabled"), ("b2", "master")]),
        ("broker enable b3", [("b1", "active"), ("b3", "active"), ("b2", "master")]),
    ];
    for (command, want) in steps {
        farm.cli.run(&command.split(' ').collect::<Vec<_>>()).unwrap();
        everywhere(&mut farm, &want);
    }
    // Each broker tells its version itself, a moment after its link is up.
    let versions =
        |rows: &serde_json::Value| rows.as_array().is_some_and(|r| r.iter().all(|r| r["version"].is_string()));
    let told = || Ok(Some(farm.cli.json(&["broker", "list"])?).filter(versions));
    let rows = wait::until("every broker tells its version", SOON, told).unwrap();
    for row in rows.as_array().unwrap() {
        assert_eq!(row["version"], env!("CARGO_PKG_VERSION"), "{row}");
        assert_eq!(row["master_since_ms"].is_u64(), row["name"] == "b2", "{row}");
        assert_eq!(row["logon_share_permille"], serde_json::Value::Null, "nobody has logged on: {row}");
    }
    assert_eq!(farm.cli.json(&["alarm", "list"]).unwrap(), serde_json::json!([]));
}
