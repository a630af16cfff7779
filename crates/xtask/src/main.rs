//! Developer commands: `cargo xtask …`.
//!
//! This crate depends on no other crate of the workspace, so that it builds within seconds on a fresh clone, before
//! anything that the others need is there. One file per command; what several of them share stands beside them:
//! [`prerequisites`] and [`rocksdb`] bring a machine to the point where the workspace builds.

mod bench;
mod cache;
mod cargo;
mod check;
mod demo;
mod machine_root;
mod metadata;
mod model;
mod prerequisites;
mod process;
mod report;
mod rocksdb;
mod schemas;
mod simulate;
mod soak;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer commands of Hostler.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Format, lints, layers, dependencies, licences.
    Check,
    /// Everything that can be tested on this machine; what can't is listed with the reason.
    Test,
    /// Builds and starts the demo farm; arguments are passed on (try --help).
    Demo {
        /// Arguments of the demo.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// The stored forms in schemas/.
    Schemas(schemas::Arguments),
    /// Runs the benchmarks; arguments are passed on to criterion. `peers [--quick]` measures beside HAProxy and etcd and
    /// writes docs/figures.md.
    Bench {
        /// `peers` with its arguments, or arguments of criterion, for instance a name to filter by.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Checks the promotion rules exhaustively, with wide bounds; takes minutes.
    Model {
        /// The bounds of the tests.
        #[arg(long)]
        narrow: bool,
    },
    /// Real processes in networks of their own, killed, paused, cut off and restored at random; needs root.
    Soak(soak::Arguments),
    /// Runs all scenarios with many seeds; takes hours.
    SimulateNight(simulate::Arguments),
    /// Builds RocksDB's C++ once, keeps the library in the cache and tells cargo where it is.
    Rocksdb,
    /// Says what this machine lacks for building and testing; as root, installs it.
    Prerequisites,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Check => check::run(),
        Command::Test => test::run(),
        Command::Demo { arguments } => demo::run(&arguments),
        Command::Schemas(arguments) => schemas::run(&arguments),
        Command::Bench { arguments } => bench::run(&arguments),
        Command::Model { narrow } => model::run(narrow),
        Command::Soak(arguments) => soak::run(&arguments),
        Command::SimulateNight(arguments) => simulate::night(&arguments),
        Command::Rocksdb => rocksdb::run(),
        Command::Prerequisites => prerequisites::run(),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
