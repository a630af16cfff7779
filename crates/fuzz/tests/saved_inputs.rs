//! All inputs that fuzzers found worth keeping, and what once was a fault.

#![allow(clippy::unwrap_used, reason = "a failed test should stop there")]

use hostler_fuzz::{Meter, TARGETS};
use std::fs;
use std::path::Path;

#[global_allocator]
static METER: Meter = Meter;

/// A target with fewer was never run.
const INPUTS: usize = 20;

#[test]
fn every_saved_input_passes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus");
    for (name, oracle) in TARGETS {
        let mut inputs: Vec<_> = fs::read_dir(corpus.join(name)).unwrap().map(|e| e.unwrap().path()).collect();
        inputs.sort();
        assert!(inputs.len() >= INPUTS, "{name} has only {} inputs", inputs.len());
        for input in inputs {
            let bytes = fs::read(&input).unwrap();
            // Said before, so that it stands above the panic's message.
            println!("{}", input.display());
            oracle(&bytes);
        }
    }
}

#[test]
fn every_target_has_a_program() {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/fuzz_targets");
    for (name, _) in TARGETS {
        let text = fs::read_to_string(targets.join(format!("{name}.rs"))).unwrap();
        assert!(text.contains(&format!("hostler_fuzz::{name}(data)")), "{name}");
    }
}
