//! The gateway beside HAProxy: connections, latency, bulk, and what an open session costs.

mod flows;

use super::Bench;
use crate::farm::agents::HostSpec;
use crate::farm::{CLIENTS, Ours, PEER};
use crate::figures::{Chapter, Goal, Plot, Row};
use crate::load::clients::{self, Came, Crowd};
use crate::load::hosts::{Hosts, POURS};
use crate::peers::haproxy::{Haproxy, Splice};
use crate::samples::Samples;
use crate::usage::{Meter, Usage};
use anyhow::Result;
use hostler_tests::farm::Ground;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Session hosts. With few, each agent's reports of the seats that it holds would be long.
const HOSTS: u8 = 64;
const FIRST_HOST: u8 = 100;
/// Users who come again and again.
const KNOWN: usize = 200;
/// Clients at it at once.
const AT_ONCE: usize = 64;

/// The two sides and what goes through them.
struct Sides {
    ours: Ours,
    door: SocketAddr,
    haproxy: Haproxy,
    peer: SocketAddr,
    splicing: Haproxy,
    splicing_peer: SocketAddr,
    /// A host, without anything between.
    direct: SocketAddr,
    clients: Vec<Ipv4Addr>,
    _hosts: Hosts,
    _ground: Ground,
}

/// Measures everything about the gateway.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Chapter> {
    let plan = bench.plan;
    bench.show.step("gateway: a farm, its hosts and HAProxy are started");
    let fresh_each = plan.size(3_000, 100);
    let stay = plan.size(2_000, 50);
    let sides = Sides::raise(bench, fresh_each, stay)?;
    let mut chapter = Chapter {
        title: "Gateway beside HAProxy".to_owned(),
        how: how(stay),
        peer: "HAProxy".to_owned(),
        ..Chapter::default()
    };
    connections(bench, &sides, fresh_each, &mut chapter)?;
    latency(bench, &sides, &mut chapter)?;
    flows::bulk(bench, &sides, &mut chapter)?;
    flows::sessions(bench, &sides, stay, &mut chapter)?;
    sides.ours.stop(bench.runtime);
    Ok(chapter)
}

fn how(stay: usize) -> String {
    format!(
        "One gateway, one broker and {HOSTS} hosts, and HAProxy in TCP mode in front of the same hosts: `persist \
         rdp-cookie`, a stick table on the cookie, one log line for each connection, on both sides into a file. A \
         connection is complete when the host's answer to the connection request has come back; then the client closes. \
         *Known user*: the broker has a seat at hand that it gave the same user before. *New user*: the broker decides, \
         and the host's agent admits. HAProxy does neither: it looks into its table. CPU is that of the gateway's \
         process alone where it is not said otherwise. Latency within a session is a round trip of 64 bytes, less \
         that of the same without anything between. {stay} sessions send 64 bytes a second each way."
    )
}

impl Sides {
    fn raise(bench: &Bench<'_>, fresh_each: usize, stay: usize) -> Result<Self> {
        let ground = Ground::new()?;
        let place = ground.place("haproxy");
        std::fs::create_dir_all(&place.folder)?;
        let hosts: Vec<SocketAddr> = (0..HOSTS).map(|n| SocketAddr::from((place.ip(FIRST_HOST + n), 3389))).collect();
        let mut ours = Ours::raise(&ground, 1, bench.runtime)?;
        let users = (0..KNOWN).map(known).chain((0..fresh_each * bench.plan.rounds).map(fresh));
        let users = users.chain((0..stay).map(staying)).chain((0..flows::MANY).map(pouring));
        bench.show.step("gateway: users are added");
        bench.runtime.block_on(ours.rest.add_users(users))?;
        let spec = HostSpec { hard_cap: 4_096, logon_slots: 4_096, poll_ms: 1_000, from: Ipv4Addr::LOCALHOST };
        ours.add_hosts(bench.runtime, &hosts, spec)?;
        ours.add_gateway()?;
        ours.wait_until_connected(bench.runtime)?;
        let listening = Hosts::listen(bench.runtime.handle(), &hosts)?;
        let (peer, splicing_peer) =
            (SocketAddr::from((place.ip(PEER), 3389)), SocketAddr::from((place.ip(PEER + 1), 3389)));
        let haproxy = Haproxy::start(&place.folder, "haproxy", peer, &hosts, Splice::Off)?;
        let splicing = Haproxy::start(&place.folder, "haproxy-splice", splicing_peer, &hosts, Splice::On)?;
        Ok(Self {
            door: ours.door(),
            ours,
            haproxy,
            peer,
            splicing,
            splicing_peer,
            direct: hosts[0],
            clients: CLIENTS.map(|n| place.ip(n)).collect(),
            _hosts: listening,
            _ground: ground,
        })
    }

    fn crowd(&self, door: SocketAddr, users: impl Iterator<Item = String>) -> Crowd {
        Crowd { door, from: self.clients.clone(), at_once: AT_ONCE, users: users.collect(), once: false }
    }
}

fn known(n: usize) -> String {
    format!("known{n:04}")
}

fn fresh(n: usize) -> String {
    format!("fresh{n:06}")
}

fn staying(n: usize) -> String {
    format!("stay{n:05}")
}

fn pouring(n: usize) -> String {
    format!("{POURS}{n:04}")
}

