//! The scenarios of the folder `negative`: each plants a fault in a real machine, and the invariant that it names finds
//! it. Without the fault the same scenario holds, with all invariants.

#![allow(clippy::unwrap_used, missing_docs)]

use hostler_sim::{Campaign, Prepared, Scenario, Summary, planted};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// So many seeds must be enough to find a planted fault.
const SEEDS: u64 = 1_000;
/// Seeds that are run without it.
const HEALTHY_SEEDS: u64 = 3;

fn scenarios() -> Vec<(PathBuf, Scenario)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../simulations/negative");
    let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let scenario = Scenario::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path, scenario)
    };
    paths.into_iter().map(read).collect()
}

fn run(scenario: Scenario, seeds: u64, stops_at_violation: bool) -> Summary {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let prepared = Prepared::new(scenario).unwrap();
    Campaign { first: 1, seeds, jobs, twice: false, stops_at_violation }.run(&prepared, &|_| {})
}

#[test]
fn every_fault_has_a_scenario_and_a_name() {
    let planted: Vec<Option<String>> = scenarios().into_iter().map(|(_, s)| s.expect.planted).collect();
    let names: BTreeSet<&str> = planted.iter().flatten().map(String::as_str).collect();
    assert_eq!(names, planted::NAMES.iter().copied().collect());
    assert_eq!(planted.len(), planted::NAMES.len());
}

#[test]
fn what_is_planted_is_found() {
    let mut wrong = Vec::new();
    for (path, scenario) in scenarios() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let caught_by = scenario.expect.caught_by.clone().unwrap_or_default();
        let began = Instant::now();
        let summary = run(scenario, SEEDS, true);
        match summary.failures.first() {
            Some((seed, violation)) if violation.invariant == caught_by => {
                println!("{name}: found by {caught_by} with seed {seed}, after {:.1?}", began.elapsed());
            }
            Some((seed, other)) => wrong.push(format!(
                "{name}: seed {seed} violates {} instead of {caught_by}: {}",
                other.invariant, other.what
            )),
            None => wrong.push(format!("{name}: {caught_by} finds nothing in {SEEDS} seeds")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn without_the_fault_all_holds() {
    let mut wrong = Vec::new();
    for (path, mut scenario) in scenarios() {
        scenario.expect.invariants = vec!["all".into()];
        (scenario.expect.planted, scenario.expect.caught_by) = (None, None);
        let failures = run(scenario, HEALTHY_SEEDS, false).failures;
        let text = |(seed, v): &(u64, hostler_sim::Violation)| {
            format!("{}, seed {seed}: {}: {}", path.display(), v.invariant, v.what)
        };
        wrong.extend(failures.iter().map(text));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
