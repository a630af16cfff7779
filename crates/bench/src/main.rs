//! `hostler-bench`: our figures beside those of what people would use instead, on one machine, in one run.
//!
//! The generators of load live here, and are the same for both sides; what is measured are processes of their own.

mod book;
mod farm;
mod figures;
mod load;
mod machine;
mod peers;
mod plan;
mod plot;
mod samples;
mod show;
mod spread;
mod topics;
mod usage;

use anyhow::{Result, ensure};
use clap::Parser;
use plan::Plan;
use show::Show;
use std::path::PathBuf;
use std::process::ExitCode;
use topics::{ALL, Bench, Measure};

/// Threads of the generators of load.
const THREADS: usize = 2;

/// Measures Hostler beside its peers. Use `cargo xtask bench peers`, which builds and installs what is needed.
#[derive(Parser)]
struct Arguments {
    /// Only see whether everything works: each measurement for about a second. Nothing is written
    #[arg(long)]
    quick: bool,
    /// Only these topics, by name
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// How often each side has its turn
    #[arg(long)]
    rounds: Option<usize>,
    /// The folder into which figures.md and its plots are written; nothing is, if it is left out
    #[arg(long)]
    docs: Option<PathBuf>,
    /// What brokers tell each other: this part runs in a network of its own
    #[arg(long, hide = true)]
    gossip_of: Option<usize>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let Arguments { quick, only, rounds, docs, gossip_of } = Arguments::parse();
    let unknown: Vec<&String> = only.iter().filter(|name| ALL.iter().all(|(known, _)| known != name)).collect();
    ensure!(unknown.is_empty(), "no such topics: {unknown:?}; there are {:?}", ALL.map(|(name, _)| name));
    allow_files()?;
    let wanted = |name: &str| only.is_empty() || only.iter().any(|topic| topic == name);
    let topics: Vec<(&str, Measure)> = ALL.into_iter().filter(|(name, _)| wanted(name)).collect();
    let plan = Plan::new(quick, rounds);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    if let Some(brokers) = gossip_of {
        return topics::scale::gossip::inside(brokers, quick, &runtime);
    }
    let show = Show::new(topics.len());
    let bench = Bench { plan, show: &show, runtime: &runtime };
    let (mut chapters, mut failed) = (Vec::new(), Vec::new());
    for (name, measure) in topics {
        match measure(&bench) {
            Ok(chapter) => {
                show.done(&chapter);
                chapters.push(chapter);
            }
            // What else can be measured is still worth something.
            Err(error) => failed.push(format!("{name} could not be measured: {error:#}")),
        }
    }
    drop(show);
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    match docs.filter(|_| !quick) {
        Some(docs) => book::write(&docs, &machine::Machine::look(), &plan, &chapters),
        None => Ok(()),
    }
}

/// Raises the limit of open files as far as this process may; what it starts inherits that.
fn allow_files() -> Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a value of ours of the right type.
    let read = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    ensure!(read == 0, "can't read the limit of open files: {}", std::io::Error::last_os_error());
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: as above.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    ensure!(set == 0, "can't raise the limit of open files: {}", std::io::Error::last_os_error());
    Ok(())
}
