//! The promotion rules, checked exhaustively within bounds on the node's real code, by the model checker stateright.
//! What is modelled and what is not: docs/promotion-model.md.
//!
//! `cargo xtask model` runs it optimised, and with wider bounds; HOSTLER_MODEL=wide asks for these.

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
use model::{Bounds, Promotions, SOMETIMES, Start};
use stateright::{Checker, HasDiscoveries, Model, UniformChooser};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// One run must be through by then, with narrow bounds and with wide ones; random walks end by their own time.
const LIMITS: (Duration, Duration) = (Duration::from_secs(240), Duration::from_secs(3_600));
/// Threads of the checker.
const THREADS: usize = 2;
/// Of so many states one is healed, where there are few and where there are many.
const HEAL_ONE_OF: (u64, u64) = (64, 256);

/// A farm of three that may promote by itself, in its second epoch: what is on its disks, and when it is.
fn farm() -> ([Vec<StoredEvent>; 3], u64) {
    let mut net = net::Net::farm(3);
    net.command(1, Command::Set { key: "promotion.automatic.after".into(), value: Some("5s".into()) }).unwrap();
    net.run(3_000);
    net.assert_equal_views();
    let disk = |n| net.machines[&net::id(n)].disk.clone();
    ([disk(1), disk(2), disk(3)], net.time_ms + 1_000_000)
}

/// How a run goes through what can happen.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// All of it.
    All,
    /// On random paths from this seed, for so long.
    Random(u64, Duration),
}

/// What did not hold, and how one gets there.
struct Broken {
    property: &'static str,
    path: String,
}

fn look(name: &str, way: Way, model: Promotions) -> Result<(), Broken> {
    let limit = if let Way::Random(_, limit) = way { limit } else { limit() };
    let model = Promotions { leaves_out: way == Way::All, ..model };
    let checker = model.checker().threads(THREADS).timeout(limit).finish_when(HasDiscoveries::AnyFailures);
    match way {
        // Depth first needs the least memory; breadth first finds the shortest way.
        Way::All if std::env::var_os("HOSTLER_MODEL_SHORTEST").is_none() => report(name, way, &checker.spawn_dfs()),
        Way::All => report(name, way, &checker.spawn_bfs()),
        Way::Random(seed, _) => report(name, way, &checker.spawn_simulation(seed, UniformChooser)),
    }
}

