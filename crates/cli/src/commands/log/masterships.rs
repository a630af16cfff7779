//! Masterships as a tree: a straight line, as long as each master knew the one before; a fork, where two did not know
//! each other.

use super::{name, person};
use crate::table::clean;
use crate::times;
use hostler_broker::rest::audit::PromotionLine;

/// All masterships, the first one first.
pub(super) fn text(lines: Vec<PromotionLine>, now_ms: u64) -> String {
    let mut out = String::new();
    for root in lines.iter().filter(|l| l.parent.is_none()) {
        branch(&lines, root, "", now_ms, &mut out);
    }
    out
}

/// A mastership and what followed it. Only where several followed they are indented.
fn branch(all: &[PromotionLine], this: &PromotionLine, indent: &str, now_ms: u64, out: &mut String) {
    let mut this = this;
    loop {
        let children: Vec<&PromotionLine> = all.iter().filter(|l| l.parent.as_ref() == Some(&this.event)).collect();
        let bar = if children.is_empty() { " " } else { "│" };
        out.push_str(&format!("{indent}● {}\n", clean(&headline(this))));
        for line in details(this, now_ms) {
            out.push_str(format!("{indent}{bar}   {}", clean(&line)).trim_end());
            out.push('\n');
        }
        match children[..] {
            [] => return,
            [child] => this = child,
            _ => {
                let last = children.len() - 1;
                for (at, child) in children.into_iter().enumerate() {
                    let mut inner = String::new();
                    branch(all, child, "", now_ms, &mut inner);
                    let (first, rest) = if at == last { ("└─", "  ") } else { ("├─", "│ ") };
                    for (number, line) in inner.lines().enumerate() {
                        out.push_str(&format!("{indent}{}{line}\n", if number == 0 { first } else { rest }));
                    }
                }
                return;
            }
        }
    }
}

fn headline(line: &PromotionLine) -> String {
    let lane = if line.lane == "applied" { String::new() } else { format!("  [{}]", line.lane) };
    let date = times::date(line.time_ms);
    format!("{}  {}  {}  {}  {date}{lane}", line.epoch, name(&line.master), line.kind, line.name)
}

fn details(line: &PromotionLine, now_ms: u64) -> Vec<String> {
    let mut out = vec![format!("decided by {}: {}", person(&line.actor, &line.master), line.reason)];
    if let Some(lost) = &line.lost {
        out.push(format!("lost master: {}", name(lost)));
    }
    for evidence in &line.evidence {
        let heard = match evidence.last_heard_ms {
            // By the clock of then.
            Some(at) => format!("last heard {} before", times::duration(line.time_ms.saturating_sub(at).min(now_ms))),
            None => "never heard".to_string(),
        };
        let state = if evidence.reachable { "reachable" } else { "not reachable" };
        out.push(format!("{} {state}, {heard}", name(&evidence.broker)));
    }
    for vote in &line.votes {
        out.push(format!(
            "vote of {}, which had not heard the master for {}",
            name(&vote.broker),
            times::duration(vote.silent_ms)
        ));
    }
    if line.seal.is_some() {
        out.push("the master before had made way".to_string());
    }
    for event in &line.superseded {
        let what: Vec<String> = event.touches.iter().map(|t| format!("{} {}", t.kind, name(t))).collect();
        let settled = event.settled.as_ref().map_or_else(String::new, |how| format!("  [{how}]"));
        out.push(format!("superseded: {}  {}  {}{settled}", event.name, event.what, what.join(", ")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_broker::rest::Labelled;

    fn line(event: &str, parent: Option<&str>, epoch: u64, master: &str, lane: &str) -> PromotionLine {
        let broker = |name: &str| Labelled { kind: "broker".into(), id: "x".into(), name: Some(name.into()) };
        PromotionLine {
            event: event.into(),
            name: event.into(),
            epoch,
            time_ms: 1_735_689_600_000,
            master: broker(master),
            kind: "forced".into(),
            actor: Labelled { kind: "admin".into(), id: "y".into(), name: Some("anna".into()) },
            reason: "fire".into(),
            lane: lane.into(),
            lane_by: None,
            parent: parent.map(str::to_string),
            lost: None,
            voters: vec![],
            evidence: vec![],
            votes: vec![],
            seal: None,
            resumes: vec![],
            superseded: vec![],
            frontier: vec![],
        }
    }

    #[test]
    fn two_that_did_not_know_each_other_are_two_branches() {
        let lines = vec![
            line("a", None, 1, "b1", "applied"),
            line("b", Some("a"), 2, "b2", "superseded"),
            line("c", Some("a"), 2, "b3", "applied"),
            line("d", Some("c"), 3, "b1", "applied"),
        ];
        let date = "2025-01-01 00:00:00 UTC";
        assert_eq!(
            text(lines, 0),
            format!(
                "● 1  b1  forced  a  {date}\n\
                 │   decided by anna: fire\n\
                 ├─● 2  b2  forced  b  {date}  [superseded]\n\
                 │     decided by anna: fire\n\
                 └─● 2  b3  forced  c  {date}\n  \
                   │   decided by anna: fire\n  \
                   ● 3  b1  forced  d  {date}\n      \
                   decided by anna: fire\n"
            )
        );
    }
}
