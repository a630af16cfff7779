//! The agent service on a session host and its session sources.
//!
//! [`Agent::start`] (or [`run`], for a process that is nothing else) starts it. The `Host` actor holds the machine of
//! the host, `hostler_seating::admission`, which makes all decisions; a `BrokerLink` actor for each broker of the site
//! carries what is said; a thread looks after the [`sources::SessionSource`]. What is decided about seats, tickets and
//! sessions must not stand here, and neither must anything that knows one kind of session host, except in `sources`.

mod agent;
mod agent_error;
mod arbiters;
mod broker_book;
mod broker_link;
mod clock;
mod config;
mod disk;
mod host;
mod key_links;
mod load;
mod once;
mod source_thread;
pub mod sources;
mod store;
mod translate;

pub use agent::{Agent, AgentHandle, run};
pub use agent_error::AgentError;
pub use config::{AgentConfig, POLL_MS};
pub use store::StoreError;
