//! How sessions are spread over hosts, and what becomes of a host that comes back empty.

use super::Bench;
use crate::figures::{Chapter, Goal, Plot, Row};
use crate::samples::Samples;
use crate::spread::{HARD_CAP, LOGON_MS, MEAN, MORNING_MS, Morning, Simple, Way};
use anyhow::Result;
use std::sync::Mutex;
use std::thread;

/// Who is looked at beside ours, and how they are called.
const WAYS: [(&str, Way); 5] = [
    ("Hostler", Way::Ours),
    ("Hostler, periodic reports only", Way::OursByReports),
    ("random", Way::Simple(Simple::Random)),
    ("least loaded by report", Way::Simple(Simple::LeastReported)),
    ("two choices by report", Way::Simple(Simple::TwoChoices)),
];
/// The simple way that ours is measured against in the table.
const BESIDE: usize = 3;
/// Sites, the goal of the spread where there is one, and how many mornings there are at most.
const SITES: [(usize, Option<f64>, usize); 4] =
    [(10, None, 5), (50, Some(1.03), 5), (500, Some(1.13), 3), (5_000, None, 1)];
/// Logons at once that a host which comes back empty may get.
const BLACK_HOLE: f64 = 4.0;
/// How often hosts report, in ms.
const REPORTS_MS: [u64; 2] = [1_000, 5_000];

/// Measures everything about the spread.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Chapter> {
    let sites = bench.plan.size(&SITES[..], &SITES[..1]);
    let mut chapter = Chapter {
        title: "Spread of sessions, and the empty host".to_owned(),
        how: how(),
        peer: "least loaded by report".to_owned(),
        ..Chapter::default()
    };
    for report_ms in REPORTS_MS {
        let mut spreads = vec![Vec::new(); WAYS.len()];
        let mut holes = vec![Vec::new(); WAYS.len()];
        for (hosts, goal, most) in sites {
            let mornings = (*most).min(bench.plan.rounds);
            bench.show.step(&format!("spread: {hosts} hosts, reports every {} s", report_ms / 1_000));
            let found = all_ways(*hosts, report_ms, mornings);
            let every = format!("{hosts} hosts, reports every {} s", report_ms / 1_000);
            let row = |what: &str, at: usize| {
                Row::beside(format!("{what}, {every}"), found[0][at].clone(), found[BESIDE][at].clone())
            };
            let spread = row("sessions, max/mean", 0);
            chapter.rows.push(match goal.filter(|_| report_ms == 5_000) {
                Some(goal) => spread.wants(Goal::AtMost(goal)),
                None => spread,
            });
            chapter.rows.push(row("logons at once on the empty host", 1).wants(Goal::AtMost(BLACK_HOLE)));
            chapter.rows.push(row("refused", 2));
            for (way, samples) in found.iter().enumerate() {
                spreads[way].push(samples[0].median());
                holes[way].push(samples[1].median());
            }
        }
        let plot = |file: &str, title: &str, y: &str, values: &[Vec<f64>], goal| Plot {
            file: format!("{file}-{}s", report_ms / 1_000),
            title: format!("{title}, reports every {} s: less is better", report_ms / 1_000),
            x: "hosts".to_owned(),
            y: y.to_owned(),
            places: sites.iter().map(|(hosts, ..)| hosts.to_string()).collect(),
            sides: WAYS.iter().zip(values).map(|((name, _), values)| ((*name).to_owned(), values.clone())).collect(),
            goal,
        };
        let title = "Sessions on the fullest host";
        chapter.plots.push(plot("spread", title, "max/mean", &spreads, None));
        let title = "Logons at once on a host that came back empty";
        chapter.plots.push(plot("empty-host", title, "logons", &holes, Some(BLACK_HOLE)));
    }
    chapter.remarks.push(
        "Why: a choice by reports alone sends everybody who comes between two reports to the same host. Hosts of ours \
         tell all brokers at once what changes, each broker adds the seats that it has given out itself, logons in flight \
         count, of many hosts a few are drawn (so that brokers that decide at the same moment find different ones), and \
         a host that just appeared takes four logons at once for two minutes."
            .to_owned(),
    );
    Ok(chapter)
}

fn how() -> String {
    let (least, most) = LOGON_MS;
    format!(
        "Computed, not timed: the machines of the brokers and of the hosts as they are shipped, on a virtual clock. Three \
         brokers; hosts for {HARD_CAP} sessions; {MEAN} users for each host come within {} s, a logon takes {}–{} s. One \
         host loses its sessions in the middle and comes back empty half a minute later; its first minute is looked at. *Refused* are users who got no \
         place. *Periodic reports only* are our machines with all messages left out but one report of each host in an \
         interval.",
        MORNING_MS / 1_000,
        least / 1_000,
        most / 1_000
    )
}

/// For each way: spread, logons at once on the empty host, refused.
fn all_ways(hosts: usize, report_ms: u64, mornings: usize) -> Vec<[Samples; 3]> {
    let found = Mutex::new(vec![<[Samples; 3]>::default(); WAYS.len()]);
    let jobs = Mutex::new((0..WAYS.len()).flat_map(|way| (1..=mornings as u64).map(move |seed| (way, seed))));
    thread::scope(|scope| {
        for _ in 0..crate::usage::cores() {
            scope.spawn(|| {
                loop {
                    let job = jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
                    let Some((way, seed)) = job else { return };
                    let outcome = Morning { hosts, report_ms, seed }.pass(WAYS[way].1);
                    let mut found = found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    found[way][0].push(outcome.max_to_mean);
                    found[way][1].push(f64::from(outcome.black_hole));
                    found[way][2].push(f64::from(outcome.refused));
                }
            });
        }
    });
    found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}
