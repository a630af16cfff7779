//! The machine of a site: every rule, with exact outputs.
#![allow(clippy::unwrap_used)] // In a test a failed one should stop it.

#[path = "../common/mod.rs"]
mod common;
mod hosts;
mod placing;
mod sessions;

use hostler_seating::report::{Report, Session};

fn with_sessions(sessions: Vec<Session>) -> Report {
    Report { sessions, ..common::report(0) }
}
