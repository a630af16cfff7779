//! Everything gets through, and time passes: is there one farm again?

use crate::model::{Promotions, pairs};
use crate::state::State;
use hostler_node::Node;

/// Steps of time, after which everybody must have the same.
const ROUNDS: usize = 12;
/// Messages in one round.
const MESSAGES: usize = 1_000;

/// Everything gets through. Else, what is wrong then.
pub(crate) fn heal(model: &Promotions, broken: &State) -> Result<(), String> {
    let mut state = broken.clone();
    for at in 0..3 {
        if state.machines[at].node.is_none() {
            model.boot(&mut state, at);
        }
    }
    let mut last = String::new();
    for _ in 0..ROUNDS {
        settle(model, &mut state)?;
        match together(&state) {
            Ok(()) => return Ok(()),
            Err(why) => last = why,
        }
        for at in 0..3 {
            let others: Vec<usize> = (0..3).filter(|o| *o != at).collect();
            model.pass_time(&mut state, at, &others);
        }
    }
    Err(last)
}

fn settle(model: &Promotions, state: &mut State) -> Result<(), String> {
    for (from, to) in pairs() {
        state.exchange(model.conduct, from, to);
    }
    for _ in 0..MESSAGES {
        if let Some(at) = (0..3).find(|at| !state.machines[*at].unsynced.is_empty()) {
            model.synced(state, at);
        } else if !state.network.is_empty() {
            model.deliver(state, 0, false);
        } else {
            return Ok(());
        }
    }
    Err("messages never end".to_string())
}

fn together(state: &State) -> Result<(), String> {
    let nodes: Vec<&Node> = state.machines.iter().filter_map(|m| m.node.as_ref()).collect();
    if let Some(busy) = nodes.iter().position(|n| n.is_changing()) {
        return Err(format!("b{} is on its way to a new epoch", busy + 1));
    }
    for (a, b) in pairs() {
        if nodes[a].durable() != nodes[b].durable() {
            return Err(format!("b{} and b{} have different events", a + 1, b + 1));
        }
        if state.machines[a].digest != state.machines[b].digest {
            return Err(format!("b{} and b{} have different views", a + 1, b + 1));
        }
        if nodes[a].master() != nodes[b].master() || nodes[a].master().is_none() {
            return Err(format!("b{} and b{} have different masters, or none", a + 1, b + 1));
        }
    }
    match state.machines.iter().find_map(|m| m.wrong.clone()) {
        Some(wrong) => Err(wrong),
        None => Ok(()),
    }
}
