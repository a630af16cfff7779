//! The broker service: actors around the machines of `hostler_node` and `hostler_seating`, and REST. What is decided is
//! decided in those machines; here are sockets, disks and clocks.
//!
//! The way of a seat: `actors::gateway_link` or `rest` → [`Handle`] → (the home broker, over `actors::peer_link`) →
//! `actors::site` → `actors::agent_link` → the agent, and back. The way of a command: `rest` → [`Handle`] →
//! `actors::node` → the log's thread → `actors::peer_link` → the other brokers.

mod actors;
pub mod backend;
pub mod backup;
mod catalog;
#[cfg(test)]
mod catalog_test;
mod clock;
mod config;
mod farm;
mod handle;
mod join;
mod logons;
mod overlap;
pub mod rest;
mod rotation;
mod run;
mod shared;
mod stored;

pub use clock::Clock;
pub use config::{BrokerConfig, Listen, TrustedBroker};
pub use handle::Handle;
pub use run::{Broker, StartError};
