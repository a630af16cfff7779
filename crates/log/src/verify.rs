//! Examines a log: is every event there, in its place, as it was written, and signed by who it says?
//!
//! [`Verifier`] takes the events and finds those that can't be read or are not in their place. [`Examined`] then knows all
//! of them: it checks that each follows the one before it, that what events say of each other is so, and the signatures,
//! which takes most of the time and may be spread over threads. The keys come from the log itself, beginning with the
//! founder's; whoever wants to be sure that it is the right farm compares the founder's id.

mod affected;
mod branches;
mod examined;
mod finding;
mod keys;
mod verifier;

pub use affected::{Affected, SHOWN};
pub use examined::Examined;
pub use finding::{Fault, Finding};
pub use verifier::{IdOf, Verifier};

/// Findings that are kept; beyond that they are only counted.
pub const FINDINGS: usize = 1_000;
