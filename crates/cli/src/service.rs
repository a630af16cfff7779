//! The commands that run on a member's own machine: begin a farm, join one, and run a broker, a gateway or an agent.

mod config;
mod init;
mod join;
mod keys;
mod logging;
mod member;
mod restore;
mod run;
mod sections;
mod standing;

pub(crate) use config::{DEFAULT_CONFIG, LocalConfig};
pub(crate) use init::{InitArgs, init};
pub(crate) use join::{JoinArgs, join};
pub(crate) use keys::rotate_keys;
pub(crate) use restore::restore;
pub(crate) use run::{RunArgs, run_agent, run_broker, run_gateway};
pub(crate) use sections::{NewRole, wanted, with_roles};
pub(crate) use standing::{LocalStanding, local_standing};
