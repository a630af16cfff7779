//! An explanation, in lines for the user's picture.

use hostler_model::{BrokerId, Name, PerMille};
use hostler_seating::explanation::{Candidate, Excluded, Explanation, Reason};
use std::collections::BTreeMap;

/// The candidates that are shown: the chosen one, and the next best.
const SHOWN: usize = 5;

/// Why somebody is here, the decision first. Brokers are called by their names where those are known.
pub(super) fn lines(explanation: &Explanation, brokers: &BTreeMap<BrokerId, Name>) -> Vec<String> {
    let broker = brokers.get(&explanation.broker).map_or_else(|| explanation.broker.short(), ToString::to_string);
    let (user, eligible) = (&explanation.user, explanation.eligible);
    let decision = match explanation.reason {
        Reason::LowestScore if eligible == 1 => format!("{broker} chose this host for {user}: no other was eligible."),
        Reason::LowestScore => {
            format!("{broker} chose this host for {user}: the lowest score of {eligible} eligible hosts.")
        }
        Reason::HeldSeat => format!("{broker} had held a place here for {user} a moment before."),
        Reason::ExistingSession => format!("{broker} sent {user} back to the session that waited here."),
    };
    let candidates = explanation.candidates.iter().take(SHOWN).map(candidate);
    let left_out = (!explanation.excluded.is_empty()).then(|| excluded(&explanation.excluded));
    [decision].into_iter().chain(candidates).chain(left_out).collect()
}

fn candidate(host: &Candidate) -> String {
    let Candidate { name, score, cpu, memory, taken, hard_cap, logons, report_age_ms, .. } = host;
    let logons = match logons {
        0 => String::new(),
        1 => ", 1 logon".to_string(),
        more => format!(", {more} logons"),
    };
    let (cpu, memory) = (percent(*cpu), percent(*memory));
    let age = format!("{}.{}", report_age_ms / 1_000, report_age_ms % 1_000 / 100);
    format!("{name}: score {score}; CPU {cpu}, memory {memory}, {taken} of {hard_cap} places{logons}, {age} s ago")
}

fn percent(part: PerMille) -> String {
    format!("{} %", (part.0 + 5) / 10)
}

fn excluded(groups: &[Excluded]) -> String {
    let group = |group: &Excluded| {
        let names = group.names.join(", ");
        let more = if (group.names.len() as u64) < u64::from(group.count) { ", …" } else { "" };
        format!("{} {} ({names}{more})", group.count, group.why.words())
    };
    format!("Not eligible: {}.", groups.iter().map(group).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_model::{HostId, ItemId, Wall};
    use hostler_seating::explanation::Exclusion;

    fn host(name: &str, score: u32, logons: u32) -> Candidate {
        Candidate {
            host: HostId([0; 16]),
            name: name.into(),
            score,
            cpu: PerMille(125),
            memory: PerMille(94),
            taken: 1,
            hard_cap: 10,
            logons,
            report_age_ms: 2_345,
        }
    }

    #[test]
    fn every_reason() {
        let brokers = BTreeMap::from([(BrokerId([1; 16]), "broker2".parse().unwrap())]);
        let lowest = Explanation {
            at: Wall(0),
            broker: BrokerId([1; 16]),
            user: "alice".parse().unwrap(),
            item: ItemId([2; 16]),
            host: HostId([0; 16]),
            reason: Reason::LowestScore,
            candidates: vec![host("rdsh3", 125, 0), host("rdsh1", 225, 1), host("rdsh2", 325, 2)],
            excluded: [
                Excluded { why: Exclusion::Draining, count: 1, names: vec!["rdsh4".into()] },
                Excluded { why: Exclusion::Down, count: 4, names: vec!["a".into(), "b".into(), "c".into()] },
            ]
            .into(),
            eligible: 3,
        };
        assert_eq!(
            lines(&lowest, &brokers),
            [
                "broker2 chose this host for alice: the lowest score of 3 eligible hosts.",
                "rdsh3: score 125; CPU 13 %, memory 9 %, 1 of 10 places, 2.3 s ago",
                "rdsh1: score 225; CPU 13 %, memory 9 %, 1 of 10 places, 1 logon, 2.3 s ago",
                "rdsh2: score 325; CPU 13 %, memory 9 %, 1 of 10 places, 2 logons, 2.3 s ago",
                "Not eligible: 1 draining (rdsh4), 4 down (a, b, c, …).",
            ]
        );
        let many = Explanation { candidates: vec![host("rdsh1", 1, 0); 8], excluded: [].into(), ..lowest.clone() };
        assert_eq!(lines(&many, &brokers).len(), 1 + SHOWN);
        for (reason, eligible, broker, want) in [
            (Reason::LowestScore, 1, 1, "broker2 chose this host for alice: no other was eligible."),
            (Reason::HeldSeat, 0, 1, "broker2 had held a place here for alice a moment before."),
            (Reason::ExistingSession, 0, 9, "beeqscij sent alice back to the session that waited here."),
        ] {
            let broker = BrokerId([broker; 16]);
            let candidates = Vec::new();
            let other = Explanation { reason, eligible, broker, candidates, excluded: [].into(), ..lowest.clone() };
            assert_eq!(lines(&other, &brokers), [want]);
        }
    }
}