fn report(name: &str, way: Way, checker: &impl Checker<Promotions>) -> Result<(), Broken> {
    let began = Instant::now();
    while !checker.is_done() {
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let took = began.elapsed();
    let broken = checker.discoveries().into_iter().find(|(property, _)| *property != SOMETIMES);
    let complete = took < limit() && broken.is_none();
    println!(
        "{name}: {} states{}, {} steps, depth {}, {} healed, {:.1} s, {}\n  {:?}",
        checker.unique_state_count(),
        if way == Way::All && complete { ", which are all" } else { "" },
        checker.state_count(),
        checker.max_depth(),
        checker.model().healed.load(Ordering::Relaxed),
        took.as_secs_f32(),
        if checker.discovery(SOMETIMES).is_some() { SOMETIMES } else { "no automatic promotion" },
        checker.model().bounds,
    );
    let Some((property, path)) = broken else {
        assert!(way != Way::All || complete, "{name}: not all states were seen in {:?}", limit());
        return Ok(());
    };
    let last = path.last_state().clone();
    let steps: Vec<String> = path.into_actions().iter().map(|a| format!("  {a:?}")).collect();
    let healed = heal::heal(checker.model(), &last);
    Err(Broken { property, path: format!("{}\n{last:?}\nhealed: {healed:?}", steps.join("\n")) })
}

/// Fails where a rule does not hold.
fn check(name: &str, start: Start, slow: bool, bounds: Bounds) {
    let heal_one_of = if wide() { HEAL_ONE_OF.1 } else { HEAL_ONE_OF.0 };
    hold(name, Way::All, Promotions::new(start, bounds, None, slow, heal_one_of));
}

fn hold(name: &str, way: Way, model: Promotions) {
    if let Err(broken) = look(name, way, model) {
        panic!("{name}: not true: {}\n{}", broken.property, broken.path);
    }
}

fn limit() -> Duration {
    if wide() { LIMITS.1 } else { LIMITS.0 }
}

fn wide() -> bool {
    std::env::var("HOSTLER_MODEL").is_ok_and(|v| v == "wide")
}

/// Narrow bounds for every run of the tests, and wide ones.
fn bounds(narrow: Bounds, broad: Bounds) -> Bounds {
    if wide() { broad } else { narrow }
}

const TWO_EPOCHS: Bounds = Bounds { epochs: 2, crashing: [true; 3], ..Bounds::NONE };
/// The former master stays as it is: the others are who decides.
const OTHERS: [bool; 3] = [false, true, true];

#[test]
fn an_election_while_time_passes() {
    let narrow = Bounds { times: 2, times_each: [0, 1, 1], ..TWO_EPOCHS };
    let broad = Bounds { times: 3, times_each: [1, 2, 2], duplicates: 1, ..narrow };
    check("an election", Start::CutOff, false, bounds(narrow, broad));
}

#[test]
fn an_election_while_brokers_crash() {
    let crashing = [false, false, true];
    let narrow = Bounds { times: 1, times_each: [0, 0, 1], crashes: 1, crashing, exchanges: 1, ..TWO_EPOCHS };
    let broad = Bounds { times_each: [0, 1, 1], crashing: OTHERS, exchanges: 2, ..narrow };
    check("an election with a crash", Start::CutOff, false, bounds(narrow, broad));
}

#[test]
fn an_election_while_an_old_disk_is_restored() {
    let narrow = Bounds { restores: 1, exchanges: 2, ..TWO_EPOCHS };
    let broad = Bounds { times: 1, times_each: [0, 1, 1], ..narrow };
    check("an election with a restored disk", Start::CutOff, false, bounds(narrow, broad));
}

#[test]
fn an_election_where_disks_and_answers_take_their_time() {
    let narrow = Bounds { crashes: 1, crashing: OTHERS, ..TWO_EPOCHS };
    let broad = Bounds { times: 1, times_each: [0, 1, 1], ..narrow };
    check("an election on slow disks", Start::CutOff, true, bounds(narrow, broad));
}

#[test]
fn an_election_while_messages_come_twice() {
    let narrow = Bounds { duplicates: 1, ..TWO_EPOCHS };
    let broad = Bounds { times: 1, times_each: [0, 1, 1], duplicates: 2, ..narrow };
    check("an election with messages twice", Start::CutOff, false, bounds(narrow, broad));
}

#[test]
fn promotions_forced_on_both_sides() {
    let narrow = Bounds { forced: 2, orders: 2, ..TWO_EPOCHS };
    let broad = Bounds { exchanges: 1, ..narrow };
    check("forced on both sides", Start::CutOff, false, bounds(narrow, broad));
}

#[test]
fn the_list_of_voters_changes_during_an_election() {
    let narrow = Bounds { times: 1, times_each: [1, 1, 1], changes: 1, ..TWO_EPOCHS };
    let broad = Bounds { exchanges: 1, ..narrow };
    check("another list of voters", Start::CutOff, false, bounds(narrow, broad));
}

#[test]
fn the_list_of_voters_changes_before_the_master_is_lost() {
    let narrow = Bounds { times: 2, times_each: [0, 1, 1], changes: 1, ..TWO_EPOCHS };
    let broad = Bounds { times: 3, times_each: [1, 2, 2], ..narrow };
    check("another list of voters before", Start::Whole, false, bounds(narrow, broad));
}

#[test]
fn a_master_hands_over_while_brokers_crash() {
    let narrow = Bounds { planned: 1, crashes: 1, duplicates: 1, ..TWO_EPOCHS };
    let broad = Bounds { times: 2, times_each: [1, 1, 1], ..narrow };
    check("a planned promotion", Start::Whole, false, bounds(narrow, broad));
}

/// Every kind of fault may happen on one path, each once: all orders of them. The same with wide bounds: with one more
/// command, or one more broker that crashes, all orders are too many for minutes.
#[test]
fn every_kind_of_fault_together() {
    let bounds = Bounds {
        crashes: 1,
        restores: 1,
        crashing: [false, false, true],
        duplicates: 1,
        forced: 2,
        changes: 1,
        ..TWO_EPOCHS
    };
    check("every kind of fault", Start::CutOff, false, bounds);
}

/// Everything at once, further than all of it could be looked at.
#[test]
fn random_walks_through_all_of_it() {
    let bounds = Bounds {
        times: 8,
        times_each: [3; 3],
        exchanges: 5,
        crashes: 2,
        restores: 1,
        duplicates: 2,
        forced: 2,
        orders: 2,
        changes: 1,
        planned: 1,
        epochs: 4,
        ..TWO_EPOCHS
    };
    let time = Duration::from_secs(if wide() { 120 } else { 8 });
    for (seed, start, slow) in [(1, Start::CutOff, true), (2, Start::Whole, false)] {
        let model = Promotions::new(start, bounds, None, slow, HEAL_ONE_OF.0);
        hold("random walks", Way::Random(seed, time), model);
    }
}

/// The same bounds, with the fault and without it: the check sees the difference.
#[test]
fn a_planted_fault_is_found() {
    let times_each = [0, 0, 2];
    let crashing = [false, false, true];
    let bounds = Bounds { times: 2, times_each, crashes: 1, crashing, exchanges: 2, ..TWO_EPOCHS };
    let model = |fault| Promotions::new(Start::CutOff, bounds, fault, false, u64::MAX);
    let broken = look("votes sent unstored", Way::All, model(Some(Fault::VoteSentUnstored))).unwrap_err();
    // Whichever comes first: two votes with one number, or the second event in the place of the forgotten vote.
    let properties = ["a vote is never taken back", "no fork, no forgery"];
    assert!(properties.contains(&broken.property), "{}: {}", broken.property, broken.path);
    println!("{}", broken.path);
    if wide() {
        hold("votes stored first", Way::All, model(None));
    } else {
        hold("votes stored first", Way::Random(3, Duration::from_secs(5)), model(None));
    }
}
