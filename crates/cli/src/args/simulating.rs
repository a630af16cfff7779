//! Simulations.

use clap::Args;
use std::path::PathBuf;

/// Seeds are written into plans, whose numbers have a sign.
const LAST_SEED: u64 = 1 << 62;

/// Simulations.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(crate) struct SimulateArgs {
    /// Scenario files, or folders of them
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// How many seeds; 50 unless given, or one with --seed
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=LAST_SEED))]
    pub(crate) seeds: Option<u64>,
    /// This seed, or with --seeds the first of so many
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=LAST_SEED))]
    pub(crate) seed: Option<u64>,
    /// On so many threads; as many as there are cores unless given
    #[arg(long, short, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// Run each seed twice and compare
    #[arg(long)]
    pub(crate) twice: bool,
    /// Show everything that happened in a failing run, with messages; of a single run also where it is good
    #[arg(long)]
    pub(crate) trace: bool,
    /// Where to write the plans of failures
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    pub(crate) plans: PathBuf,
}
