//! The demo farm: brokers, a gateway and small session hosts as separate processes on loopback, brought up from nothing
//! and ended without a trace.
//!
//! [`raise`] brings it up, through [`hostler`] (the binary `hostler`) and [`rest`] (the brokers' REST); [`members`] keeps
//! the processes, and what they leave is in [`folder`], which is removed at the end. Then one of three things happens:
//! the farm stands until it is told to stop, with [`ways_in`] on the screen; [`once`] tries it; [`load`] keeps users
//! coming and going.

mod folder;
mod hostler;
mod load;
mod members;
mod once;
mod options;
mod pins;
mod plan;
mod process;
mod progress;
mod raise;
mod rest;
mod rows;
mod table;
mod ways_in;

pub use options::FarmOptions;

use crate::stop;
use anyhow::{Result, anyhow, ensure};
use progress::Progress;
use raise::Farm;
use std::process::ExitCode;
use std::time::Duration;
use ways_in::RdpFile;

/// How often a farm that stands is looked after.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Brings a farm up and does with it what the options say, until that is done or the process is told to stop. Nothing is
/// left running then.
///
/// # Errors
/// Where the farm does not come up, or what was to be tried does not work.
pub fn run(options: &FarmOptions) -> Result<ExitCode> {
    ensure!(!options.once || options.brokers > 1, "--once kills a broker, so it needs --brokers 2 or more");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // On this thread, which lives as long as the process: the members end with the thread that started them.
    let result = runtime.block_on(async {
        let stopped = stop::told()?;
        let progress = Progress::new();
        tokio::select! {
            biased;
            signal = stopped => {
                progress.say(&format!("{signal}: ended, nothing is left running"));
                // What was to be tried was not.
                Ok(if options.once { ExitCode::FAILURE } else { ExitCode::SUCCESS })
            }
            result = go(options, &progress) => result.map(|()| ExitCode::SUCCESS),
        }
    });
    // Threads may still wait for a client's connection; they end with the process.
    runtime.shutdown_background();
    result
}

async fn go(options: &FarmOptions, progress: &Progress) -> Result<()> {
    let mut farm = Farm::raise(options, progress).await?;
    if options.once {
        let tried = once::run(&mut farm, progress).await;
        // A client is not told why it is turned away; the gateway knows.
        let Some(gateway) = farm.members.named(&farm.plan.gateway.name) else { return tried };
        let said = gateway.log_end();
        return tried.map_err(|error| anyhow!("{error:#}\nThe end of {}'s log:\n{said}", gateway.name));
    }
    let mut file = RdpFile::new(&farm);
    file.refresh(&farm.rest).await?;
    println!("\n{}\n\n{}", farm.what_runs_where(), ways_in::text(&farm, &file)?);
    if let Some(users) = options.load {
        return load::run(&mut farm, users, &mut file).await;
    }
    println!("\nCtrl-C ends everything.");
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        for ended in farm.members.ended() {
            progress.say(&format!("{ended}; the farm goes on without it"));
        }
        file.keep_fresh(&farm.rest).await;
    }
}
