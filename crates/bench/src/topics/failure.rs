//! What users notice when something dies: clients come through the gateway all the time, and the longest that one of
//! them waited is the gap.

use super::Bench;
use crate::farm::agents::HostSpec;
use crate::farm::{CLIENTS, Ours};
use crate::figures::{Chapter, Goal, Row};
use crate::load::clients::Crowd;
use crate::load::hosts::Hosts;
use crate::samples::{Latencies, Samples};
use anyhow::{Result, anyhow};
use hostler_tests::farm::Ground;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

const BROKERS: usize = 3;
const HOSTS: u8 = 8;
const FIRST_HOST: u8 = 100;
const USERS: usize = 200;
/// Clients at it at once: enough to hit every moment, and few enough to leave the machine time.
const AT_ONCE: usize = 4;
/// How long clients come before something dies, and after it, in s.
const BEFORE: Duration = Duration::from_millis(300);
const AFTER_S: u64 = 3;
/// How long the gap may be, in ms.
const GAP_MS: f64 = 1_000.0;

/// What dies.
#[derive(Clone, Copy)]
enum Dies {
    /// `kill -9` of a broker.
    Broker,
    /// A broker stands still: its links say nothing, and do not end.
    Links,
    /// A host's RDP server and its agent.
    Host,
}

/// Measures every way to die.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Chapter> {
    bench.show.step("failure: three brokers, a gateway and hosts are started");
    let ground = Ground::new()?;
    let place = ground.place("hosts");
    let at: Vec<SocketAddr> = (0..HOSTS).map(|n| SocketAddr::from((place.ip(FIRST_HOST + n), 3389))).collect();
    let mut ours = Ours::raise(&ground, BROKERS, bench.runtime)?;
    let spec = HostSpec { hard_cap: 4_096, logon_slots: 4_096, poll_ms: 1_000, from: Ipv4Addr::LOCALHOST };
    ours.add_hosts(bench.runtime, &at, spec)?;
    ours.add_gateway()?;
    ours.wait_until_connected(bench.runtime)?;
    let mut hosts = Hosts::listen(bench.runtime.handle(), &at)?;
    let users: Vec<String> = (0..USERS).map(|n| format!("user{n:04}")).collect();
    bench.runtime.block_on(ours.rest.add_users(users.clone()))?;
    let clients = CLIENTS.map(|n| place.ip(n)).collect();
    let crowd = Crowd { door: ours.door(), from: clients, at_once: AT_ONCE, users: users.into(), once: false };
    let mut chapter =
        Chapter { title: "What users notice when something dies".to_owned(), how: how(), ..Chapter::default() };
    for (what, dies) in [
        ("a broker is killed", Dies::Broker),
        ("a broker's links fall silent", Dies::Links),
        ("a host dies", Dies::Host),
    ] {
        let times = bench.plan.size(20, 1);
        let (mut gaps, mut failed) = (Latencies::default(), 0_u32);
        for time in 0..times {
            bench.show.step(&format!("failure: {what}, {} of {times}", time + 1));
            let coming = bench.runtime.spawn({
                let (crowd, lasts) = (crowd.clone(), BEFORE + bench.plan.turn(AFTER_S));
                async move { crowd.come_and_go(lasts).await }
            });
            std::thread::sleep(BEFORE);
            let victim = time % BROKERS;
            match dies {
                Dies::Broker => ours.farm.broker(victim + 1)?.kill()?,
                Dies::Links => ours.farm.broker(victim + 1)?.pause()?,
                Dies::Host => {
                    bench.runtime.block_on(hosts.close(time % at.len()));
                    ours.hosts[time % at.len()].drop_agent();
                }
            }
            let came = bench.runtime.block_on(coming).map_err(|_| anyhow!("the clients' task has panicked"))?;
            match came {
                Ok(came) => gaps.push(Duration::from_secs_f64(came.latencies.ms_at(1_000) / 1_000.0)),
                Err(error) => {
                    failed += 1;
                    chapter.remarks.push(format!("When {what}, somebody got nowhere: {error:#}"));
                }
            }
            match dies {
                Dies::Broker => ours.farm.broker(victim + 1)?.run()?,
                Dies::Links => ours.farm.broker(victim + 1)?.resume()?,
                Dies::Host => {
                    let nth = time % at.len();
                    hosts.open(bench.runtime.handle(), nth, at[nth])?;
                    let folder = ours.agents_folder().to_owned();
                    bench.runtime.block_on(ours.hosts[nth].start(&folder, spec))?;
                }
            }
            ours.wait_until_connected(bench.runtime)?;
        }
        let gaps = Latencies::joined([gaps]);
        chapter.rows.extend([
            Row::alone(format!("{what}: gap, p50 of {times}, ms"), Samples::exactly(gaps.ms_at(500))),
            Row::alone(format!("{what}: longest gap, ms"), Samples::exactly(gaps.ms_at(1_000)))
                .wants(Goal::AtMost(GAP_MS)),
            Row::alone(format!("{what}: somebody got nowhere"), Samples::exactly(f64::from(failed)))
                .wants(Goal::AtMost(0.0)),
        ]);
    }
    ours.stop(bench.runtime);
    Ok(chapter)
}

fn how() -> String {
    format!(
        "Three brokers, one gateway, {HOSTS} hosts. {AT_ONCE} clients at once come through the gateway, wait for the host's \
         answer and go, all the time; the gap is the longest that one of them waited. A broker is killed by `kill -9`; a \
         broker whose links fall silent is stopped (SIGSTOP), so that nobody is told that it is gone; with a host both its \
         RDP server and its agent go. Sessions that run on a host die with it; those on other hosts notice nothing."
    )
}
