//! `hostler simulate`: scenarios on a virtual clock, under faults. No broker is asked, and nothing of this machine is
//! touched but the files of plans.

use crate::args::{GlobalArgs, SimulateArgs};
use crate::context::{print, print_json};
use crate::failure::Failure;
use crate::table::{Details, Table, clean};
use hostler_sim::stats::Stats;
use hostler_sim::suite::{self, HEADINGS, Options, SuiteError, Verdict};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Seeds of each scenario, unless told otherwise.
const SEEDS: u64 = 50;
/// How often the picture changes, in ms.
const TURN_MS: u64 = 200;

/// Runs scenarios; an error where one has failed.
pub(super) fn simulate(global: &GlobalArgs, args: &SimulateArgs) -> Result<(), Failure> {
    let entries = suite::load(&args.paths).map_err(usage)?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let options = Options {
        first: args.seed.unwrap_or(1),
        seeds: args.seeds.unwrap_or(if args.seed.is_some() { 1 } else { SEEDS }),
        jobs: args.jobs.map_or(cores, usize::from),
        twice: args.twice,
        trace: args.trace,
        plans: args.plans.clone(),
    };
    let all = entries.iter().map(|entry| options.seeds_of(entry).0).sum();
    let bar = Bar::new(all);
    let mut verdicts = Vec::new();
    let mut planned = 0;
    for entry in &entries {
        bar.says(&entry.name());
        let verdict = suite::run(entry, &options, &|stats| bar.ran(stats), &|what| bar.says(what)).map_err(usage)?;
        // Where a planted fault was caught, the other seeds are not run.
        planned += options.seeds_of(entry).0;
        bar.up_to(planned);
        if !global.json {
            bar.aside(|| show(&verdict))?;
        }
        verdicts.push(verdict);
    }
    bar.end();
    let wrong = verdicts.iter().filter(|verdict| !verdict.is_good()).count();
    if global.json {
        print_json(&json!(verdicts))?;
    } else {
        print(&summary(&verdicts))?;
    }
    match wrong {
        0 => Ok(()),
        n => Err(anyhow::anyhow!("{n} of {} scenarios failed", verdicts.len()).into()),
    }
}

fn usage(error: SuiteError) -> Failure {
    match error {
        SuiteError::Write { .. } => Failure::Other(error.into()),
        _ => Failure::Usage(error.to_string()),
    }
}

/// What there is to say as soon as a scenario is done.
fn show(verdict: &Verdict) -> Result<(), Failure> {
    let mut text: String = verdict.timeline.iter().map(|line| format!("{}\n", clean(line))).collect();
    for failure in &verdict.failures {
        text.extend(failure.to_string().lines().map(|line| format!("{}\n", clean(line))));
        text.push('\n');
    }
    text.extend(verdict.complaint().map(|complaint| format!("{}\n\n", clean(&complaint))));
    print(&text)
}

/// All scenarios in one table, then what it has no room for.
fn summary(verdicts: &[Verdict]) -> String {
    let mut table = Table::new(&HEADINGS, "There are no scenarios.");
    let mut text = String::new();
    for verdict in verdicts {
        table.row(verdict.cells());
        let mut details = Details::new();
        verdict.details().iter().for_each(|(name, list)| details.line(name, list));
        text.push_str(&format!("\n{}\n", clean(&verdict.cells()[0])));
        text.extend(details.to_string().lines().map(|line| format!("  {line}\n")));
    }
    format!("{table}{text}")
}

/// How far it is: on standard error, and only on a terminal.
struct Bar {
    bar: ProgressBar,
    begun: Instant,
    stats: Mutex<(String, Stats)>,
}

impl Bar {
    fn new(seeds: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(seeds), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("[{wide_bar}] {human_pos} of {human_len} seeds, {eta} left\n{msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        bar.enable_steady_tick(Duration::from_millis(TURN_MS));
        Self { bar, begun: Instant::now(), stats: Mutex::default() }
    }

    /// A run has ended.
    fn ran(&self, stats: &Stats) {
        let mut sum = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        sum.1.add(stats);
        self.bar.inc(1);
        self.draw(&sum.0, &sum.1);
    }

    fn says(&self, what: &str) {
        let mut sum = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        sum.0 = what.to_owned();
        self.draw(&sum.0, &sum.1);
    }

    fn draw(&self, what: &str, sum: &Stats) {
        let speed = u128::from(sum.simulated_ms) / self.begun.elapsed().as_millis().max(1);
        let faults = HumanCount(sum.fault_count());
        let hours = sum.simulated_ms / 3_600_000;
        let minutes = sum.simulated_ms / 60_000 % 60;
        self.bar.set_message(format!("{what}: {hours}:{minutes:02} h simulated, {faults} faults, {speed}× real time"));
    }

    fn up_to(&self, seeds: u64) {
        self.bar.set_position(seeds);
    }

    /// Prints while the bar is away.
    fn aside(&self, print: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
        self.bar.suspend(print)
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}
