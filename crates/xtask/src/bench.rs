//! `cargo xtask bench`: the benchmarks of single crates, in release; arguments are criterion's. `cargo xtask bench peers`
//! measures whole programs, beside others.

pub(crate) mod peers;

use anyhow::{Result, bail};

use crate::{
    cargo::cargo,
    metadata::{Metadata, Package},
    prerequisites, process, rocksdb,
};

/// The crates whose speed is a goal of the project.
const CRATES: [&str; 4] = ["hostler-seating", "hostler-views", "hostler-log-rocks", "hostler-sim"];

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
    Ok(passed)
}

fn bench_targets<'a>(metadata: &'a Metadata, package: &str) -> impl Iterator<Item = &'a str> {
    let targets = metadata.members().find(|member| member.name == package).map(Package::bench_targets);
    targets.into_iter().flatten()
}
