//! What the machines, layers 0 to 3, must never reach, not even through others' crates: sockets, files, actors.

use std::collections::{BTreeMap, VecDeque};

use super::layers::{FIRST_WITH_IO, LAYERS};
use crate::{
    metadata::{Edge, Metadata},
    report::Outcome,
};

/// Crates and families of crates (`tokio` means tokio-util too).
const FORBIDDEN: &[&str] = &["tokio", "mio", "quinn", "rocksdb", "librocksdb", "actix"];

pub(super) fn check(metadata: &Metadata) -> Outcome {
    let edges = metadata.edges();
    let machines = LAYERS.iter().filter(|(_, layer)| *layer < FIRST_WITH_IO);
    let problems: Vec<String> = machines.flat_map(|(name, _)| forbidden_paths(name, &edges)).collect();
    Outcome::from_problems(&problems)
}

/// The shortest way from `start` to every forbidden crate, over what is shipped. What tests need is free.
fn forbidden_paths(start: &str, edges: &[Edge]) -> Vec<String> {
    let mut from: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for edge in edges.iter().filter(|edge| edge.normal) {
        from.entry(&edge.from).or_default().push(&edge.to);
    }
    let mut reached_by: BTreeMap<&str, &str> = BTreeMap::from([(start, start)]);
    let mut queue = VecDeque::from([start]);
    let mut found = Vec::new();
    while let Some(name) = queue.pop_front() {
        if is_forbidden(name) {
            found.push(way(start, name, &reached_by));
            continue;
        }
        for next in from.get(name).into_iter().flatten() {
            if !reached_by.contains_key(next) {
                reached_by.insert(next, name);
                queue.push_back(next);
            }
        }
    }
    found
}

fn is_forbidden(name: &str) -> bool {
    FORBIDDEN
        .iter()
        .any(|family| name.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
}

/// "start → … → end".
fn way(start: &str, end: &str, reached_by: &BTreeMap<&str, &str>) -> String {
    let mut names = vec![end];
    let mut name = end;
    while name != start {
        name = reached_by.get(name).copied().unwrap_or(start);
        names.push(name);
    }
    names.reverse();
    names.join(" → ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_crate_is_found_however_far_away() {
        let edges = [
            Edge::normal("hostler-node", "foca"),
            Edge::normal("foca", "tracing"),
            Edge::normal("tracing", "tokio-util"),
            Edge::normal("hostler-node", "tokioed"),
            Edge { normal: false, ..Edge::normal("hostler-node", "actix-rt") },
        ];
        assert_eq!(forbidden_paths("hostler-node", &edges), ["hostler-node → foca → tracing → tokio-util"]);
        assert_eq!(forbidden_paths("hostler-views", &edges), [""; 0]);
    }
}
