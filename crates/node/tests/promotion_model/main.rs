//! The promotion rules, checked exhaustively within bounds on the node's real code, by the model checker stateright.
//! What is modelled and what is not: docs/promotion-model.md.

#![allow(clippy::unwrap_used, missing_docs)]

mod heal;
mod machine;
mod model;
#[allow(dead_code)] // each test file needs a part of it
#[path = "../net/mod.rs"]
mod net;
mod oracle;
mod state;
mod step;

use hostler_events::StoredEvent;
use hostler_node::{Command, Fault};
use model::{Bounds, Promotions, Start};
use stateright::{Checker, Model};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A farm of three that may promote by itself, in its second epoch: what is on its disks, and when it is.
fn farm() -> ([Vec<StoredEvent>; 3], u64) {
    let mut net = net::Net::farm(3);
    net.command(1, Command::Set { key: "promotion.automatic.after".into(), value: Some("5s".into()) }).unwrap();
    net.run(3_000);
    net.assert_equal_views();
    let disk = |n| net.machines[&net::id(n)].disk.clone();
    ([disk(1), disk(2), disk(3)], net.time_ms + 1_000_000)
}

struct Run {
    name: &'static str,
    start: Start,
    bounds: Bounds,
    fault: Option<Fault>,
    slow: bool,
    heal_every: u64,
}

/// Prints what was looked at; gives the names of the properties that do not hold, with the way there.
fn check(run: &Run, seconds: u64) -> Vec<(&'static str, String)> {
    let model = Promotions::new(run.start, run.bounds, run.fault, run.slow, run.heal_every);
    let checker = model.checker().threads(2).timeout(Duration::from_secs(seconds));
    let checker = checker.finish_when(stateright::HasDiscoveries::AnyFailures);
    // Breadth first finds the shortest way; depth first needs the least memory.
    match std::env::var("MODEL_SHORTEST") {
        Ok(seed) if seed.parse::<u64>().is_ok_and(|s| s > 1) => {
            report(run, seconds, &checker.spawn_simulation(seed.parse().unwrap(), stateright::UniformChooser))
        }
        Ok(_) => report(run, seconds, &checker.spawn_bfs()),
        Err(_) => report(run, seconds, &checker.spawn_dfs()),
    }
}

fn report(run: &Run, seconds: u64, checker: &impl Checker<Promotions>) -> Vec<(&'static str, String)> {
    let began = Instant::now();
    let limit = Duration::from_secs(seconds);
    while !checker.is_done() && began.elapsed() < limit {
        std::thread::sleep(Duration::from_millis(20));
    }
    let complete = checker.is_done() && began.elapsed() < limit;
    println!(
        "{}: {} states ({} made), depth {}, {} healed, {:.1} s{}\n  {:?}",
        run.name,
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        checker.model().healed.load(Ordering::Relaxed),
        began.elapsed().as_secs_f32(),
        if complete { ", all of them" } else { ", not all of them: time is over" },
        run.bounds,
    );
    let discoveries = checker.discoveries();
    println!("  {:?}", discoveries.keys());
    let wrong = discoveries.into_iter().filter(|(name, _)| !name.starts_with("an "));
    wrong
        .map(|(name, path)| {
            let last = path.last_state().clone();
            let actions: Vec<String> = path.into_actions().iter().map(|a| format!("{a:?}")).collect();
            let healed = heal::heal(checker.model(), &last);
            (name, format!("{}\n{last:?}\n{healed:?}", actions.join("\n")))
        })
        .collect()
}

fn digits(n: u64) -> [u8; 3] {
    [n / 100, n / 10 % 10, n % 10].map(|d| d as u8)
}

#[test]
fn explore() {
    let env = |name: &str, default: u64| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
    let bounds = Bounds {
        times: env("TIMES", 3) as u8,
        times_each: digits(env("EACH", 222)),
        exchanges: env("EXCHANGES", 0) as u8,
        crashes: env("CRASHES", 0) as u8,
        crashing: digits(env("CRASHING", 111)).map(|c| c > 0),
        restores: env("RESTORES", 0) as u8,
        duplicates: env("DUPLICATES", 0) as u8,
        forced: env("FORCED", 0) as u8,
        orders: env("ORDERS", 0) as u8,
        changes: env("CHANGES", 0) as u8,
        epochs: env("EPOCHS", 2),
    };
    let fault = (env("FAULT", 0) > 0).then_some(Fault::VoteSentUnstored);
    let run = Run {
        name: "explore",
        start: if env("CUT", 1) > 0 { Start::CutOff } else { Start::Whole },
        bounds,
        fault,
        slow: env("SLOW", 0) > 0,
        heal_every: env("HEAL", 128),
    };
    for (name, path) in check(&run, env("SECONDS", 60)) {
        println!("{name}\n{path}");
    }
}
