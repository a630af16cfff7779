//! The event log: the trait [`EventLog`], the rules that every log keeps (in [`Group`]), the in-memory log, a log whose
//! disk fails on demand, and one conformance suite for all of them. No files and no threads here: the log that keeps
//! its events on a disk is `log-rocks`. Also how a log becomes one file ([`export`]) and how one is examined ([`verify`]).
//!
//! With the feature `testing` come the conformance suite and signed chains of events for other crates' tests.

mod branches;
mod checkpoint;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
mod error;
mod event_log;
pub mod export;
mod faulty;
mod group;
pub mod limits;
mod memory;
mod state_key;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod verify;
mod write;

pub use branches::Branches;
pub use checkpoint::Checkpoint;
pub use error::LogError;
pub use event_log::EventLog;
pub use faulty::{Fault, FaultyLog};
pub use group::{Group, Taken};
pub use memory::MemoryLog;
pub use state_key::StateKey;
pub use write::Write;
