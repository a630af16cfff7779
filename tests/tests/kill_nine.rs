//! Brokers are killed with signal 9 at random moments, again and again, while several administrators work on all of
//! them. What was acknowledged, as those who asked have written it down for themselves, is there at the end.
#![allow(clippy::unwrap_used)] // In a test a failed one should stop it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hostler_tests::netlab::{Answer, NetFarm, Plan, Rest};
use hostler_tests::{skip, wait};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

/// Chooses another run.
const SEED: &str = "HOSTLER_SEED";
const CYCLES: usize = 200;
/// In so many cycles a second one is killed, at a random moment of the first one's start.
const BOTH_EVERY: u32 = 10;
/// A broker is killed at most so long after the last one was back.
const RUNS_FOR: Duration = Duration::from_millis(300);
/// Administrators, and how often each wants something.
const CLIENTS: u64 = 6;
const COMMAND_EVERY: Duration = Duration::from_millis(40);
/// Who comes back has caught up when it lacks no more than this of what is being written meanwhile.
const CAUGHT_UP_EVENTS: u64 = 50;
/// What a broker that comes back may take until it has caught up: half of them, and any of them.
const REJOIN_MEDIAN: Duration = Duration::from_secs(2);
const REJOIN: Duration = Duration::from_secs(30);
/// When nothing is killed any more.
const CONVERGES: Duration = Duration::from_secs(10);

/// What one administrator has written down.
#[derive(Debug, Default)]
struct Notes {
    /// The names of acknowledged events.
    events: Vec<String>,
    users: BTreeSet<String>,
    groups: BTreeSet<String>,
    /// Refusals, by code.
    refused: BTreeMap<String, u32>,
    /// Commands for a broker that did not run.
    not_there: u32,
    /// Commands of which nobody knows.
    unknown: u32,
}

impl Notes {
    fn add(&mut self, other: Self) {
        self.events.extend(other.events);
        self.users.extend(other.users);
        self.groups.extend(other.groups);
        for (code, count) in other.refused {
            *self.refused.entry(code).or_default() += count;
        }
        self.not_there += other.not_there;
        self.unknown += other.unknown;
    }
}

/// One administrator: everyday commands for brokers at random, over connections that are kept.
async fn work(rest: Rest, brokers: Vec<Ipv4Addr>, number: u64, mut random: StdRng, over: Arc<AtomicBool>) -> Notes {
    let mut notes = Notes::default();
    let mut pace = tokio::time::interval(COMMAND_EVERY);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for round in 0.. {
        pace.tick().await;
        if over.load(Ordering::Relaxed) {
            break;
        }
        let at = brokers[random.random_range(0..brokers.len())];
        let name = format!("n{number}-{round}");
        let (method, path, body) = match random.random_range(0..10) {
            0 => (Method::POST, "groups", json!({ "name": name, "members": [] })),
            1 => (Method::PATCH, "items/Desktop", json!({ "everyone": random.random::<bool>() })),
            2 => (Method::PUT, "settings/hosts.silent_keep", json!({ "value": format!("{}s", 100 + round % 100) })),
            _ => (Method::POST, "users", json!({ "name": name })),
        };
        match rest.ask(at, method, path, Some(body)).await {
            Ok(Answer::Done(reply)) => {
                let events = reply["events"].as_array().into_iter().flatten().filter_map(Value::as_str);
                notes.events.extend(events.map(str::to_owned));
                match path {
                    "users" => drop(notes.users.insert(name)),
                    "groups" => drop(notes.groups.insert(name)),
                    _ => {}
                }
            }
            Ok(Answer::Refused(code, _)) => *notes.refused.entry(code).or_default() += 1,
            Err(error) if error.downcast_ref().is_some_and(reqwest::Error::is_connect) => {
                notes.not_there += 1;
            }
            Err(_) => notes.unknown += 1,
        }
    }
    notes
}

/// Waits until a broker that was started again has links to all others and has caught up. Gives how long that took.
fn wait_for_rejoin(farm: &NetFarm, name: &str, other: &str, started: Instant) -> Duration {
    let mut last = String::new();
    let back = wait::until_true(&format!("{name} is back"), REJOIN, || {
        let status = match farm.get(name, "status") {
            Ok(status) => status,
            Err(error) => {
                last = format!("{name}: {error:#}");
                return Ok(false);
            }
        };
        if status["brokers"]["up"] != status["brokers"]["total"] {
            last = format!("{name}: {status}");
            return Ok(false);
        }
        let row = farm.row(other, name)?;
        last = format!("{other} about {name}: {row}");
        Ok(row["alive"] == true && row["lag_events"].as_u64().is_some_and(|lag| lag <= CAUGHT_UP_EVENTS))
    });
    if let Err(error) = back {
        panic!("{error}; the last that was said: {last}");
    }
    started.elapsed()
}

