//! How fast the simulator is: an ordinary day of 3 brokers, 30 hosts and 20 logons a second, on one core. No criterion:
//! it would be built, optimised, wherever simulations are run, and one run is long enough to measure.
#![allow(missing_docs)]

use hostler_sim::{Detail, Prepared, Scenario};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DAY: &str = include_str!("../../../simulations/fast/working-day.toml");
const NAME: &str = "simulation/3 brokers, 30 hosts, 20 logons/s";
/// Runs; the first of them only warms up.
const RUNS: u64 = 11;

fn main() {
    // cargo says `--bench`; what else is said filters by name.
    if std::env::args().skip(1).any(|wanted| !wanted.starts_with('-') && !NAME.contains(&wanted)) {
        return;
    }
    let scenario = Scenario::parse(DAY).expect("the scenario is one");
    let day = Prepared::new(scenario).expect("its farm can be made");
    let mut speeds: Vec<u128> = (0..RUNS)
        .map(|seed| {
            let begun = Instant::now();
            let outcome = black_box(day.run(seed, Detail::Figures));
            assert_eq!(outcome.violation, None, "seed {seed}");
            let took = begun.elapsed().max(Duration::from_millis(1));
            u128::from(outcome.stats.simulated_ms) * 1_000 / took.as_micros()
        })
        .skip(1)
        .collect();
    speeds.sort_unstable();
    let median = speeds[speeds.len() / 2];
    println!(
        "{NAME}: {median} simulated s/s on one core (median of {}; {} to {})",
        speeds.len(),
        speeds[0],
        speeds[speeds.len() - 1]
    );
}
