//! REST and the command line together: a broker's REST server over real TLS on loopback, in front of a real node with
//! its log in memory; asked by a plain HTTP client, and by the program `hostler` itself.

#![allow(clippy::unwrap_used, reason = "a failed test should stop there")]

mod commands;
mod damage;
mod fake;
mod rest;
mod server;
mod simulate;
mod sites;
mod verify;
