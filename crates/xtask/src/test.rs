//! `cargo xtask test`: everything that can be tested on this machine. CI runs exactly this.
//!
//! The end-to-end tests learn from their environment what they have: the programs under test in `HOSTLER_BIN` and
//! `HOSTLER_DEMO_BIN`; `HOSTLER_REAL_RDP=1` where real session hosts can run, else the reason why not in
//! `HOSTLER_REAL_RDP_MISSING`; the same with `HOSTLER_NETWORKS` where members can have networks of their own,
//! and `HOSTLER_MACHINE_ROOT` with the root of a machine that can be booted. A test that can't run here appends a line `name<TAB>reason` to the file named in
//! `HOSTLER_SKIPPED` and returns; it is then counted and listed as skipped.

mod skipped;
mod tally;

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use self::{
    skipped::SkippedFile,
    tally::{Reader, Tally},
};
use crate::{
    bench,
    cargo::cargo,
    check,
    metadata::Metadata,
    model, prerequisites, process,
    report::{Counts, Outcome, Report},
    rocksdb, schemas, simulate,
};

/// The package whose tests share this machine's namespaces, ports and users.
const END_TO_END: &str = "hostler-tests";

/// The scenarios with planted faults, and the same ones without: beside the model check, which needs the same feature.
const NEGATIVE: [&str; 4] = ["--package", "hostler-sim", "--test", "negative"];

pub(crate) fn run() -> Result<bool> {
    prerequisites::for_building()?;
    let networks = prerequisites::for_networks();
    let real_rdp = prerequisites::for_real_rdp();
    let machines = prerequisites::for_machines();
    let metadata = Metadata::load()?;
    rocksdb::ensure(&metadata)?;
    let skipped = SkippedFile::new(&metadata.target_directory)?;
    let mut report = Report::default();
    let mut tally = Tally::default();
    // With the same features as the tests below, so that nothing is compiled twice.
    if process::succeeds(&mut cargo(&["build", "--workspace", "--bins", "--tests"]))? {
        for Run { name, mut command, reader } in runs() {
            environment(&mut command, &metadata, &[("REAL_RDP", &real_rdp), ("NETWORKS", &networks)], &skipped);
            machine_root(&mut command, &machines);
            let failed_before = tally.counts.failed;
            let passed = process::watch(&mut command, |line| tally.read(reader, line))?;
            if !passed && tally.counts.failed == failed_before {
                report.add(name, Outcome::Failed("it ended before its tests did; its messages are above".to_owned()));
            }
        }
    } else {
        report.add("build", Outcome::Failed("the compiler's messages are above; no test was run".to_owned()));
    }
    report.add("figures beside others", peers(&metadata));
    simulate::report(&metadata, &mut report)?;
    report.add("golden files unchanged", schemas::unchanged());
    report.add_all(check::checks(&metadata)?);
    let not_run = skipped.read()?;
    if let (Err(reason), []) = (&real_rdp, not_run.as_slice()) {
        report.add("real RDP", Outcome::Skipped(reason.clone()));
    }
    let totals = totals(tally.counts, not_run.len() as u64, report.counts());
    for (test, reason) in not_run {
        report.add(test, Outcome::Skipped(reason));
    }
    for test in tally.failed {
        report.add(test, Outcome::Failed("its output is above".to_owned()));
    }
    println!("\n{report}\n{totals}");
    Ok(totals.failed == 0)
}

/// Whether everything can be measured that `cargo xtask bench peers` measures; each thing for about a second.
fn peers(metadata: &Metadata) -> Outcome {
    if let Err(reason) = prerequisites::for_peers() {
        return Outcome::Skipped(reason);
    }
    match process::succeeds(&mut bench::peers::command(metadata, true)) {
        Ok(passed) => Outcome::from_passed(passed, "not everything could be measured; why is above"),
        Err(problem) => Outcome::Failed(format!("{problem:#}")),
    }
}

/// A test that skipped itself has passed for the program that ran it.
fn totals(mut tests: Counts, not_run: u64, others: Counts) -> Counts {
    tests.passed = tests.passed.saturating_sub(not_run);
    tests.skipped += not_run;
    tests.add(others);
    tests
}

/// One call of a program that runs tests.
struct Run {
    name: &'static str,
    command: Command,
    reader: Reader,
}

/// nextest where it is installed, since it runs all programs of tests side by side; else cargo's own.
fn runs() -> Vec<Run> {
    let doc = cargo(&["test", "--workspace", "--doc", "--no-fail-fast"]);
    let doc = Run { name: "doc tests", command: doc, reader: Reader::Libtest };
    if process::output(&mut cargo(&["nextest", "--version"])).is_ok() {
        // .config/nextest.toml gives the end-to-end tests the machine one after another.
        let all = cargo(&["nextest", "run", "--workspace", "--no-fail-fast", "--no-tests=pass"]);
        let mut model = cargo(&["nextest", "run", "--no-fail-fast", "--cargo-profile", "model"]);
        model.args(model::CHECK).args(NEGATIVE);
        let model = Run { name: "planted faults", command: model, reader: Reader::Nextest };
        return vec![Run { name: "tests", command: all, reader: Reader::Nextest }, model, doc];
    }
    let targets = ["--lib", "--bins", "--tests", "--no-fail-fast"];
    let mut unit = cargo(&["test", "--workspace", "--exclude", END_TO_END]);
    unit.args(targets);
    let mut end_to_end = cargo(&["test", "--package", END_TO_END]);
    end_to_end.args(targets).args(["--", "--test-threads=1"]);
    let mut model = cargo(&["test", "--profile", "model"]);
    model.args(model::CHECK).args(NEGATIVE);
    vec![
        Run { name: "unit tests", command: unit, reader: Reader::Libtest },
        Run { name: "end-to-end tests", command: end_to_end, reader: Reader::Libtest },
        Run { name: "planted faults", command: model, reader: Reader::Libtest },
        doc,
    ]
}

fn environment(
    command: &mut Command,
    metadata: &Metadata,
    there: &[(&str, &Result<(), String>)],
    skipped: &SkippedFile,
) {
    command
        .env("HOSTLER_BIN", metadata.built_program("hostler"))
        .env("HOSTLER_DEMO_BIN", metadata.built_program("hostler-demo"))
        .env("HOSTLER_SKIPPED", skipped.path());
    for (what, there) in there {
        let (variable, missing) = (format!("HOSTLER_{what}"), format!("HOSTLER_{what}_MISSING"));
        command.env_remove(&variable).env_remove(&missing);
        match there {
            Ok(()) => command.env(variable, "1"),
            // One line, as it becomes a part of one.
            Err(reason) => command.env(missing, reason.replace('\n', " ")),
        };
    }
}

/// Where a machine that can be booted has its root, or why there is none.
fn machine_root(command: &mut Command, machines: &Result<PathBuf, String>) {
    command.env_remove("HOSTLER_MACHINE_ROOT").env_remove("HOSTLER_MACHINE_ROOT_MISSING");
    match machines {
        Ok(root) => command.env("HOSTLER_MACHINE_ROOT", root),
        Err(reason) => command.env("HOSTLER_MACHINE_ROOT_MISSING", reason.replace('\n', " ")),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts_every_test_once() {
        let tests = Counts { passed: 10, failed: 1, skipped: 0 };
        let others = Counts { passed: 5, failed: 0, skipped: 1 };
        assert_eq!(totals(tests, 3, others).to_string(), "12 passed, 1 failed, 4 skipped");
    }
}
