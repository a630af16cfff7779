//! `cargo xtask bench`: the benchmarks, in release. Arguments are criterion's, so with any only its benchmarks run;
//! without, what a whole broker needs is measured as well. `cargo xtask bench peers` measures beside others.

pub(crate) mod peers;

use anyhow::{Result, bail};

use crate::{
    cargo::cargo,
    metadata::{Metadata, Package},
    prerequisites, process, rocksdb,
};

/// The crates whose speed is a goal of the project.
const CRATES: [&str; 4] = ["hostler-seating", "hostler-views", "hostler-log-rocks", "hostler-sim"];
/// The benchmark of the program as shipped: its package and its name.
const WHOLE_BROKER: (&str, &str) = ("hostler-tests", "memory");

pub(crate) fn run(arguments: &[String]) -> Result<bool> {
    if let [first, rest @ ..] = arguments
        && first == "peers"
    {
        return peers::run(rest);
    }
    prerequisites::for_building()?;
    let metadata = Metadata::load()?;
    rocksdb::ensure(&metadata)?;
    let benches: Vec<(&str, &str)> =
        CRATES.iter().flat_map(|name| bench_targets(&metadata, name).map(move |bench| (*name, bench))).collect();
    if benches.is_empty() {
        bail!("none of {} has a benchmark", CRATES.join(", "));
    }
    // Named one by one: a plain `cargo bench` would hand criterion's arguments to the unit tests as well.
    let mut command = cargo(&["bench"]);
    for (package, bench) in &benches {
        command.args(["--package", package, "--bench", bench]);
    }
    command.arg("--").args(arguments);
    let passed = process::succeeds(&mut command)?;
    println!("Results: {}", metadata.target_directory.join("criterion").display());
    let whole_passed = !arguments.is_empty() || whole_broker(&metadata)?;
    Ok(passed && whole_passed)
}

/// Whether the program could be built and a broker needs no more than it may.
fn whole_broker(metadata: &Metadata) -> Result<bool> {
    if !process::succeeds(&mut cargo(&["build", "--release", "--package", "hostler-cli", "--bin", "hostler"]))? {
        return Ok(false);
    }
    let (package, bench) = WHOLE_BROKER;
    let mut command = cargo(&["bench", "--package", package, "--bench", bench]);
    process::succeeds(command.env("HOSTLER_BIN", metadata.target_directory.join("release").join("hostler")))
}

fn bench_targets<'a>(metadata: &'a Metadata, package: &str) -> impl Iterator<Item = &'a str> {
    let targets = metadata.members().find(|member| member.name == package).map(Package::bench_targets);
    targets.into_iter().flatten()
}
