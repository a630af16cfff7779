//! Session sources: how the agent learns which sessions run on its host, and how it ends them.
//!
//! A source is what ties the agent to one kind of session host. It lives here, one module each; what the agent does
//! with the sessions (reports, seats, orders) must not. A new kind of host is a new module and a new implementation of
//! [`SessionSource`]; nothing else changes.

mod found_session;
mod process;
mod source;
mod source_error;
mod user_account;
mod xrdp;

pub use found_session::{FoundSession, Listing, SessionState};
pub use source::{SessionKind, SessionSource};
pub use source_error::SourceError;
pub use xrdp::XrdpSource;
