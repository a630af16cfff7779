//! What goes through open connections: as much as fits, and nearly nothing.

use super::{Sides, pouring, staying};
use crate::figures::{Chapter, Goal, Row};
use crate::load::bulk::Flows;
use crate::load::clients::{Crowd, trickle};
use crate::samples::Samples;
use crate::topics::Bench;
use crate::usage::{Meter, resident};
use anyhow::Result;
use std::net::SocketAddr;
use std::time::Duration;

/// Flows at once, where there are many.
pub(super) const MANY: usize = 100;
/// How long flows go before they are measured.
const WARM_UP: Duration = Duration::from_millis(300);
/// How often each session sends something.
const EVERY: Duration = Duration::from_secs(1);

/// Bytes for a CPU second, and a second.
pub(super) fn bulk(bench: &Bench<'_>, sides: &Sides, chapter: &mut Chapter) -> Result<()> {
    let doors = [
        (sides.door, sides.ours.gateway_pid()?),
        (sides.peer, sides.haproxy.pid()),
        (sides.splicing_peer, sides.splicing.pid()),
    ];
    for count in [1, bench.plan.size(MANY, 10)] {
        let [mut ours, mut plain, mut splicing] = [(); 3].map(|()| <[Samples; 2]>::default());
        for round in 0..bench.plan.rounds {
            bench.show.step(&format!("gateway: {count} flows, round {} of {}", round + 1, bench.plan.rounds));
            for ((door, pid), samples) in doors.into_iter().zip([&mut ours, &mut plain, &mut splicing]) {
                let [per_cpu, per_second] = pour(bench, sides, door, pid, count)?;
                samples[0].push(per_cpu);
                samples[1].push(per_second);
            }
        }
        let flows = if count == 1 { "1 flow".to_owned() } else { format!("{count} flows") };
        let rows = [
            Row::beside(format!("GB per CPU second, {flows}"), ours[0].clone(), plain[0].clone())
                .wants(Goal::RatioAtLeast(1.0)),
            Row::beside(format!("GB per CPU second, {flows}, HAProxy splicing"), ours[0].clone(), splicing[0].clone()),
            Row::beside(format!("GB/s, {flows}"), ours[1].clone(), plain[1].clone()),
            Row::beside(format!("GB/s, {flows}, HAProxy splicing"), ours[1].clone(), splicing[1].clone()),
        ];
        chapter.rows.extend(rows);
    }
    Ok(())
}

/// GB for a CPU second of the process, and GB/s.
fn pour(bench: &Bench<'_>, sides: &Sides, door: SocketAddr, pid: u32, count: usize) -> Result<[f64; 2]> {
    let crowd = sides.crowd(door, (0..count).map(pouring));
    bench.runtime.block_on(async {
        let flows = Flows::begin(crowd.stay().await?);
        tokio::time::sleep(WARM_UP).await;
        let (meter, before) = (Meter::start(&[pid])?, flows.bytes());
        tokio::time::sleep(bench.plan.turn(3)).await;
        let (usage, bytes) = (meter.stop()?, flows.bytes() - before);
        flows.end().await?;
        let gb = bytes as f64 / 1e9;
        Ok([gb / usage.measured().as_secs_f64(), gb / usage.wall.as_secs_f64()])
    })
}

/// Memory and CPU of open sessions.
pub(super) fn sessions(bench: &Bench<'_>, sides: &Sides, stay: usize, chapter: &mut Chapter) -> Result<()> {
    let [mut ours, mut theirs] = [(); 2].map(|()| <[Samples; 2]>::default());
    // Memory grows only once: later rounds would find what earlier ones left.
    for (round, lasts) in [bench.plan.turn(10); 1].into_iter().enumerate() {
        bench.show.step(&format!("gateway: {stay} sessions with a trickle, round {}", round + 1));
        let doors =
            [(sides.door, sides.ours.gateway_pid()?, &mut ours), (sides.peer, sides.haproxy.pid(), &mut theirs)];
        for (door, pid, samples) in doors {
            let crowd: Crowd = sides.crowd(door, (0..stay).map(staying));
            let before = resident(pid)?;
            let streams = bench.runtime.block_on(crowd.stay())?;
            let every = EVERY.min(lasts / 2);
            let meter = Meter::start(&[pid])?;
            let (streams, back) = bench.runtime.block_on(trickle(streams, every, lasts))?;
            let usage = meter.stop()?;
            let kib = resident(pid)?.saturating_sub(before) as f64 / 1_024.0;
            samples[0].push(kib / stay as f64);
            samples[1].push(usage.measured().as_secs_f64() * 1e6 / back.max(1) as f64);
            drop(streams);
        }
    }
    let ([memory, cpu], [peer_memory, peer_cpu]) = (ours, theirs);
    chapter.rows.push(
        Row::beside(format!("memory per session, KiB, {stay} sessions"), memory, peer_memory)
            .wants(Goal::RatioAtMost(1.0)),
    );
    chapter.rows.push(Row::beside("CPU for 64 bytes there and back, µs", cpu, peer_cpu));
    Ok(())
}
