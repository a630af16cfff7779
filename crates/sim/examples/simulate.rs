//! `hostler simulate` without the rest of the program: it builds in a fraction of the time, so `cargo xtask test` and
//! `cargo xtask simulate-night` run this. With `--total N` the scenarios share N seeds, those of a folder `slow` getting a fifth
//! of what the others get; with `--table FILE` what came out is written as a table in Markdown.
#![allow(missing_docs)]

use anyhow::{Context, Result, bail};
use clap::Parser;
use hostler_sim::stats::Stats;
use hostler_sim::suite::{self, Entry, HEADINGS, Options, Verdict};
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How often it says how far it is.
const EVERY: Duration = Duration::from_secs(30);

#[derive(Parser)]
struct Args {
    /// Scenario files, or folders of them.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Seeds of each scenario.
    #[arg(long, default_value_t = 50)]
    seeds: u64,
    /// Seeds of all scenarios together; each one of a folder `slow` gets a fifth of what another one gets.
    #[arg(long)]
    total: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads; as many as there are cores unless given.
    #[arg(long)]
    jobs: Option<usize>,
    /// Each seed twice.
    #[arg(long)]
    twice: bool,
    /// All that happened in failing runs.
    #[arg(long)]
    trace: bool,
    /// Where plans of failures are written.
    #[arg(long, default_value = ".")]
    plans: PathBuf,
    /// Where the table is written.
    #[arg(long)]
    table: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<bool> {
    let entries = suite::load(&args.paths)?;
    if entries.is_empty() {
        bail!("there are no scenarios");
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let shares: u64 = entries.iter().map(share).sum();
    let mut options = Options {
        first: args.seed,
        seeds: args.seeds,
        jobs: args.jobs.unwrap_or(cores),
        twice: args.twice,
        trace: args.trace,
        plans: args.plans.clone(),
    };
    let begun = Instant::now();
    let mut verdicts = Vec::new();
    for entry in &entries {
        if let Some(total) = args.total {
            options.seeds = (total * share(entry)).div_ceil(shares);
        }
        let so_far = Mutex::new((Instant::now(), Stats::default()));
        let verdict = suite::run(
            entry,
            &options,
            &|stats| {
                let mut so_far = so_far.lock().unwrap_or_else(PoisonError::into_inner);
                so_far.1.add(stats);
                if so_far.0.elapsed() > EVERY {
                    so_far.0 = Instant::now();
                    eprintln!("  … {} seeds of {}", so_far.1.seeds, entry.name());
                }
            },
            &|_| {},
        )?;
        let speed = verdict.speed();
        println!(
            "{} {}: {}, {} ms, {speed}× real time, digest {}",
            entry.path.display(),
            verdict.seeds,
            verdict.result(),
            verdict.took_ms,
            verdict.digest.get(..16).unwrap_or_default()
        );
        verdict.failures.iter().for_each(|failure| println!("\n{failure}"));
        verdict.complaint().iter().for_each(|complaint| println!("\n{complaint}\n"));
        verdicts.push(verdict);
    }
    let table = markdown(&verdicts, begun.elapsed(), options.jobs)?;
    println!("\n{table}");
    if let Some(path) = &args.table {
        std::fs::write(path, &table).with_context(|| format!("can't write {}", path.display()))?;
    }
    Ok(verdicts.iter().all(Verdict::is_good))
}

/// One seed of a slow scenario takes as long as dozens of the others.
fn share(entry: &Entry) -> u64 {
    let folder = entry.path.parent().and_then(|folder| folder.file_name());
    if folder.is_some_and(|name| name == "slow") { 1 } else { 5 }
}

fn markdown(verdicts: &[Verdict], took: Duration, jobs: usize) -> Result<String> {
    let mut text = String::new();
    let headings = HEADINGS.map(|heading| heading.trim_start_matches('>').to_lowercase());
    writeln!(text, "| {} | faults by kind |", headings.join(" | "))?;
    let lines = HEADINGS.map(|heading| if heading.starts_with('>') { "---:" } else { "---" });
    writeln!(text, "|{}|---|", lines.join("|"))?;
    let (mut seeds, mut simulated_ms, mut events, mut faults) = (0, 0, 0, 0);
    for verdict in verdicts {
        let kinds: Vec<String> = verdict.faults.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        writeln!(text, "| {} | {} |", verdict.cells().join(" | "), kinds.join(", "))?;
        seeds += verdict.seeds;
        simulated_ms += verdict.simulated_ms;
        events += verdict.events;
        faults += verdict.faults.values().sum::<u64>();
    }
    let wrong = verdicts.iter().filter(|verdict| !verdict.is_good()).count();
    let took_s = took.as_secs().max(1);
    writeln!(
        text,
        "\n{seeds} seeds of {} scenarios, {wrong} of them failed: {} simulated hours, {events} events, {faults} faults in \
         {took_s} s on {jobs} threads ({}× real time).",
        verdicts.len(),
        simulated_ms / 3_600_000,
        simulated_ms / 1_000 / took_s
    )?;
    Ok(text)
}
