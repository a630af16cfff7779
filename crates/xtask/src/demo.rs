//! `cargo xtask demo`: builds the server and the demo, and starts the demo in place of this process.

use std::{os::unix::process::CommandExt, process::Command};

use anyhow::{Context, Result, bail};

use crate::{cargo::cargo, metadata::Metadata, prerequisites, process, rocksdb};

pub(crate) fn run(arguments: &[String]) -> Result<bool> {
    prerequisites::for_building()?;
    let metadata = Metadata::load()?;
    rocksdb::ensure(&metadata)?;
    // Both at once, and in the dev profile, whose dependencies are optimised: a release build takes far longer.
    if !process::succeeds(&mut cargo(&["build", "--package", "hostler-cli", "--package", "hostler-demo", "--bins"]))? {
        bail!("the demo does not build; the compiler's messages are above");
    }
    let program = metadata.built_program("hostler-demo");
    // Replaced, not started as a child: Ctrl-C and the exit code are the demo's own.
    let problem = Command::new(&program).env("HOSTLER_BIN", metadata.built_program("hostler")).args(arguments).exec();
    Err(problem).with_context(|| format!("cannot start {}", program.display()))
}
