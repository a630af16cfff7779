//! `cargo xtask check`: what a reviewer should not have to look for.

mod codec;
mod deny;
mod forbidden;
mod layers;
mod top_level;

use anyhow::Result;

use crate::{
    cargo::{cargo, workspace_root},
    metadata::Metadata,
    prerequisites, process,
    report::{Outcome, Report},
    rocksdb,
};

pub(crate) fn run() -> Result<bool> {
    prerequisites::for_building()?;
    let report = checks(&Metadata::load()?)?;
    println!("\n{report}\n{}", report.counts());
    Ok(report.counts().failed == 0)
}

/// All checks, the quick ones first.
pub(crate) fn checks(metadata: &Metadata) -> Result<Report> {
    let root = workspace_root();
    let mut report = Report::default();
    report.add("top level", top_level::check(&root)?);
    report.add("lock file", lock_file());
    report.add("layers", layers::check(metadata));
    report.add("forbidden dependencies", forbidden::check(metadata));
    report.add("bincode in one module", codec::check(metadata, &root)?);
    let formatted = process::succeeds(&mut cargo(&["fmt", "--all", "--check"]))?;
    report.add("format", Outcome::from_passed(formatted, "run `cargo fmt --all`"));
    rocksdb::ensure(metadata)?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    let clean = process::succeeds(&mut cargo(&clippy))?;
    report.add("clippy", Outcome::from_passed(clean, "its warnings are above"));
    deny::check(&mut report, &root);
    Ok(report)
}

/// What is checked and tested must be what is built elsewhere.
fn lock_file() -> Outcome {
    match process::output(&mut cargo(&["metadata", "--format-version", "1", "--locked", "--quiet"])) {
        Ok(_) => Outcome::Ok,
        Err(problem) => Outcome::Failed(format!("{problem:#}\nrun `cargo update --workspace` and commit Cargo.lock")),
    }
}
