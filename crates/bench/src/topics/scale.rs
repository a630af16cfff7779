//! What a broker needs for many agents, how fast it knows everything again, and what brokers tell each other.

pub(crate) mod gossip;

use super::Bench;
use crate::farm::Ours;
use crate::farm::agents::HostSpec;
use crate::figures::{Chapter, Goal, Row};
use crate::samples::Samples;
use crate::usage::{Meter, resident};
use anyhow::{Context, Result, ensure};
use hostler_tests::farm::Ground;
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Sessions in the whole site.
const SESSIONS: usize = 20_000;
/// Logons a second, where there are some.
const LOGONS_A_SECOND: u32 = 100;
/// How long a broker may take until it knows everything.
const KNOWS_WITHIN: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const FIRST_PORT: u16 = 20_100;
/// Agents, and what a broker may need for them, in MB.
const SIZES: [(usize, f64); 2] = [(1_000, 300.0), (5_000, 1_000.0)];

/// Measures everything about size.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Chapter> {
    let sizes = bench.plan.size(&SIZES[..], &[(20, 300.0)]);
    let mut chapter = Chapter { title: "Size".to_owned(), how: how(), ..Chapter::default() };
    for (agents, limit_mb) in sizes {
        broker(bench, *agents, *limit_mb, &mut chapter)?;
    }
    for brokers in bench.plan.size(&[3_usize, 5, 9][..], &[3]) {
        bench.show.step(&format!("scale: {brokers} brokers in a network of their own"));
        let gossip = gossip::apart(*brokers, bench.plan.quick)?;
        chapter
            .rows
            .push(Row::alone(format!("gossip at rest, bytes/s, {brokers} brokers"), Samples::exactly(gossip.at_rest)));
        chapter.rows.push(Row::alone(
            format!("gossip for an event, bytes, {brokers} brokers"),
            Samples::exactly(gossip.per_event),
        ));
    }
    Ok(chapter)
}

fn how() -> String {
    format!(
        "One broker, and real agents over QUIC, with {SESSIONS} sessions in all. Memory is what is resident. Logons go through \
         REST, {LOGONS_A_SECOND} a second. A broker is killed and started again; it knows everything when all agents are back \
         and all sessions are listed. *Gossip* is everything that brokers without agents send each other, counted by the \
         kernel in a network that has nothing else, IP headers included: the sum over all brokers."
    )
}

fn broker(bench: &Bench<'_>, agents: usize, limit_mb: f64, chapter: &mut Chapter) -> Result<()> {
    bench.show.step(&format!("scale: {agents} agents join"));
    let ground = Ground::new()?;
    let mut ours = Ours::raise(&ground, 1, bench.runtime)?;
    let ip = ground.place("hosts").ip(100);
    let at: Vec<SocketAddr> =
        (0..agents).map(|n| Ok(SocketAddr::from((ip, FIRST_PORT + u16::try_from(n)?)))).collect::<Result<_>>()?;
    let spec = HostSpec { hard_cap: 200, logon_slots: 64, poll_ms: 5_000, from: Ipv4Addr::LOCALHOST };
    let begun = Instant::now();
    ours.add_hosts(bench.runtime, &at, spec)?;
    let joined = agents as f64 / begun.elapsed().as_secs_f64();
    let sessions = bench.plan.size(SESSIONS, 100);
    for number in 0..sessions {
        let user = format!("holder{number:06}");
        ours.hosts[number % agents].sessions.begin(user.clone(), user);
    }
    bench.show.step(&format!("scale: {agents} agents, {sessions} sessions"));
    bench.runtime.block_on(until_known(&ours, agents, sessions))?;
    let pid = *ours.broker_pids()?.first().context("there is no broker")?;
    let meter = Meter::start(&[pid])?;
    std::thread::sleep(bench.plan.turn(15));
    let rest = meter.stop()?.cores()[0] * 100.0;
    let memory = resident(pid)? as f64 / 1e6;

    ours.add_gateway()?;
    ours.wait_until_connected(bench.runtime)?;
    let lasts = bench.plan.turn(10);
    let count = u32::try_from(lasts.as_millis())? * LOGONS_A_SECOND / 1_000;
    bench.runtime.block_on(ours.rest.add_users((0..count).map(|n| format!("comer{n:06}"))))?;
    let meter = Meter::start(&[pid])?;
    bench.runtime.block_on(logons(&ours, count))?;
    let busy = meter.stop()?.cores()[0] * 100.0;
    let busy_memory = resident(pid)? as f64 / 1e6;

    bench.show.step(&format!("scale: {agents} agents, the broker is killed and started again"));
    ours.farm.broker(1)?.kill()?;
    let begun = Instant::now();
    ours.farm.broker(1)?.begin()?;
    bench.runtime.block_on(until_known(&ours, agents, sessions))?;
    let again = begun.elapsed().as_secs_f64();
    let row = |what: &str, value: f64| Row::alone(format!("{what}, {agents} agents"), Samples::exactly(value));
    let most = row("memory of a broker, MB", memory.max(busy_memory));
    chapter.rows.extend([
        row("agents join, a second", joined),
        most.wants(Goal::AtMost(limit_mb)),
        row("CPU at rest, % of a core", rest),
        row(&format!("CPU at {LOGONS_A_SECOND} logons/s, % of a core"), busy),
        row("a restarted broker knows everything after, s", again),
    ]);
    ours.stop(bench.runtime);
    Ok(())
}

/// Waits until the broker has links to all agents and knows all sessions.
async fn until_known(ours: &Ours, agents: usize, sessions: usize) -> Result<()> {
    let begun = Instant::now();
    loop {
        // A broker that is just starting does not answer.
        let status = ours.rest.get(0, "status").await.unwrap_or_default();
        let known = status["sessions"].as_u64();
        if status["hosts"]["up"].as_u64() == Some(agents as u64) && known >= Some(sessions as u64) {
            return Ok(());
        }
        ensure!(begun.elapsed() < KNOWS_WITHIN, "the broker does not know everything: {status}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// So many logons, evenly.
async fn logons(ours: &Ours, count: u32) -> Result<()> {
    let (begun, mut tasks) = (Instant::now(), Vec::new());
    for number in 0..count {
        tokio::time::sleep_until((begun + Duration::from_secs(1) * number / LOGONS_A_SECOND).into()).await;
        let rest = ours.rest.clone();
        tasks.push(tokio::spawn(async move {
            rest.post(0, "connections", &json!({ "user": format!("comer{number:06}") })).await.map(|_| ())
        }));
    }
    for task in tasks {
        task.await??;
    }
    Ok(())
}
