//! A plan that fails is made smaller: steps, then members are taken away while the same invariant still fails. The
//! method is that of delta debugging (Zeller, Hildebrandt, 2002).

use super::{Detail, Prepared, Violation};
use crate::scenario::{Action, Scenario};

/// Runs that this may take.
const RUNS: usize = 400;

/// The smallest plan that was found, and what is wrong in it. Before each run `goes_on` is asked whether there is time
/// for it.
#[must_use]
pub fn shrink(
    prepared: &Prepared,
    plan: Scenario,
    violation: Violation,
    goes_on: &mut dyn FnMut() -> bool,
) -> (Scenario, Violation) {
    let mut left = RUNS;
    let mut best = (plan, violation);
    let mut fails = |prepared: &Prepared, plan: &Scenario, left: &mut usize| {
        if !goes_on() {
            *left = 0;
            return None;
        }
        *left = left.saturating_sub(1);
        let found = prepared.carry_out(plan.clone(), Detail::Figures).violation;
        found.filter(|v| v.invariant == best.1.invariant)
    };
    let mut part = best.0.step.len().div_ceil(2);
    let mut plan = best.0.clone();
    let mut found = best.1.clone();
    while part > 0 && left > 0 {
        let mut from = 0;
        let mut smaller = false;
        while from < plan.step.len() && left > 0 {
            let mut without = plan.clone();
            without.step.drain(from..(from + part).min(plan.step.len()));
            match fails(prepared, &without, &mut left) {
                Some(violation) => (plan, found, smaller) = (without, violation, true),
                None => from += part,
            }
        }
        part = if smaller && part > 1 { part.min(plan.step.len()) } else { part / 2 };
    }
    // Nothing that comes after the failure matters, and a workload need not go on.
    plan.run.duration_ms = plan.run.duration_ms.max(1);
    let ends_ms = found.at_ms.min(plan.run.duration_ms);
    if ends_ms < plan.run.duration_ms && found.at_ms < plan.run.duration_ms {
        let mut shorter = plan.clone();
        shorter.run.duration_ms = ends_ms.max(1);
        shorter.step.retain(|step| step.at_ms.0 <= ends_ms);
        if let Some(violation) = fails(prepared, &shorter, &mut left) {
            (plan, found) = (shorter, violation);
        }
    }
    // Fewer members make another farm.
    for smaller in [fewer_users as fn(&mut Scenario) -> bool, fewer_hosts, fewer_brokers] {
        while left > 0 {
            let mut with_less = plan.clone();
            if !smaller(&mut with_less) {
                break;
            }
            let Ok(other) = Prepared::new(with_less.clone()) else { break };
            let Some(violation) = fails(&other, &with_less, &mut left) else { break };
            (plan, found) = (with_less, violation);
        }
    }
    best = (plan, found);
    best
}

fn fewer_users(plan: &mut Scenario) -> bool {
    plan.cluster.users /= 2;
    plan.cluster.users > 0
}

fn fewer_hosts(plan: &mut Scenario) -> bool {
    plan.cluster.hosts /= 2;
    plan.cluster.hosts > 0
}

fn fewer_brokers(plan: &mut Scenario) -> bool {
    if plan.cluster.brokers < 2 || plan.cluster.second_site > 0 {
        return false;
    }
    plan.cluster.brokers -= 1;
    let last = plan.cluster.brokers;
    let named =
        |action: &Action| action.brokers().iter().any(|w| matches!(w, crate::scenario::Who::Broker(n) if *n > last));
    !plan.step.iter().any(|step| named(&step.action))
}