/// One turn of a crowd.
fn turn(bench: &Bench<'_>, crowd: &Crowd, pids: &[u32], lasts: Duration) -> Result<(Came, Usage)> {
    let meter = Meter::start(pids)?;
    let came = bench.runtime.block_on(crowd.come_and_go(lasts))?;
    Ok((came, meter.stop()?))
}

/// How many connections, and at which cost.
fn connections(bench: &Bench<'_>, sides: &Sides, fresh_each: usize, chapter: &mut Chapter) -> Result<()> {
    let lasts = bench.plan.turn(5);
    let (gateway, haproxy) = ([sides.ours.gateway_pid()?], [sides.haproxy.pid()]);
    let ours = sides.crowd(sides.door, (0..KNOWN).map(known));
    let theirs = sides.crowd(sides.peer, (0..KNOWN).map(known));
    let [mut known_rate, mut fresh_rate, mut peer_rate] = [(); 3].map(|()| Samples::default());
    let [mut known_cpu, mut fresh_cpu, mut peer_cpu] = [(); 3].map(|()| Samples::default());
    let mut last = [(); 3].map(|()| Usage::default());
    // The first connections of all sides are not counted: pools and tables fill.
    turn(bench, &ours, &gateway, lasts / 4)?;
    turn(bench, &theirs, &haproxy, lasts / 4)?;
    for round in 0..bench.plan.rounds {
        bench.show.step(&format!("gateway: connections, round {} of {}", round + 1, bench.plan.rounds));
        let mut note = |at: usize, rate: &mut Samples, cpu: &mut Samples, (came, usage): (Came, Usage)| {
            rate.push(came.per_second());
            cpu.push(came.latencies.count() as f64 / usage.measured().as_secs_f64());
            last[at] = usage;
        };
        note(0, &mut known_rate, &mut known_cpu, turn(bench, &ours, &gateway, lasts)?);
        note(2, &mut peer_rate, &mut peer_cpu, turn(bench, &theirs, &haproxy, lasts)?);
        let new = (round * fresh_each..(round + 1) * fresh_each).map(fresh);
        let new = Crowd { once: true, ..sides.crowd(sides.door, new) };
        note(1, &mut fresh_rate, &mut fresh_cpu, turn(bench, &new, &gateway, lasts * 10)?);
    }
    let rows = [
        Row::beside("connections/s, known user", known_rate.clone(), peer_rate.clone()).wants(Goal::RatioAtLeast(1.0)),
        Row::beside("connections/s, new user", fresh_rate.clone(), peer_rate.clone()),
        Row::beside("connections per CPU second, known user", known_cpu.clone(), peer_cpu.clone()),
        Row::beside("connections per CPU second, new user", fresh_cpu.clone(), peer_cpu.clone()),
    ];
    chapter.rows.extend(rows);
    chapter.plots.push(Plot {
        file: "gateway-connections".to_owned(),
        title: "Connections: more is better".to_owned(),
        x: String::new(),
        y: "connections".to_owned(),
        places: vec!["a second".to_owned(), "per CPU second".to_owned()],
        sides: vec![
            ("Hostler, known user".to_owned(), vec![known_rate.median(), known_cpu.median()]),
            ("HAProxy".to_owned(), vec![peer_rate.median(), peer_cpu.median()]),
            ("Hostler, new user".to_owned(), vec![fresh_rate.median(), fresh_cpu.median()]),
        ],
        goal: None,
    });
    let [known, fresh, peer] = last;
    chapter.remarks.push(format!("Connections, last round, known user: {known}; new user: {fresh}; HAProxy: {peer}."));
    Ok(())
}

/// What is added to the way: to a new connection, and within one.
fn latency(bench: &Bench<'_>, sides: &Sides, chapter: &mut Chapter) -> Result<()> {
    let lasts = bench.plan.turn(3);
    let doors = [sides.door, sides.peer, sides.direct];
    // Each: new connections p50 and p99, round trips p50 and p99.
    let mut all: [[Samples; 4]; 3] = Default::default();
    for round in 0..bench.plan.rounds {
        bench.show.step(&format!("gateway: latency, round {} of {}", round + 1, bench.plan.rounds));
        for (door, samples) in doors.into_iter().zip(&mut all) {
            let alone = Crowd { at_once: 1, ..sides.crowd(door, (0..KNOWN).map(known)) };
            let came = bench.runtime.block_on(alone.come_and_go(lasts / 2))?;
            let ping = async {
                let stream = clients::enter(door, sides.clients[0], &clients::request(&known(0))?).await?;
                tokio::spawn(clients::ping(stream, lasts / 2)).await?
            };
            let pings = bench.runtime.block_on(ping)?;
            let found = [&came.latencies, &pings].map(|l| [l.ms_at(500), l.ms_at(990)]);
            samples.iter_mut().zip(found.as_flattened()).for_each(|(samples, ms)| samples.push(ms * 1_000.0));
        }
    }
    let [ours, theirs, direct] = all;
    let names = [
        "new connection added, p50, µs",
        "new connection added, p99, µs",
        "round trip added, p50, µs",
        "round trip added, p99, µs",
    ];
    for (at, name) in names.into_iter().enumerate() {
        let base = direct[at].median();
        let less = |samples: &Samples| samples.less(base);
        chapter.rows.push(Row::beside(name, less(&ours[at]), less(&theirs[at])));
    }
    Ok(())
}
