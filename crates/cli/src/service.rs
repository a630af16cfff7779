//! The commands that run on a member's own machine: begin a farm, join one, and run a broker, a gateway or an agent.

mod config;
mod init;
mod join;
mod logging;
mod member;
mod run;

pub(crate) use config::DEFAULT_CONFIG;
pub(crate) use init::{InitArgs, init};
pub(crate) use join::{JoinArgs, join};
pub(crate) use run::{RunArgs, run_agent, run_broker, run_gateway};
