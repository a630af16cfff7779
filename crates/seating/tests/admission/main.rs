//! The machine of a host: every rule, with exact outputs.
#![allow(clippy::unwrap_used)] // In a test a failed one should stop it.

#[path = "../common/mod.rs"]
mod common;
mod gate;
mod seats;
mod sessions;
