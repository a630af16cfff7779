//! `cargo xtask bench peers`: Hostler beside what people would use instead, by the program `hostler-bench`. Its figures
//! go into docs/figures.md.

use std::process::Command;

use anyhow::{Result, anyhow, bail};

use crate::{
    cargo::{cargo, workspace_root},
    metadata::Metadata,
    prerequisites, process, rocksdb,
};

/// The generators of load, and what they measure.
const PROGRAMS: [&str; 4] = ["--package", "hostler-cli", "--package", "hostler-bench"];
/// Only sees whether everything works, with what the dev profile builds: nobody wants its figures.
const QUICK: &str = "--quick";

pub(crate) fn run(arguments: &[String]) -> Result<bool> {
    prerequisites::for_building()?;
    prerequisites::for_peers().map_err(|reason| anyhow!("{reason}"))?;
    let metadata = Metadata::load()?;
    rocksdb::ensure(&metadata)?;
    let quick = arguments.iter().any(|argument| argument == QUICK);
    let mut build = cargo(&["build", "--bins"]);
    build.args(PROGRAMS).args((!quick).then_some("--release"));
    if !process::succeeds(&mut build)? {
        bail!("it does not build; the compiler's messages are above");
    }
    process::succeeds(command(&metadata, quick).args(arguments.iter().filter(|argument| *argument != QUICK)))
}

/// The program, which must have been built.
pub(crate) fn command(metadata: &Metadata, quick: bool) -> Command {
    let built = metadata.target_directory.join(if quick { "debug" } else { "release" });
    let mut command = Command::new(built.join("hostler-bench"));
    command.env("HOSTLER_BIN", built.join("hostler"));
    match quick {
        true => command.arg(QUICK),
        false => command.arg("--docs").arg(workspace_root().join("docs")),
    };
    command
}
