//! A failure becomes something to work with: a small plan in a file, and a timeline that is short enough to read.

use super::{Entry, Options, SuiteError};
use crate::run::{Detail, Prepared, SAME_DIGEST, Violation, shrink};
use crate::scenario::Scenario;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Kinds of failures of one scenario that are looked into.
const KINDS: usize = 4;
/// How long one plan may be made smaller.
const SHRINKING: Duration = Duration::from_secs(60);
/// Lines of a timeline that are shown.
const LINES: usize = 40;
/// Seeds that are named.
const SEEDS: usize = 8;

/// One kind of failure, and all that is known about it.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// The scenario's file.
    pub scenario: String,
    /// What does not hold.
    pub invariant: &'static str,
    /// The first seed of all that fail in this way.
    pub seed: u64,
    /// What is wrong in that run.
    pub what: String,
    /// When, in ms of that run.
    pub at_ms: u64,
    /// All seeds that fail in this way.
    pub seeds: Vec<u64>,
    /// What was taken away from the plan, in words.
    pub smaller: String,
    /// What is wrong in the smaller plan, where that is something else.
    pub what_there: Option<String>,
    /// The end of the timeline, without what is said again and again.
    pub timeline: Vec<String>,
    /// Lines that are not shown.
    pub left_out: usize,
    /// The plan that replays it.
    pub plan: PathBuf,
}

/// Looks into the first seed of each kind of failure.
pub(super) fn explain(
    entry: &Entry,
    prepared: &Prepared,
    failures: &[(u64, Violation)],
    options: &Options,
    says: &dyn Fn(&str),
) -> Result<Vec<Failure>, SuiteError> {
    let mut kinds: Vec<(u64, &Violation, Vec<u64>)> = Vec::new();
    for (seed, violation) in failures {
        match kinds.iter_mut().find(|(_, first, _)| first.invariant == violation.invariant) {
            Some((_, _, seeds)) => seeds.push(*seed),
            None => kinds.push((*seed, violation, vec![*seed])),
        }
    }
    kinds.truncate(KINDS);
    kinds.into_iter().map(|(seed, first, seeds)| one(entry, prepared, seed, first, seeds, options, says)).collect()
}

fn one(
    entry: &Entry,
    prepared: &Prepared,
    seed: u64,
    violation: &Violation,
    seeds: Vec<u64>,
    options: &Options,
    says: &dyn Fn(&str),
) -> Result<Failure, SuiteError> {
    let whole = prepared.plan(seed);
    let before = size(&whole);
    let (plan, found) = if violation.invariant == SAME_DIGEST {
        (whole, violation.clone())
    } else {
        let begun = Instant::now();
        let mut runs = 0;
        shrink(prepared, whole, violation.clone(), &mut || {
            runs += 1;
            says(&format!("{}: making the plan of seed {seed} smaller, run {runs}", entry.name()));
            begun.elapsed() < SHRINKING
        })
    };
    let detail = if options.trace { Detail::Messages } else { Detail::Timeline };
    // A plan with fewer members has another farm.
    let mut timeline =
        Prepared::new(plan.clone()).map(|farm| farm.carry_out(plan.clone(), detail).timeline).unwrap_or_default();
    let all = timeline.len();
    if !options.trace {
        timeline = what_matters(timeline);
    }
    let left_out = all - timeline.len();
    let after = size(&plan);
    let smaller = if before == after { String::new() } else { format!("from {before} to {after}") };
    let path = write(entry, seed, &plan, &found, options)?;
    Ok(Failure {
        scenario: entry.path.display().to_string(),
        invariant: violation.invariant,
        seed,
        what: violation.what.clone(),
        at_ms: violation.at_ms,
        seeds,
        smaller,
        what_there: Some(found.what).filter(|what| *what != violation.what),
        timeline,
        left_out,
        plan: path,
    })
}

