//! The test that Microsoft published: a burst, then a steady stream, while hosts restart.

use super::{by_name, log_on};
use crate::farm::Ours;
use crate::farm::agents::HostSpec;
use crate::figures::{Chapter, Goal, Row};
use crate::samples::{Latencies, Samples};
use crate::topics::Bench;
use anyhow::{Result, ensure};
use std::time::{Duration, Instant};

/// Logons at the beginning, and how often others follow.
const BURST: usize = 100;
const ONE_EVERY: Duration = Duration::from_millis(500);
/// How often a host restarts, and how many sessions it then loses.
const RESTART_EVERY: Duration = Duration::from_secs(1);
const SESSIONS: usize = 5;
/// How long a host may take until all brokers know that it is back.
const BACK_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(5);

pub(super) fn measure(bench: &Bench<'_>, ours: &mut Ours, spec: HostSpec, chapter: &mut Chapter) -> Result<()> {
    let lasts = Duration::from_secs(bench.plan.size(60, 2));
    let count = BURST + usize::try_from(lasts.as_millis() / ONE_EVERY.as_millis())?;
    let first = 100_000;
    bench.show.step("logons: Microsoft's test");
    bench.runtime.block_on(ours.rest.add_users((first..first + count).map(super::user)))?;
    for host in &ours.hosts {
        host.sessions.clear();
        (0..SESSIONS).for_each(|n| host.sessions.begin(format!("{}-{n}", host.name), format!("of-{}-{n}", host.name)));
    }
    let (rest, sessions) = (ours.rest.clone(), by_name(ours));
    let stream = {
        let rest = rest.clone();
        bench.runtime.spawn(async move {
            let mut tasks = Vec::with_capacity(count);
            let begun = Instant::now();
            for number in 0..count {
                let after = u32::try_from(number.saturating_sub(BURST))?;
                tokio::time::sleep_until((begun + ONE_EVERY * after).into()).await;
                let (rest, sessions) = (rest.clone(), sessions.clone());
                tasks.push(tokio::spawn(async move {
                    let started = Instant::now();
                    log_on(&rest, &sessions, first + number).await.map(|()| started.elapsed())
                }));
            }
            let (mut latencies, mut failures) = (Latencies::default(), Vec::new());
            for task in tasks {
                match task.await? {
                    Ok(took) => latencies.push(took),
                    Err(error) => failures.push(format!("{error:#}")),
                }
            }
            anyhow::Ok((Latencies::joined([latencies]), failures))
        })
    };
    let folder = ours.agents_folder().to_owned();
    let known = bench.runtime.block_on(async {
        let (mut known, begun, mut at) = (Latencies::default(), Instant::now(), 0);
        while begun.elapsed() < lasts {
            tokio::time::sleep_until((begun + RESTART_EVERY * u32::try_from(at)?).into()).await;
            let hosts = ours.hosts.len();
            let host = &mut ours.hosts[at % hosts];
            host.stop().await;
            host.sessions.clear();
            host.start(&folder, spec).await?;
            let (started, path) = (Instant::now(), format!("hosts/{}", host.name));
            for broker in 0..rest.brokers() {
                loop {
                    let row = rest.get(broker, &path).await?;
                    if row["state"] == "ready" && row["sessions"] == 0 {
                        break;
                    }
                    ensure!(
                        started.elapsed() < BACK_WITHIN,
                        "broker {broker} does not know that a host is back: {row}"
                    );
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
            known.push(started.elapsed());
            at += 1;
        }
        anyhow::Ok(Latencies::joined([known]))
    })?;
    let (latencies, failures) = bench.runtime.block_on(stream)??;
    if let Some(first) = failures.first() {
        chapter.remarks.push(format!("A logon of Microsoft's test that failed: {first}"));
    }
    let one = Samples::exactly;
    chapter.rows.extend([
        Row::alone("Microsoft's test: failed", one(failures.len() as f64)).wants(Goal::AtMost(0.0)),
        Row::alone("Microsoft's test: p50, ms", one(latencies.ms_at(500))),
        Row::alone("Microsoft's test: p99, ms", one(latencies.ms_at(990))),
        Row::alone("Microsoft's test: slowest, ms", one(latencies.ms_at(1_000))).wants(Goal::AtMost(200.0)),
        Row::alone("a restarted host is known everywhere after, p50, ms", one(known.ms_at(500))),
        Row::alone("a restarted host is known everywhere after, slowest, ms", one(known.ms_at(1_000)))
            .wants(Goal::AtMost(2_000.0)),
    ]);
    Ok(())
}
