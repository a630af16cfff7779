//! `cargo xtask soak`: real processes in networks of their own, under faults, for as long as wanted.

use anyhow::{Result, bail};

use crate::{cargo::cargo, metadata::Metadata, prerequisites, process, rocksdb};

/// The program that does it, and its package.
const PROGRAM: (&str, &str) = ("hostler-tests", "soak");
/// Failures are kept here, in the target folder.
const KEPT: &str = "soak";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// For how long faults are dealt out.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Decides about the faults; by chance unless given.
    #[arg(long)]
    seed: Option<u64>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    prerequisites::for_building()?;
    if let Err(missing) = prerequisites::for_networks() {
        bail!("members can't have networks of their own here: {missing}");
    }
    let metadata = Metadata::load()?;
    rocksdb::ensure(&metadata)?;
    let (package, program) = PROGRAM;
    let build = ["build", "--package", "hostler-cli", "--bin", "hostler", "--package", package, "--bin", program];
    if !process::succeeds(&mut cargo(&build))? {
        bail!("it does not build; the compiler's messages are above");
    }
    let mut command = std::process::Command::new(metadata.built_program(program));
    command.env("HOSTLER_BIN", metadata.built_program("hostler"));
    command.arg(arguments.minutes.to_string()).arg(metadata.target_directory.join(KEPT));
    command.args(arguments.seed.map(|seed| seed.to_string()));
    process::succeeds(&mut command)
}
