//! Logons through REST: all users at once, and the test that Microsoft published for its own broker.

mod restarts;

use super::Bench;
use crate::farm::Ours;
use crate::farm::agents::{HostSpec, Sessions};
use crate::farm::rest::Rest;
use crate::figures::{Chapter, Goal, Row};
use crate::samples::{Latencies, Samples};
use crate::usage::Meter;
use anyhow::{Context, Result, ensure};
use hostler_tests::farm::Ground;
use serde_json::json;
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const BROKERS: usize = 3;
/// Requests at once: a portal's connections.
const AT_ONCE: usize = 32;
/// The part of the ports from which hosts have theirs: nobody listens there, as nobody connects.
const FIRST_PORT: u16 = 40_000;

/// How long brokers may take to know that all sessions have ended, and how often they are asked.
const GONE_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Measures everything about logons.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Chapter> {
    let hosts = bench.plan.size(400, 20);
    let users = bench.plan.size(10_000, 100);
    let rounds = bench.plan.rounds.min(3);
    bench.show.step(&format!("logons: three brokers and {hosts} hosts are started"));
    let ground = Ground::new()?;
    let mut ours = Ours::raise(&ground, BROKERS, bench.runtime)?;
    let ip = ground.place("hosts").ip(100);
    let at: Vec<SocketAddr> = (0..hosts).map(|n| SocketAddr::from((ip, FIRST_PORT + n))).collect();
    let spec = HostSpec { hard_cap: 120, logon_slots: 64, poll_ms: 1_000, from: Ipv4Addr::LOCALHOST };
    ours.add_hosts(bench.runtime, &at, spec)?;
    ours.add_gateway()?;
    ours.wait_until_connected(bench.runtime)?;
    bench.show.step(&format!("logons: {users} users are added"));
    let begun = Instant::now();
    bench.runtime.block_on(ours.rest.add_users((0..users).map(user)))?;
    let added = users as f64 / begun.elapsed().as_secs_f64();
    let mut chapter =
        Chapter { title: "Logons".to_owned(), how: how(users, hosts), rows: Vec::new(), ..Chapter::default() };
    burst(bench, &mut ours, users, rounds, &mut chapter)?;
    chapter.rows.push(Row::alone("users added, a second", Samples::exactly(added)));
    restarts::measure(bench, &mut ours, spec, &mut chapter)?;
    ours.stop(bench.runtime);
    Ok(chapter)
}

fn how(users: usize, hosts: u16) -> String {
    format!(
        "Three brokers and {hosts} agents, whose files are in memory: hosts have disks of their own. {users} \
         users want a desktop at once, through a portal with {AT_ONCE} open HTTPS connections to each broker: \
         each request is answered when the broker has decided and the host's agent has admitted, with a signed \
         ticket. Then what Microsoft published for its own broker (2016): a burst of 100, then 2 a second, all of \
         which succeed within 0.2 s, while a host restarts every second, which is known after 2 s."
    )
}

fn user(number: usize) -> String {
    format!("user{number:06}")
}

/// Where sessions are begun, by the host's name.
type BySessions = Arc<HashMap<String, Sessions>>;

fn by_name(ours: &Ours) -> BySessions {
    Arc::new(ours.hosts.iter().map(|host| (host.name.clone(), host.sessions.clone())).collect())
}

/// Asks for a seat; the session begins on the host at once.
async fn log_on(rest: &Rest, sessions: &BySessions, number: usize) -> Result<()> {
    let user = user(number);
    let said = rest.post(number, "connections", &json!({ "user": user })).await?;
    let host = said["host"]["name"].as_str().context("the answer names no host")?;
    sessions.get(host).with_context(|| format!("there is no host {host}"))?.begin(user.clone(), user);
    Ok(())
}

/// Everybody has logged off, and every broker knows.
fn all_gone(bench: &Bench<'_>, ours: &Ours) -> Result<()> {
    ours.hosts.iter().for_each(|host| host.sessions.clear());
    bench.runtime.block_on(async {
        let begun = Instant::now();
        for broker in 0..BROKERS {
            while ours.rest.get(broker, "status").await?["sessions"] != 0 {
                ensure!(begun.elapsed() < GONE_WITHIN, "broker {broker} still knows sessions");
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        Ok(())
    })
}

/// A portal's connections: each is open to every broker, as those of a portal that has run for a while are. Opening them
/// is no part of a logon.
async fn open_all(rest: &Rest) -> Result<Vec<Rest>> {
    let mut all = Vec::with_capacity(AT_ONCE);
    for _ in 0..AT_ONCE {
        let apart = rest.apart()?;
        for broker in 0..BROKERS {
            apart.get(broker, "status").await?;
        }
        all.push(apart);
    }
    Ok(all)
}

/// All users at once.
fn burst(bench: &Bench<'_>, ours: &mut Ours, users: usize, rounds: usize, chapter: &mut Chapter) -> Result<()> {
    let [mut rate, mut failed, mut p50, mut p99, mut most] = [(); 5].map(|()| Samples::default());
    let pids = ours.broker_pids()?;
    let portal = bench.runtime.block_on(open_all(&ours.rest))?;
    for round in 0..rounds {
        bench.show.step(&format!("logons: {users} at once, round {} of {rounds}", round + 1));
        all_gone(bench, ours)?;
        let (sessions, next) = (by_name(ours), Arc::new(AtomicUsize::new(0)));
        let meter = Meter::start(&pids)?;
        let begun = Instant::now();
        let (latencies, failures) = bench.runtime.block_on(async {
            let tasks = portal.iter().map(|rest| {
                let (rest, sessions, next) = (rest.clone(), sessions.clone(), next.clone());
                tokio::spawn(async move {
                    let (mut latencies, mut failures) = (Latencies::default(), Vec::new());
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= users {
                            return anyhow::Ok((latencies, failures));
                        }
                        let started = Instant::now();
                        match log_on(&rest, &sessions, number).await {
                            Ok(()) => latencies.push(started.elapsed()),
                            Err(error) => failures.push(format!("{error:#}")),
                        }
                    }
                })
            });
            let (mut all, mut failures) = (Vec::new(), Vec::new());
            for task in tasks.collect::<Vec<_>>() {
                let (latencies, failed) = task.await??;
                all.push(latencies);
                failures.extend(failed);
            }
            anyhow::Ok((Latencies::joined(all), failures))
        })?;
        rate.push(latencies.count() as f64 / begun.elapsed().as_secs_f64());
        [&mut p50, &mut p99, &mut most]
            .into_iter()
            .zip([500, 990, 1_000])
            .for_each(|(s, at)| s.push(latencies.ms_at(at)));
        failed.push(failures.len() as f64);
        if let Some(first) = failures.first() {
            chapter.remarks.push(format!("A logon that failed: {first}"));
        }
        if round + 1 == rounds {
            chapter.remarks.push(format!("Logons at once, last round: {}.", meter.stop()?));
        }
    }
    chapter.rows.extend([
        Row::alone("logons/s, all at once", rate).wants(Goal::AtLeast(1_000.0)),
        Row::alone("failed", failed).wants(Goal::AtMost(0.0)),
        Row::alone("p50, ms", p50),
        Row::alone("p99, ms", p99).wants(Goal::AtMost(50.0)),
        Row::alone("slowest, ms", most),
    ]);
    Ok(())
}