/// The end of a timeline, without what is said again and again: of lines that differ in numbers only the first and the
/// last stay. Steps of the plan always do.
fn what_matters(timeline: Vec<String>) -> Vec<String> {
    let kind = |line: &str| -> String {
        let text = line.split_once(" s  ").map_or(line, |(_, text)| text);
        text.chars().filter(|c| !c.is_ascii_digit()).collect()
    };
    let mut places: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (at, line) in timeline.iter().enumerate() {
        places.entry(kind(line)).or_insert((at, at)).1 = at;
    }
    let stays = |at: usize, line: &str| {
        let (first, last) = places.get(&kind(line)).copied().unwrap_or((at, at));
        line.contains(" s  -- ") || at == first || at == last
    };
    let kept = timeline.iter().enumerate().filter(|(at, line)| stays(*at, line)).map(|(_, line)| line.clone());
    let mut kept: Vec<String> = kept.collect();
    kept.drain(..kept.len().saturating_sub(LINES));
    kept
}

/// Writes the plan beside others, under the name of its scenario and seed. A plan that was read from there stays.
fn write(
    entry: &Entry,
    seed: u64,
    plan: &Scenario,
    found: &Violation,
    options: &Options,
) -> Result<PathBuf, SuiteError> {
    if *plan == entry.scenario {
        return Ok(entry.path.clone());
    }
    let ending = format!("-seed{seed}");
    let name = entry.name();
    let name = name.strip_suffix(&ending).unwrap_or(&name);
    let mut path = options.plans.join(format!("{name}{ending}.toml"));
    let same = |a: &Path, b: &Path| matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b);
    if same(&path, &entry.path) {
        path = options.plans.join(format!("{name}{ending}-smaller.toml"));
    }
    let failed = |what: String| SuiteError::Write { path: path.clone(), what };
    let text = plan.to_toml().map_err(|error| failed(error.to_string()))?;
    let what = found.what.replace('\n', " ");
    let head = format!(
        "# Found with seed {seed} of {}.\n# {}: {what}\n# hostler simulate {}\n\n",
        entry.path.display(),
        found.invariant,
        path.display()
    );
    std::fs::create_dir_all(&options.plans).map_err(|error| failed(error.to_string()))?;
    std::fs::write(&path, head + &text).map_err(|error| failed(error.to_string()))?;
    Ok(path)
}

fn size(plan: &Scenario) -> String {
    let c = &plan.cluster;
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    format!(
        "{}, {}, {}, {} and {} s",
        count(plan.step.len(), "step"),
        count(usize::from(c.brokers), "broker"),
        count(usize::from(c.hosts), "host"),
        count(usize::try_from(c.users).unwrap_or(usize::MAX), "user"),
        plan.run.duration_ms.div_ceil(1_000)
    )
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, invariant, seed, what, at_ms, seeds, plan, left_out, .. } = self;
        writeln!(f, "VIOLATION of {invariant} in {scenario}, seed {seed}, at {} s", seconds(*at_ms))?;
        writeln!(f, "  {what}")?;
        if seeds.len() > 1 {
            let named: Vec<String> = seeds.iter().take(SEEDS).map(u64::to_string).collect();
            let more = seeds.len().saturating_sub(SEEDS);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            writeln!(f, "Seeds that fail in this way: {}{more}", named.join(", "))?;
        }
        if !self.smaller.is_empty() {
            writeln!(f, "The plan was made smaller: {}", self.smaller)?;
        }
        if let Some(there) = &self.what_there {
            writeln!(f, "There: {there}")?;
        }
        match left_out {
            0 => writeln!(f, "What happened:")?,
            n => writeln!(f, "What happened ({n} lines are left out; --trace shows all):")?,
        }
        self.timeline.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        writeln!(f, "Again:  hostler simulate {}", plan.display())?;
        writeln!(f, "Whole:  hostler simulate {scenario} --seed {seed}")
    }
}

/// Milliseconds as seconds.
fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_again_is_left_out() {
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let long =
            lines(&["0.1 s  a 1", "0.2 s  -- crash", "0.3 s  a 2", "0.4 s  -- crash", "0.5 s  a 3", "0.6 s  end"]);
        let short = lines(&["0.1 s  a 1", "0.2 s  -- crash", "0.4 s  -- crash", "0.5 s  a 3", "0.6 s  end"]);
        assert_eq!(what_matters(long), short);
        let many: Vec<String> = (0..100).map(|n| format!("{n}.0 s  -- step {n}")).collect();
        assert_eq!(what_matters(many.clone()), many[60..]);
    }
}
