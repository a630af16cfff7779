//! docs/rolling-restart.md, to the letter: its commands are read from there and carried out, while people log on.
#![allow(clippy::unwrap_used)] // In a test a failed one should stop it.

use std::time::{Duration, Instant};

use hostler_tests::netlab::{NetFarm, Plan};
use hostler_tests::{skip, wait};
use serde_json::Value;

const PROCEDURE: &str = include_str!("../../docs/rolling-restart.md");
const SOON: Duration = Duration::from_secs(30);
/// Two logons a second.
const PACE: Duration = Duration::from_millis(500);
const PEOPLE: usize = 30;

/// The commands of a chapter, in their order.
fn commands(chapter: &str) -> Vec<&'static str> {
    let (_, rest) = PROCEDURE.split_once(&format!("## {chapter}\n")).unwrap();
    let text = rest.split("\n## ").next().unwrap();
    let blocks = text.split("```").skip(1).step_by(2).map(|block| block.strip_prefix("console\n").unwrap());
    blocks.flat_map(str::lines).collect()
}

/// Carries out one command; `name` is the broker that it is about, or on whose machine it is given.
fn carry_out(farm: &mut NetFarm, command: &str, name: &str) {
    let words: Vec<&str> =
        command.split(' ').map(|word| if word == "NAME" || word == "OTHER" { name } else { word }).collect();
    match words.as_slice() {
        ["systemctl", "stop", "hostler-broker"] => farm.member(name).unwrap().stop(SOON).unwrap(),
        ["systemctl", "start", "hostler-broker"] => farm.member(name).unwrap().run().unwrap(),
        // There is one program here: the newer one is there already.
        ["install", "hostler", _] => {}
        ["hostler", "broker", "show", name] => {
            wait::until_true("it has caught up", SOON, || Ok(settled(&farm.cli.json(&["broker", "show", name])?)))
                .unwrap()
        }
        ["hostler", "broker", "list"] => wait::until_true("all have caught up", SOON, || {
            let rows = farm.cli.json(&["broker", "list"])?;
            Ok(rows.as_array().is_some_and(|rows| rows.iter().all(settled)))
        })
        .unwrap(),
        ["hostler", args @ ..] => drop(farm.cli.run(args).unwrap()),
        other => panic!("the procedure has a command that the test does not know: {other:?}"),
    }
}

/// Neither unreachable nor lagging.
fn settled(row: &Value) -> bool {
    let state = row["state"].as_str().unwrap_or_default();
    !state.is_empty() && state != "unreachable" && state != "lagging" && row["lag_events"] == 0
}

#[test]
fn nobody_is_refused() {
    if skip::without_networks("nobody_is_refused") {
        return;
    }
    let mut farm = NetFarm::begin(Plan::new(3, 2)).unwrap();
    let users: Vec<String> = (0..PEOPLE).map(|number| format!("user{number:02}")).collect();
    farm.cli
        .run(&[&["user", "add"], users.iter().map(String::as_str).collect::<Vec<_>>().as_slice()].concat())
        .unwrap();
    farm.wait_until_whole().unwrap();
    let (before, each, master) = (commands("Before"), commands("Each broker but the master"), commands("The master"));
    assert!(before.len() == 1 && each.len() == 6 && master.len() == 1, "{before:?} {each:?} {master:?}");

    let logons = farm.logons(&users, PACE).unwrap();
    let begun = Instant::now();
    for command in before {
        carry_out(&mut farm, command, "");
    }
    // The master last: b1 is it.
    for name in ["b2", "b3", "b1"] {
        if name == "b1" {
            for command in &master {
                carry_out(&mut farm, command, "b2");
            }
        }
        for command in &each {
            carry_out(&mut farm, command, name);
        }
        println!("{name} is done after {:.1?}", begun.elapsed());
    }
    // Some more people, who come to the brokers as they are now.
    let until = logons.so_far() + SOON / 10;
    wait::until_true("more people come", SOON, || Ok(logons.so_far() > until)).unwrap();
    let (count, slowest) = logons.end_with_all_let_in().unwrap();
    println!("{count} logons, all let in, the slowest within {slowest:.2?}");
    farm.wait_until_whole().unwrap();
    assert_eq!(farm.master("b3").unwrap().as_deref(), Some("b2"));
}
