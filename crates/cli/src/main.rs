//! The binary hostler: assembly and subcommands. What is typed is in `args`; `commands` ask a broker, from any machine;
//! `service` runs on a member's own.

mod args;
mod client;
mod commands;
mod context;
mod failure;
mod logon;
mod progress;
mod prompt;
mod service;
mod table;
mod times;

use crate::failure::Failure;
use anyhow::Context;
use args::Cli;
use clap::Parser;
use std::process::ExitCode;

/// A broker takes and gives back many small pieces of memory, for events and explanations: this does it faster.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("hostler: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(commands::run(cli))
}
