//! One run: a plan is carried out, then everything is mended, and the invariants are watched.

mod campaign;
mod caught;
mod shrink;

pub use campaign::{Campaign, Progress, Summary};
pub use shrink::shrink;

use crate::check::{self, Check};
use crate::marks::Marks;
use crate::plan::resolve;
use crate::scenario::Scenario;
use crate::stats::Stats;
use crate::world::{Setup, SetupError, World};
use std::sync::Arc;

/// How often it is asked whether the farm has become one, in ms.
const LOOK_MS: u64 = 100;
/// The users who must get in at the end.
const PROBES: usize = 10;
/// How long they may take, in ms: as long as a broker that has just started waits for the hosts, and their logon.
const PROBE_MS: u64 = 25_000;
/// Beside the invariants that a scenario can name: no machine panics.
pub const NO_PANIC: &str = "no-panic";
/// And: the same seed gives the same run.
pub const SAME_DIGEST: &str = "same-seed-same-digest";

/// An invariant does not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which.
    pub invariant: &'static str,
    /// What is wrong.
    pub what: String,
    /// When, in ms of the run.
    pub at_ms: u64,
}

/// What came of one run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Digest of all that happened: the same for the same seed, on every machine.
    pub digest: [u8; 32],
    /// What was wrong, if anything.
    pub violation: Option<Violation>,
    /// In numbers.
    pub stats: Stats,
    /// What was reached.
    pub marks: Marks,
    /// What happened, in words; only where it was asked for.
    pub timeline: Vec<String>,
}

/// How much is written down of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// Nothing.
    Figures,
    /// What a person wants to know who looks for a fault.
    Timeline,
    /// Messages as well.
    Messages,
}

/// A scenario, with the farm that it begins with.
#[derive(Clone)]
pub struct Prepared {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    setup: Arc<Setup>,
}

impl Prepared {
    /// Makes the farm.
    ///
    /// # Errors
    /// Where the machines refuse what the scenario says of it.
    pub fn new(scenario: Scenario) -> Result<Self, SetupError> {
        let setup = Arc::new(Setup::new(&scenario.cluster)?);
        Ok(Self { scenario: Arc::new(scenario), setup })
    }

    /// The plan that the scenario is with this seed.
    #[must_use]
    pub fn plan(&self, seed: u64) -> Scenario {
        resolve(&self.scenario, seed)
    }

    /// Runs it with a seed.
    #[must_use]
    pub fn run(&self, seed: u64, detail: Detail) -> Outcome {
        self.carry_out(self.plan(seed), detail)
    }

    /// Runs a plan of it: one that has fewer steps, for instance.
    #[must_use]
    pub fn carry_out(&self, plan: Scenario, detail: Detail) -> Outcome {
        let seed = plan.seed.unwrap_or(0);
        let checks = check::of(&plan.expect.invariants);
        let mut world = World::new(Arc::new(plan), Arc::clone(&self.setup), seed, detail != Detail::Figures);
        if detail == Detail::Messages {
            world.trace.with_messages();
        }
        let mut run = Running { world, checks };
        let violation = match caught::caught(|| run.whole()) {
            Ok(held) => held.err(),
            Err(what) => Some(Violation { invariant: NO_PANIC, what, at_ms: run.world.now_ms }),
        };
        let mut world = run.world;
        if let Some(violation) = &violation {
            let text = format!("VIOLATION of {}: {}", violation.invariant, violation.what);
            world.trace.say(violation.at_ms, || text);
        }
        world.stats.seeds = 1;
        world.stats.simulated_ms = world.now_ms;
        for (mark, kind) in
            [("promotion.planned", "planned"), ("promotion.forced", "forced"), ("promotion.automatic", "automatic")]
        {
            if world.stats.promotions.contains_key(kind) && !world.marks.has(mark) {
                world.marks.hit(mark);
            }
        }
        Outcome {
            seed,
            digest: world.digest(),
            violation,
            stats: world.stats,
            marks: world.marks,
            timeline: world.trace.into_lines(),
        }
    }
}

struct Running {
    world: World,
    checks: Vec<Box<dyn Check>>,
}

impl Running {
    fn whole(&mut self) -> Result<(), Violation> {
        let plan = Arc::clone(&self.world.plan);
        self.until(plan.run.duration_ms)?;
        self.world.heal();
        let mended_ms = self.world.now_ms;
        let end_ms = mended_ms + plan.heal.within_ms;
        while self.world.now_ms < end_ms {
            let next_ms = (self.world.now_ms + LOOK_MS).min(end_ms);
            self.until(next_ms)?;
            if self.world.torn().is_none() {
                break;
            }
        }
        let took_ms = self.world.now_ms - mended_ms;
        self.world.stats.slowest_convergence_ms = (took_ms, self.world.seed);
        self.world.trace.say(self.world.now_ms, || format!("the farm is one after {took_ms} ms"));
        self.ask_all()?;
        if self.world.hosts.is_empty() {
            return Ok(());
        }
        // What was under way comes to its end, and then some users must get in.
        let calm_ms = self.world.now_ms + PROBE_MS;
        self.until(calm_ms)?;
        self.world.probe(PROBES);
        let probed_ms = self.world.now_ms + PROBE_MS;
        self.until(probed_ms)?;
        if self.world.logons.under_way() > 0 {
            let left = self.world.logons.under_way();
            return Err(
                self.violation("logons-succeed", format!("{left} users still wait {PROBE_MS} ms after all was mended"))
            );
        }
        Ok(())
    }

    /// Lets time pass, with all invariants watched.
    fn until(&mut self, end_ms: u64) -> Result<(), Violation> {
        while self.world.step_until(end_ms) {
            while let Some(fact) = self.world.facts.pop_front() {
                for check in &mut self.checks {
                    if let Err(what) = check.see(&mut self.world, &fact) {
                        let at_ms = self.world.now_ms;
                        return Err(Violation { invariant: check.name(), what, at_ms });
                    }
                }
            }
        }
        Ok(())
    }

    fn ask_all(&mut self) -> Result<(), Violation> {
        for check in &mut self.checks {
            if let Err(what) = check.healed(&mut self.world) {
                return Err(Violation { invariant: check.name(), what, at_ms: self.world.now_ms });
            }
        }
        Ok(())
    }

    fn violation(&self, invariant: &'static str, what: String) -> Violation {
        Violation { invariant, what, at_ms: self.world.now_ms }
    }
}
