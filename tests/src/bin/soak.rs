//! Lets a farm of real processes run under faults: `soak MINUTES FOLDER [SEED]`. `cargo xtask soak` builds and starts it.
//! Whatever does not hold is said, with the folder in FOLDER that keeps everything; the exit code is 1 then.

use std::time::Duration;

use anyhow::{Context, Result};
use hostler_tests::soak;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let minutes: f64 = args.next().context("for how many minutes?")?.parse()?;
    let keep_in = args.next().context("in which folder are failures kept?")?.into();
    let seed = args.next().map_or_else(|| Ok(rand::random()), |seed| seed.parse())?;
    let options = soak::Options { lasts: Duration::from_secs_f64(60.0 * minutes), seed, keep_in };
    print!("{}", soak::run(&options)?);
    Ok(())
}
