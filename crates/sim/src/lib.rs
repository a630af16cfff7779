//! A simulator: the real machines of brokers (`hostler-node`) and hosts (`hostler-seating`), the real codec and the log
//! in memory, on a virtual clock, under every fault that a scenario names. No I/O but in [`suite`], no threads but those
//! that run several seeds at once, and no chance but by the seed: the same seed gives the same run, byte for byte.
//!
//! A [`Scenario`] and a seed make a plan ([`plan`]); a plan is carried out in a world of machines, disks, clocks and a
//! network; invariants watch it. What a failure was is kept as a plan, which is a scenario again.

mod check;
pub mod dice;
pub mod marks;
pub mod plan;
pub mod planted;
pub mod run;
pub mod scenario;
pub mod stats;
pub mod suite;
mod world;

pub use check::NAMES as INVARIANTS;
pub use planted::{CAN_PLANT, Planted};
pub use run::{Campaign, Detail, Outcome, Prepared, Summary, Violation, shrink};
pub use scenario::{Scenario, ScenarioError};
pub use world::SetupError;
