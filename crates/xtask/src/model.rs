//! `cargo xtask model`: the promotion rules under the model checker, optimised and with wide bounds. What it prints is
//! kept in docs/promotion-model.md.

use anyhow::Result;

use crate::{cargo::cargo, process};

/// The arguments after `cargo test` or `cargo nextest run` that name the check. Its feature is in no program.
pub(crate) const CHECK: [&str; 6] =
    ["--package", "hostler-node", "--features", "planted-faults", "--test", "promotion_model"];

pub(crate) fn run(narrow: bool) -> Result<bool> {
    let mut command = cargo(&["test", "--profile", "model"]);
    command.args(CHECK).args(["--", "--nocapture", "--test-threads=1"]);
    if !narrow {
        command.env("HOSTLER_MODEL", "wide");
    }
    process::succeeds(&mut command)
}
