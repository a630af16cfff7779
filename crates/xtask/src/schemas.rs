//! `cargo xtask schemas`: the golden files of the stored forms.
//!
//! Tests compare the files with what the code writes and with what the views make of it; here is what only git knows: that a file
//! that was published has not been edited or removed.

use std::process::Command;

use anyhow::{Context, Result};

use crate::{
    cargo::{cargo, workspace_root},
    process,
    report::{Outcome, Report},
};

/// Files below this folder may be added, and nothing else.
const GOLDEN: &str = "schemas/golden";

/// The tests that hold the golden files against the code: what the report says, the package, the test.
const TESTS: [(&str, &str, &str); 3] = [
    ("golden events fit the code", "hostler-events", "golden"),
    ("golden log fits the views", "hostler-views", "golden_log"),
    ("scenario schema fits the code", "hostler-sim", "schema"),
];

/// Where the published state may be, best first.
const PUBLISHED: [&str; 3] = ["origin/HEAD", "origin/main", "origin/master"];

/// What to do with the golden files.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Arguments {
    /// Compares the golden files with the code, and with what was published.
    #[arg(long)]
    check: bool,
    /// Writes the golden files that are missing; those that are there stay as they are.
    #[arg(long)]
    write: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let mut report = Report::default();
    for (name, package, test) in TESTS {
        let mut command = cargo(&["test", "--quiet", "--package", package, "--test", test]);
        if arguments.write {
            command.env("HOSTLER_WRITE_GOLDEN", "1");
        }
        let passed = process::succeeds(&mut command)?;
        report.add(name, Outcome::from_passed(passed, "see the test's messages above"));
    }
    report.add("golden files unchanged", unchanged());
    print!("{report}");
    Ok(report.counts().failed == 0)
}

/// Whether every golden file of the last commit, and of the published state before it, is still as it was.
pub(crate) fn unchanged() -> Outcome {
    if git(&["rev-parse", "--verify", "--quiet", "HEAD"]).is_err() {
        return Outcome::Skipped("there is no git history to compare with".to_owned());
    }
    let published =
        PUBLISHED.iter().find_map(|branch| git(&["merge-base", "HEAD", branch]).ok()).map(|id| id.trim().to_owned());
    let mut problems = Vec::new();
    for base in std::iter::once("HEAD".to_owned()).chain(published) {
        match git(&["diff", "--no-renames", "--name-status", &base, "--", GOLDEN]) {
            Ok(changes) => problems.extend(not_added(&changes)),
            Err(problem) => problems.push(format!("{problem:#}")),
        }
    }
    problems.sort();
    problems.dedup();
    Outcome::from_problems(&problems)
}

/// The lines of `git diff --name-status` that are more than an addition.
fn not_added(changes: &str) -> impl Iterator<Item = String> {
    changes.lines().filter_map(|line| {
        let (status, file) = line.split_once('\t')?;
        let what = match status {
            "A" => return None,
            "D" => "was removed",
            _ => "was changed",
        };
        Some(format!("{file} {what}: stored events look like this; restore it and give the event a new version"))
    })
}

fn git(arguments: &[&str]) -> Result<String> {
    process::output(Command::new("git").current_dir(workspace_root()).args(arguments)).context("git")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_additions_are_allowed() {
        let changes = "A\tschemas/golden/9.1.bin\nM\tschemas/golden/1.1.bin\nD\tschemas/golden/2.1.bin\n";
        let problems: Vec<String> = not_added(changes).collect();
        assert_eq!(problems.len(), 2);
        assert!(problems[0].starts_with("schemas/golden/1.1.bin was changed: "), "{problems:?}");
        assert!(problems[1].starts_with("schemas/golden/2.1.bin was removed: "), "{problems:?}");
        assert_eq!(not_added("").count(), 0);
    }
}
