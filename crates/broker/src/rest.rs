//! REST, under [`BASE`]: what the command line, the console and other programs ask of a broker.
//!
//! A request goes one way: [`server`] (TLS with the broker's key) → `guard` (limits, a span, the time it may take) →
//! `caller` (whose token it is, and what they may do) → `endpoints` → [`crate::backend::Backend`]. What an endpoint
//! answers is a type in its own file, which the command line reads too. Nothing is decided here that a machine decides:
//! commands are authorised again in `hostler_node`.

mod api_token;
mod body;
mod caller;
mod endpoints;
mod find;
mod guard;
mod login_limits;
mod login_token;
mod openapi;
mod password;
mod problem;
mod server;
mod signatures;
mod site_asked;
#[cfg(test)]
pub(crate) mod testing;

pub use endpoints::{CommandReply, Labelled};
pub use endpoints::{
    admins, alarms, api_tokens, audit, brokers, connections, export, gateways, groups, hosts, items, log, login, past,
    sessions, settings, sites, status, tokens, users,
};
pub use openapi::openapi_json;
pub use password::{PASSWORD_BYTES, PASSWORD_CHARACTERS, PasswordError, hash_password};
pub use problem::Problem;
pub use server::{RestError, RestOptions, serve};

/// The path before every endpoint.
pub const BASE: &str = "/api/v1";
/// A request's body, in bytes.
pub const BODY_BYTES: usize = 64 * 1024;
/// Requests that are being answered at the same time; more are told to come back.
pub const REQUESTS: usize = 256;
/// Connections that one worker keeps open.
pub const CONNECTIONS: usize = 1_024;
/// How long a request may take, in ms, its body included: a slow sender must not keep others out.
pub const REQUEST_MS: u64 = 30_000;
/// Passwords that are hashed at the same time: each takes 19 MiB and a core for a while.
pub const HASHES: usize = 4;
