//! The agent as brokers and session hosts see it: brokers and a session source of the tests' own, real links between.

#![allow(clippy::unwrap_used, reason = "a failed test should stop there")]

mod brokers;
mod fencing;
mod orders;
mod restart;
mod seating;
mod source;
mod support;
