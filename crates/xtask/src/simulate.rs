//! The simulations: the fast ones and the planted faults for `cargo xtask test`, and `cargo xtask simulate-night`.
//!
//! They run as an example of `hostler-sim`, optimised: that has neither RocksDB nor the network in it and builds in a
//! fraction of the time of the whole program.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, bail};

use crate::{
    cargo::{cargo, workspace_root},
    metadata::Metadata,
    process,
    report::{Outcome, Report},
};

/// Seeds of each fast scenario in `cargo xtask test`.
const FAST_SEEDS: &str = "50";
/// Within so many seeds a planted fault must be caught.
const NEGATIVE_SEEDS: &str = "1000";

/// How long to simulate.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Seeds of all scenarios together.
    #[arg(long, default_value_t = 100_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// The fast scenarios, each with its seeds; and every planted fault.
pub(crate) fn report(metadata: &Metadata, report: &mut Report) -> Result<()> {
    let begun = Instant::now();
    let program = match build(metadata, false)? {
        Some(program) => program,
        None => {
            report.add("simulations", Outcome::Failed("the compiler's messages are above".to_owned()));
            return Ok(());
        }
    };
    println!("simulations: built in {} s", begun.elapsed().as_secs());
    let plans = plans(metadata)?;
    let begun = Instant::now();
    let passed = process::succeeds(
        started(&program, &plans)
            .args(["simulations/fast", "simulations/regressions"].iter().filter(|f| is_there(f)))
            .args(["--seeds", FAST_SEEDS]),
    )?;
    println!("simulations: {} s", begun.elapsed().as_secs());
    report.add("simulations/fast", Outcome::from_passed(passed, "see above which invariant, which seed, and its plan"));
    if !is_there("simulations/negative") {
        return Ok(());
    }
    let caught = match build(metadata, true)? {
        Some(program) => {
            process::succeeds(started(&program, &plans).args(["simulations/negative", "--seeds", NEGATIVE_SEEDS]))?
        }
        None => false,
    };
    report.add("planted faults are caught", Outcome::from_passed(caught, "see above which fault went unseen"));
    Ok(())
}

/// Everything but planted faults, with many seeds.
pub(crate) fn night(arguments: &Arguments) -> Result<bool> {
    let metadata = Metadata::load()?;
    let Some(program) = build(&metadata, false)? else { bail!("the simulator does not build; see above") };
    let plans = plans(&metadata)?;
    let table = plans.join("night.md");
    let folders = ["simulations/fast", "simulations/slow", "simulations/rare"];
    let passed = process::succeeds(
        started(&program, &plans)
            .args(folders.iter().filter(|folder| is_there(folder)))
            .args(["--total", &arguments.seeds.to_string(), "--seed", &arguments.seed.to_string(), "--table"])
            .arg(&table),
    )?;
    println!("Result: {}", table.display());
    Ok(passed)
}

/// Builds the simulator; with the faults that tests plant, if wanted. `None` if it doesn't build.
fn build(metadata: &Metadata, with_faults: bool) -> Result<Option<PathBuf>> {
    let mut command = cargo(&["build", "--profile", "model", "--package", "hostler-sim", "--example", "simulate"]);
    if with_faults {
        command.args(["--features", "planted-faults"]);
    }
    let program = metadata.target_directory.join("model").join("examples").join("simulate");
    Ok(process::succeeds(&mut command)?.then_some(program))
}

fn started(program: &Path, plans: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace_root()).arg("--plans").arg(plans);
    command
}

/// Where the plans of failures go.
fn plans(metadata: &Metadata) -> Result<PathBuf> {
    let plans = metadata.target_directory.join("simulations");
    fs::create_dir_all(&plans).with_context(|| format!("can't create {}", plans.display()))?;
    Ok(plans)
}

/// True for a folder with scenarios.
fn is_there(folder: &str) -> bool {
    let files = fs::read_dir(workspace_root().join(folder));
    files.is_ok_and(|mut files| files.any(|f| f.is_ok_and(|f| f.path().extension().is_some_and(|e| e == "toml"))))
}
