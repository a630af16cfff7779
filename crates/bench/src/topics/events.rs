//! Acknowledged administrative changes beside etcd, both on three disks with syncs.

use super::Bench;
use crate::farm::Ours;
use crate::farm::PEER;
use crate::farm::rest::Rest;
use crate::figures::{Chapter, Goal, Plot, Row};
use crate::peers::etcd::{Etcd, client::Client};
use crate::samples::{Latencies, Samples};
use crate::usage::Meter;
use anyhow::{Context, Result, ensure};
use hostler_tests::farm::Ground;
use serde_json::json;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Bytes of a value.
const VALUE_BYTES: usize = 300;
const BROKERS: usize = 3;
/// Clients at once.
const CLIENTS: [usize; 4] = [1, 16, 64, 256];
/// Where the goals are.
const GOAL_AT: usize = 64;
/// How long a change may take until all show it.
const SHOWN_WITHIN: Duration = Duration::from_secs(10);

/// A client of one of the sides.
#[derive(Clone)]
enum Writer {
    Ours(Rest),
    Peer(Client),
}

/// Measures everything about events.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Chapter> {
    bench.show.step("events: three brokers and three etcd servers are started");
    let ground = Ground::new()?;
    let place = ground.place("etcd");
    std::fs::create_dir_all(&place.folder)?;
    let mut ours = Ours::raise(&ground, BROKERS, bench.runtime)?;
    let etcd = Etcd::start(&place.folder, &[0, 1, 2].map(|n| place.ip(PEER + n)))?;
    let clients: &[usize] = bench.plan.size(&CLIENTS, &[1, 16]);
    let most = clients.iter().copied().max().unwrap_or(1);
    // With one thing on either side: a list of many would cost the looking more than the change.
    bench.runtime.block_on(publish(&ours.rest, 0..1))?;
    let shown = shown(bench, &ours.rest, &etcd)?;
    bench.runtime.block_on(publish(&ours.rest, 1..most))?;
    let pids = [ours.broker_pids()?, etcd.pids()];
    let mut chapter = Chapter {
        title: "Acknowledged changes beside etcd".to_owned(),
        how: how(),
        peer: "etcd, 3 nodes".to_owned(),
        ..Chapter::default()
    };
    let mut plots = [(); 2].map(|()| [Vec::new(), Vec::new()]);
    for &count in clients {
        let mut all = [(); 2].map(|()| <[Samples; 3]>::default());
        let mut usages = Vec::new();
        for round in 0..bench.plan.rounds {
            bench.show.step(&format!("events: {count} clients, round {} of {}", round + 1, bench.plan.rounds));
            usages.clear();
            for (side, samples) in all.iter_mut().enumerate() {
                let writers = bench.runtime.block_on(writers(side, count, &ours.rest, &etcd))?;
                let meter = Meter::start(&pids[side])?;
                let written = bench.runtime.block_on(write(writers, bench.plan.turn(4)))?;
                let Written { rate, latencies, late } = written;
                usages.push(meter.stop()?);
                if late > 0 {
                    let text = "answers that said \"on one disk\", which are not counted";
                    chapter.remarks.push(format!("{count} clients, round {}: {late} {text}.", round + 1));
                }
                [rate, latencies.ms_at(500), latencies.ms_at(990)]
                    .into_iter()
                    .zip(samples)
                    .for_each(|(value, samples)| samples.push(value));
            }
        }
        let [ours, theirs] = all;
        for (plot, at) in plots.iter_mut().zip([0, 1]) {
            plot[0].push(ours[at].median());
            plot[1].push(theirs[at].median());
        }
        for (at, (what, goal)) in [
            ("events/s", Goal::RatioAtLeast(3.0)),
            ("p50, ms", Goal::RatioAtMost(0.5)),
            ("p99, ms", Goal::RatioAtMost(1.0)),
        ]
        .into_iter()
        .enumerate()
        {
            let row = Row::beside(format!("{what}, {count} clients"), ours[at].clone(), theirs[at].clone());
            chapter.rows.push(if count == GOAL_AT && at < 2 { row.wants(goal) } else { row });
        }
        if let [one, other] = usages.as_slice() {
            chapter.remarks.push(format!("{count} clients, last round: Hostler: {one}; etcd: {other}."));
        }
    }
    chapter.rows.push(shown);
    let places: Vec<String> = clients.iter().map(ToString::to_string).collect();
    for ((values, file), y) in
        plots.into_iter().zip(["events-rate", "events-latency"]).zip(["events a second", "p50, ms"])
    {
        let [one, other] = values;
        chapter.plots.push(Plot {
            file: file.to_owned(),
            title: format!("Acknowledged changes, {y}"),
            x: "clients".to_owned(),
            y: y.to_owned(),
            places: places.clone(),
            sides: vec![("Hostler".to_owned(), one), ("etcd".to_owned(), other)],
            goal: None,
        });
    }
    Ok(chapter)
}

fn how() -> String {
    format!(
        "Three brokers, three etcd servers, each with a folder of its own on the same disk, and syncs. Every client has a \
         connection of its own, to the three in turn, and waits for each answer before it changes something again: \
         ours gives a published item another command line of {VALUE_BYTES} bytes (HTTPS, JSON, a signed event, checked \
         against the rules and folded into the views), etcd's puts a value of {VALUE_BYTES} bytes under a key (gRPC, \
         without encryption). Both answer when it is on two disks of three. *Shown everywhere* is from the request until \
         each of the three, asked by itself again and again, shows the change."
    )
}

