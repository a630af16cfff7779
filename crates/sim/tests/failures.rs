//! What a failure becomes: words, a small plan in a file, and the same failure again from that file.

#![allow(clippy::unwrap_used, missing_docs)]

use hostler_sim::suite::{self, Options};
use std::fs;
use std::path::Path;

/// One way takes longer than the farm is given to become one: what was published last is not everywhere by then.
const TOO_SHORT: &str = r#"
format = 1
title = "Becomes one too late"
why = "To have something that fails."
[run]
duration_ms = 30_000
[cluster]
brokers = 3
[heal]
within_ms = 1_000
[network]
delay_ms = 1_100
[expect]
invariants = ["converges"]
reached = ["host.lied"]
[[step]]
at_ms = 1_000
action = { do = "publish", at = "b1" }
[[step]]
at_ms = [2_000, 3_000]
action = { do = "pause", who = "b3", lasts_ms = 1_000 }
[[step]]
at_ms = 29_900
action = { do = "publish", at = "b2" }
"#;

fn options(folder: &Path) -> Options {
    Options { first: 1, seeds: 3, jobs: 2, twice: true, trace: false, plans: folder.join("plans") }
}

#[test]
fn a_failure_can_be_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("late.toml");
    fs::write(&file, TOO_SHORT).unwrap();
    let options = options(folder.path());
    let entries = suite::load(&[file]).unwrap();
    let verdict = suite::run(&entries[0], &options, &|_| {}, &|_| {}).unwrap();
    assert!(!verdict.is_good() && verdict.failures.len() == 1, "{verdict:?}");
    assert_eq!(verdict.not_reached, Vec::<String>::new(), "three seeds are too few to demand it");
    let failure = &verdict.failures[0];
    assert_eq!((failure.invariant, failure.seed, failure.seeds.as_slice()), ("converges", 1, &[1, 2, 3][..]));
    let text = failure.to_string();
    assert!(text.starts_with("VIOLATION of converges in ") && text.contains("late-seed1.toml"), "{text}");
    assert!(failure.timeline.len() <= 40 && failure.timeline.last().unwrap().contains("VIOLATION"), "{text}");
    // Again, from the plan alone.
    let plan = fs::read_to_string(&failure.plan).unwrap();
    assert!(!plan.contains("pause"), "the smaller plan has no more in it than it needs: {plan}");
    let again = suite::load(std::slice::from_ref(&failure.plan)).unwrap();
    let verdict = suite::run(&again[0], &options, &|_| {}, &|_| {}).unwrap();
    assert_eq!((verdict.seeds, verdict.failures[0].invariant, verdict.failures[0].seed), (1, "converges", 1));
    assert!(fs::read_to_string(&failure.plan).unwrap() == plan, "a plan that was read stays as it is");
}

#[test]
fn what_a_scenario_names_must_be_reached() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("calm.toml");
    fs::write(&file, TOO_SHORT.replace("within_ms = 1_000", "within_ms = 60_000")).unwrap();
    let entries = suite::load(&[file]).unwrap();
    let options = Options { seeds: suite::ENOUGH, twice: false, ..options(folder.path()) };
    let verdict = suite::run(&entries[0], &options, &|_| {}, &|_| {}).unwrap();
    assert_eq!((verdict.failed_seeds, verdict.is_good(), verdict.result().as_str()), (0, false, "NOT REACHED"));
    assert!(
        verdict
            .complaint()
            .unwrap()
            .ends_with("none of 20 seeds has reached host.lied: the scenario does not try what it says")
    );
    let alone = Options { seeds: 1, ..options };
    assert!(suite::run(&entries[0], &alone, &|_| {}, &|_| {}).unwrap().is_good());
}
