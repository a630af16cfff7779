//! How fast the simulator is: an ordinary day of 3 brokers, 30 hosts and 20 logons a second, on one core. What criterion
//! counts as elements are simulated seconds.
#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hostler_sim::{Detail, Prepared, Scenario};
use std::hint::black_box;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DAY: &str = include_str!("../../../simulations/fast/working-day.toml");

fn speed(criterion: &mut Criterion) {
    let scenario = Scenario::parse(DAY).expect("the scenario is one");
    let day = Prepared::new(scenario).expect("its farm can be made");
    let simulated_ms = day.run(1, Detail::Figures).stats.simulated_ms;
    let mut group = criterion.benchmark_group("simulation");
    group.sample_size(10).throughput(Throughput::Elements(simulated_ms / 1_000));
    group.bench_function("3 brokers, 30 hosts, 20 logons/s", |bencher| {
        bencher.iter(|| black_box(day.run(1, Detail::Figures)));
    });
    group.finish();
}

criterion_group!(benches, speed);
criterion_main!(benches);
