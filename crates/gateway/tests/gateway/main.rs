//! A gateway between real sockets: brokers that only pretend, hosts that only echo, and clients that send a first
//! packet and look at what comes back.

#![allow(clippy::unwrap_used, reason = "a failed test should stop there")]

mod doors;
mod failover;
mod fake_broker;
mod fake_host;
mod fencing;
mod limits;
mod lists;
mod log_lines;
mod refusals;
mod site;
