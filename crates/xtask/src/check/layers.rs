//! The layers of the workspace: an edge goes only to a lower one.
//!
//! This table is the only place where they are written down for machines; docs/architecture.md explains them.

use std::collections::BTreeSet;

use crate::{
    metadata::{Edge, Metadata},
    report::Outcome,
};

/// From here on a crate may do I/O.
pub(super) const FIRST_WITH_IO: u8 = 4;

/// Every package of the workspace but those in [`ALONE`].
pub(super) const LAYERS: &[(&str, u8)] = &[
    ("hostler-model", 0),
    ("hostler-events", 1),
    ("hostler-rdp", 1),
    ("hostler-views", 2),
    ("hostler-seating", 2),
    ("hostler-log", 3),
    ("hostler-node", 3),
    ("hostler-brokering", 4),
    ("hostler-log-rocks", 4),
    ("hostler-wire", 4),
    ("hostler-broker", 5),
    ("hostler-gateway", 5),
    ("hostler-agent", 5),
    ("hostler-deploy", 5),
    ("hostler-sim", 5),
    ("hostler-cli", 6),
    ("hostler-demo", 6),
    ("hostler-fuzz", 6),
    ("hostler-tests", 7),
    ("hostler-bench", 8),
];

/// Edges within a layer, each with its reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    // The node reads and appends through the trait EventLog, and its tests use the in-memory log. The log knows
    // nothing of the node, so it is below it in all but number.
    ("hostler-node", "hostler-log"),
];

/// Uses no crate of the workspace and is used by none: it must build before the others can.
const ALONE: &str = "xtask";

pub(super) fn check(metadata: &Metadata) -> Outcome {
    let members = metadata.member_names();
    let edges: Vec<Edge> = metadata.edges();
    let ours = edges.iter().filter(|edge| members.contains(edge.from.as_str()) && members.contains(edge.to.as_str()));
    let mut problems = table_problems(LAYERS, &members);
    problems.extend(edge_problems(LAYERS, EXCEPTIONS, ours));
    Outcome::from_problems(&problems)
}

/// The table and the workspace must name the same packages.
fn table_problems(table: &[(&str, u8)], members: &BTreeSet<&str>) -> Vec<String> {
    let in_table: BTreeSet<&str> = table.iter().map(|(name, _)| *name).chain([ALONE]).collect();
    let missing = members.difference(&in_table).map(|name| format!("{name} has no layer yet: add it to the table"));
    let gone = in_table.difference(members).map(|name| format!("{name} has a layer, but is not in the workspace"));
    missing.chain(gone).collect()
}

/// Every edge that does not go to a lower layer. Edges of tests count too: they decide what can be built alone.
fn edge_problems<'a>(
    table: &[(&str, u8)],
    exceptions: &[(&str, &str)],
    edges: impl IntoIterator<Item = &'a Edge>,
) -> Vec<String> {
    let layer = |name: &str| table.iter().find(|(known, _)| *known == name).map(|(_, layer)| *layer);
    let mut problems = Vec::new();
    for Edge { from, to, .. } in edges {
        if from == ALONE || to == ALONE {
            problems.push(format!("{from} depends on {to}: {ALONE} stands alone"));
        } else if let (Some(upper), Some(lower)) = (layer(from), layer(to))
            && lower >= upper
            && !exceptions.contains(&(from.as_str(), to.as_str()))
        {
            problems.push(format!(
                "{from} (layer {upper}) depends on {to} (layer {lower}): edges go to a lower layer only"
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_that_do_not_go_down_are_found() {
        let cases: [(&str, &str, Option<&str>); 8] = [
            ("hostler-events", "hostler-model", None),
            ("hostler-broker", "hostler-model", None),
            ("hostler-node", "hostler-log", None),
            (
                "hostler-log",
                "hostler-node",
                Some("hostler-log (layer 3) depends on hostler-node (layer 3): edges go to a lower layer only"),
            ),
            (
                "hostler-views",
                "hostler-seating",
                Some("hostler-views (layer 2) depends on hostler-seating (layer 2): edges go to a lower layer only"),
            ),
            (
                "hostler-node",
                "hostler-wire",
                Some("hostler-node (layer 3) depends on hostler-wire (layer 4): edges go to a lower layer only"),
            ),
            ("xtask", "hostler-model", Some("xtask depends on hostler-model: xtask stands alone")),
            ("hostler-tests", "xtask", Some("hostler-tests depends on xtask: xtask stands alone")),
        ];
        for (from, to, expected) in cases {
            let found = edge_problems(LAYERS, EXCEPTIONS, &[Edge::normal(from, to)]);
            assert_eq!(found, expected.map(str::to_owned).into_iter().collect::<Vec<_>>(), "{from} → {to}");
        }
    }

    #[test]
    fn the_table_must_fit_the_workspace() {
        let members = BTreeSet::from(["a", "new", "xtask"]);
        assert_eq!(
            table_problems(&[("a", 0), ("gone", 1)], &members),
            ["new has no layer yet: add it to the table", "gone has a layer, but is not in the workspace"]
        );
    }
}