/// Half of them are not above the first, none above the second.
fn median_and_most(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() - 1])
}

fn named(rows: &Value) -> BTreeSet<String> {
    let names = rows.as_array().into_iter().flatten().filter_map(|row| row["name"].as_str());
    names.map(str::to_owned).collect()
}

#[test]
fn two_hundred_times() {
    if skip::without_networks("two_hundred_times") {
        return;
    }
    let seed = std::env::var(SEED).ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    println!("{SEED}={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut farm = NetFarm::begin(Plan::new(3, 0)).unwrap();
    let names = farm.names("b");
    let addresses: Vec<Ipv4Addr> = names.iter().map(|name| farm.ip(name).unwrap()).collect();
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (rest, own) = (farm.rest.apart().unwrap(), StdRng::seed_from_u64(random.next_u64()));
            farm.rest.spawn(work(rest, addresses.clone(), number, own, over.clone()))
        })
        .collect();

    let (begun, mut listening, mut rejoining, mut kills) = (Instant::now(), Vec::new(), Vec::new(), 0);
    for _ in 0..CYCLES {
        // Not to wait for anything: the moment is what is random.
        std::thread::sleep(RUNS_FOR.mul_f64(random.random()));
        let first = random.random_range(0..names.len());
        let second = (first + 1 + random.random_range(0..names.len() - 1)) % names.len();
        farm.member(&names[first]).unwrap().kill().unwrap();
        let started = Instant::now();
        farm.member(&names[first]).unwrap().begin().unwrap();
        kills += 1;
        if random.random_ratio(1, BOTH_EVERY) {
            std::thread::sleep(RUNS_FOR.mul_f64(random.random()));
            farm.member(&names[second]).unwrap().kill().unwrap();
            farm.member(&names[second]).unwrap().run().unwrap();
            kills += 1;
        }
        farm.member(&names[first]).unwrap().wait_until_it_runs().unwrap();
        listening.push(started.elapsed());
        rejoining.push(wait_for_rejoin(&farm, &names[first], &names[second], started));
    }
    let took = begun.elapsed();
    over.store(true, Ordering::Relaxed);
    let mut notes = Notes::default();
    for client in clients {
        notes.add(farm.rest.wait(client).unwrap());
    }
    let (converging, _) = farm.wait_for_equal_digests(&names, CONVERGES).unwrap();

    // What was acknowledged is in every broker's views, and in every log, whose feeds have no gap.
    for broker in &names {
        let there = (named(&farm.get(broker, "users").unwrap()), named(&farm.get(broker, "groups").unwrap()));
        let lost: Vec<_> = notes.users.difference(&there.0).chain(notes.groups.difference(&there.1)).collect();
        assert!(lost.is_empty(), "{broker} lacks {lost:?}");
    }
    let mut logs = Vec::new();
    for broker in &names {
        farm.member(broker).unwrap().kill().unwrap();
        let feeds = farm.feeds(broker).unwrap();
        let known = feeds.names();
        let lost: Vec<&String> = notes.events.iter().filter(|event| !known.contains(*event)).collect();
        assert!(lost.is_empty(), "{} of {} events are lost by {broker}: {lost:?}", lost.len(), notes.events.len());
        logs.push(feeds);
    }
    assert!(logs.windows(2).all(|pair| pair[0] == pair[1]), "the logs differ");

    let (listens, listens_most) = median_and_most(listening);
    let (rejoins, rejoins_most) = median_and_most(rejoining);
    println!("{kills} kills in {took:.1?}; equal digests after {converging:.1?}");
    println!(
        "{} events acknowledged, all there; {} events in {} feeds; refused: {:?}; not there: {}; unknown: {}",
        notes.events.len(),
        logs[0].events(),
        logs[0].feeds(),
        notes.refused,
        notes.not_there,
        notes.unknown
    );
    println!(
        "listens after {listens:.1?}, at most {listens_most:.1?}; is back after {rejoins:.1?}, at most {rejoins_most:.1?}"
    );
    assert!(notes.events.len() > 10 * CYCLES, "only {} commands were carried out", notes.events.len());
    assert!(rejoins < REJOIN_MEDIAN, "half of the brokers needed {rejoins:?} to come back");
}
