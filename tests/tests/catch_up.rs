//! How fast a broker catches up that was away: real processes, and as many events as a large farm has in a long time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // In a test a failed one should stop it.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hostler_events::payload::UserAdded;
use hostler_events::{Actor, AuthorKey, Event, Header, StoredEvent};
use hostler_log::EventLog;
use hostler_log_rocks::RocksLog;
use hostler_model::{BrokerId, Hlc, UserId, Wall};
use hostler_tests::farm::{Farm, Ground};
use hostler_tests::wait;
use hostler_wire::KeyFile;

const MISSED: u64 = 100_000;
const SOON: Duration = Duration::from_secs(30);
/// A goal for the program as it is shipped. Without optimisation signatures alone take longer.
const GOAL: Duration = Duration::from_secs(if cfg!(debug_assertions) { 90 } else { 10 });

/// Writes events into the log of a broker that does not run, as it would have written them.
fn write_events(data: &Path) {
    let secret = *KeyFile::at(data.join("key")).load().unwrap().secret();
    let key = AuthorKey::from_secret(&secret);
    let me = BrokerId(KeyFile::at(data.join("key")).load().unwrap().fingerprint().0);
    let mut log = RocksLog::open(data.join("log")).unwrap();
    let (feed, (mut seq, _)) = log.heads().0.into_iter().rfind(|(feed, _)| feed.broker == me).unwrap();
    let last = log.read(feed, seq, 1).unwrap().remove(0);
    let (mut previous, epoch, site) = (last.hash(), last.header().epoch, last.header().site);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let wall = Wall(u64::try_from(now.as_millis()).unwrap());
    let mut batch = Vec::new();
    for n in 1..=MISSED {
        let added = UserAdded { user: UserId(u128::from(n).to_be_bytes()), name: format!("user{n}").parse().unwrap() };
        let event = Event::UserAdded(added);
        let kind = event.kind();
        seq += 1;
        let header = Header {
            format: Header::FORMAT,
            feed,
            seq,
            previous,
            hlc: Hlc { wall, counter: u32::try_from(n).unwrap() },
            site,
            epoch,
            actor: Actor::System,
            class: kind.class,
            kind: kind.id,
            version: kind.version,
            on_unknown: kind.on_unknown,
            touches: event.touches(),
            frontier: None,
            bases: Vec::new(),
        };
        let stored = StoredEvent::seal(header, &event, &key).unwrap();
        previous = stored.hash();
        batch.push(stored);
        if batch.len() == 1_000 {
            log.append(&std::mem::take(&mut batch)).unwrap();
        }
    }
    log.append(&batch).unwrap();
}

#[test]
fn a_broker_that_was_away_catches_up() {
    let ground = Ground::new().unwrap();
    let mut farm = Farm::begin(ground.place("away")).unwrap();
    farm.add_broker().unwrap();
    farm.log_in().unwrap();
    farm.wait_until_whole().unwrap();
    for at in [2, 1] {
        farm.broker(at).unwrap().stop(SOON).unwrap();
    }
    let data = farm.broker(1).unwrap().data();
    write_events(&data);

    let begin = Instant::now();
    farm.broker(1).unwrap().run().unwrap();
    println!("the first broker starts with {MISSED} events that no checkpoint covers in {:?}", begin.elapsed());
    let begin = Instant::now();
    farm.broker(2).unwrap().run().unwrap();
    let started = begin.elapsed();
    wait::until_true("the second one has everything", GOAL, || {
        let brokers = [1, 2].map(|at| farm.broker(at).unwrap().ip());
        let status = brokers.map(|ip| farm.cli.json(&["status", "--broker", &ip.to_string()]));
        let [Ok(a), Ok(b)] = status else { return Ok(false) };
        println!("{:?} {}", begin.elapsed(), b["events"]);
        Ok(a["digest"] == b["digest"] && b["events"].as_u64().is_some_and(|events| events > MISSED))
    })
    .unwrap();
    let took = begin.elapsed();
    println!(
        "it started in {started:?} and had caught up after {took:?}: {:.0} events/s",
        MISSED as f64 / took.as_secs_f64()
    );

    // The next start goes on from the views that it saved on the way, and old events are in the archive.
    farm.broker(2).unwrap().kill().unwrap();
    let begin = Instant::now();
    farm.broker(2).unwrap().run().unwrap();
    let line = farm.broker(2).unwrap().wait_for_line("log read", SOON).unwrap();
    println!("killed and started again in {:?}: {line}", begin.elapsed());
    assert!(!line.contains("covered=0"), "{line}");
    farm.wait_until_whole().unwrap();
    for at in [1, 2] {
        let archive = farm.broker(at).unwrap().data().join("log/archive");
        let full = || Ok(std::fs::read_dir(&archive).is_ok_and(|files| files.count() >= 8));
        wait::until_true("old events are in the archive", SOON, full).unwrap();
    }
}
