//! A short soak: see `hostler_tests::soak`. `cargo xtask soak` lets one go on for as long as wanted.
#![allow(clippy::unwrap_used)] // In a test a failed one should stop it.

use std::time::Duration;

use hostler_tests::{skip, soak};

/// Chooses another run.
const SEED: &str = "HOSTLER_SEED";
const LASTS: Duration = Duration::from_secs(40);

#[test]
fn faults_for_a_while() {
    if skip::without_networks("faults_for_a_while") {
        return;
    }
    let seed = std::env::var(SEED).ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let options = soak::Options { lasts: LASTS, seed, keep_in: std::env::temp_dir().join("hostler-soak") };
    let report = soak::run(&options).unwrap_or_else(|error| panic!("{error:#}"));
    print!("{report}");
    assert!(report.rounds >= 3 && report.acknowledged > 300, "too little was tried:\n{report}");
}
