//! From a scenario and a seed to a plan: steps at known times and nothing else that is drawn. A plan is a scenario, so
//! it can be written down, read, changed and run again, also by a program that draws otherwise.

use crate::dice::Dice;
use crate::scenario::{Happening, Range, Scenario, Step};

/// Steps that one happening may become.
const REPEATS: usize = 10_000;

/// What the scenario is with this seed. A scenario that has a seed of its own stays as it is.
#[must_use]
pub fn resolve(scenario: &Scenario, seed: u64) -> Scenario {
    let mut plan = scenario.clone();
    if scenario.seed.is_some() {
        return plan;
    }
    plan.seed = Some(seed);
    let mut steps = Vec::new();
    for (number, step) in (0..).zip(&scenario.step) {
        let mut dice = Dice::new(seed, "step", number);
        let at_ms = Range::just(dice.between(step.at_ms));
        steps.push(Step { at_ms, action: step.action.clone().resolved(&mut dice) });
    }
    let (mut begin_ms, mut number) = (0, 0);
    for phase in &plan.phase {
        for happening in phase.workload.iter().chain(&phase.fault) {
            number += 1;
            happen(&mut steps, happening, begin_ms, phase.for_ms, &mut Dice::new(seed, "phase", number));
        }
        begin_ms += phase.for_ms;
    }
    steps.sort_by_key(|step| step.at_ms.0);
    plan.phase.clear();
    plan.step = steps;
    plan
}

fn happen(steps: &mut Vec<Step>, what: &Happening, begin_ms: u64, for_ms: u64, dice: &mut Dice) {
    if !dice.happens(what.sometimes) {
        return;
    }
    let mut step = |at_ms: u64, dice: &mut Dice| {
        let action = what.action.clone().resolved(dice);
        steps.push(Step { at_ms: Range::just(begin_ms + at_ms), action });
    };
    let Some(every_ms) = what.every_ms else {
        let at_ms = what.at_ms.map_or(0, |at| dice.between(at));
        return step(at_ms.min(for_ms), dice);
    };
    let mut at_ms = dice.between(every_ms);
    for _ in 0..REPEATS {
        if at_ms >= for_ms {
            break;
        }
        step(at_ms, dice);
        at_ms += dice.between(every_ms).max(1);
    }
}