/// An item for each of these clients.
async fn publish(rest: &Rest, clients: Range<usize>) -> Result<()> {
    let count = clients.end;
    for number in clients {
        let item = json!({ "name": item(number), "command": "first", "everyone": true });
        rest.post(number, "items", &item).await?;
    }
    // Found on every broker before anybody changes it.
    for broker in 0..BROKERS {
        let begun = Instant::now();
        while rest.get(broker, "items").await?.as_array().map_or(0, Vec::len) < count {
            ensure!(begun.elapsed() < SHOWN_WITHIN, "broker {broker} does not show all items");
        }
    }
    Ok(())
}

fn item(number: usize) -> String {
    format!("Item {number}")
}

/// Another value each time, of the same length.
fn value(number: u64) -> String {
    format!("/usr/bin/program {number:0width$}", width = VALUE_BYTES - "/usr/bin/program ".len())
}

async fn writers(side: usize, count: usize, rest: &Rest, etcd: &Etcd) -> Result<Vec<Writer>> {
    let mut writers = Vec::with_capacity(count);
    for number in 0..count {
        writers.push(if side == 0 { Writer::Ours(rest.apart()?) } else { Writer::Peer(etcd.client(number).await?) });
    }
    Ok(writers)
}

impl Writer {
    /// Changes something. Whether it was acknowledged when it was on two disks: ours does not wait for ever, and says so.
    async fn write(&self, client: usize, value: &str) -> Result<bool> {
        match self {
            Self::Ours(rest) => {
                let path = format!("items/{}", item(client).replace(' ', "%20"));
                let said = rest.patch(client, &path, &json!({ "command": value })).await?;
                Ok(said["durable_on"].as_u64() >= Some(2))
            }
            Self::Peer(etcd) => etcd.put(item(client).as_bytes(), value.as_bytes()).await.map(|()| true),
        }
    }
}

/// What came of some clients' work.
struct Written {
    /// Events a second.
    rate: f64,
    /// How long each took.
    latencies: Latencies,
    /// Answered before they were on two disks; they count nowhere else.
    late: u64,
}

/// Each client changes its own thing, again and again.
async fn write(writers: Vec<Writer>, lasts: Duration) -> Result<Written> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    // Connections are made before the time begins.
    let first = writers.iter().enumerate().map(|(client, writer)| async move {
        writer.write(client, &value(NUMBER.fetch_add(1, Ordering::Relaxed))).await
    });
    futures::future::try_join_all(first).await?;
    let begun = Instant::now();
    let tasks: Vec<_> = writers
        .into_iter()
        .enumerate()
        .map(|(client, writer)| {
            tokio::spawn(async move {
                let (mut latencies, mut late) = (Latencies::default(), 0);
                while begun.elapsed() < lasts {
                    let started = Instant::now();
                    if writer.write(client, &value(NUMBER.fetch_add(1, Ordering::Relaxed))).await? {
                        latencies.push(started.elapsed());
                    } else {
                        late += 1;
                    }
                }
                Ok::<_, anyhow::Error>((latencies, late))
            })
        })
        .collect();
    let (mut all, mut late) = (Vec::with_capacity(tasks.len()), 0);
    for task in tasks {
        let (latencies, missed) = task.await??;
        all.push(latencies);
        late += missed;
    }
    let latencies = Latencies::joined(all);
    Ok(Written { rate: latencies.count() as f64 / begun.elapsed().as_secs_f64(), latencies, late })
}

/// From the request until all three show the change.
fn shown(bench: &Bench<'_>, rest: &Rest, etcd: &Etcd) -> Result<Row> {
    let times = bench.plan.size(50, 5);
    let mut all = [(); 2].map(|()| Samples::default());
    bench.show.step("events: until all three show a change");
    bench.runtime.block_on(async {
        let mut peers = Vec::new();
        for server in 0..BROKERS {
            peers.push(etcd.client(server).await?);
        }
        let peers: Arc<[Client]> = peers.into();
        for number in 0..times {
            for (side, samples) in all.iter_mut().enumerate() {
                let value = value(u64::MAX / 2 + number);
                let looks = (0..BROKERS).map(|server| {
                    let (rest, peer, value) = (rest.clone(), peers[server].clone(), value.clone());
                    tokio::spawn(async move { until_shown(side, server, &rest, &peer, &value).await })
                });
                let looks: Vec<_> = looks.collect();
                let started = Instant::now();
                let writer = if side == 0 { Writer::Ours(rest.clone()) } else { Writer::Peer(peers[0].clone()) };
                writer.write(0, &value).await?;
                let mut last = started;
                for look in looks {
                    last = last.max(look.await??);
                }
                samples.push(last.duration_since(started).as_secs_f64() * 1_000.0);
            }
        }
        anyhow::Ok(())
    })?;
    let [ours, theirs] = all;
    Ok(Row::beside("shown everywhere after, ms", ours, theirs))
}

async fn until_shown(side: usize, server: usize, rest: &Rest, peer: &Client, value: &str) -> Result<Instant> {
    let begun = Instant::now();
    loop {
        let shows = match side {
            0 => {
                let items = rest.get(server, "items").await?;
                let items = items.as_array().context("the items are no list")?;
                items.iter().any(|item| item["command"].as_str() == Some(value))
            }
            _ => peer.has(item(0).as_bytes(), value.as_bytes()).await?,
        };
        if shows {
            return Ok(Instant::now());
        }
        ensure!(begun.elapsed() < SHOWN_WITHIN, "a change is not shown everywhere");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
