//! The trait that every session source implements.

use super::{FoundSession, Listing, SourceError};

/// How many sessions a user can have on a host of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionKind {
    /// One session per user: a second logon takes the first one over, and what it asked to start is ignored.
    PerUser,
    /// One session for each item that the user opens.
    PerItem,
}

/// Sees and steers the sessions of one host.
///
/// The calls block (they read files and start programs, each with a limit of a few seconds), so the agent keeps a
/// source on a thread of its own. `list` is called again and again, at least every few seconds: work that takes longer
/// than one call, such as ending a session that does not want to end, goes on in it.
pub trait SessionSource: Send {
    /// What the source is called in logs and reports, for instance `xrdp`.
    fn name(&self) -> &'static str;

    /// How many sessions a user can have here.
    fn kind(&self) -> SessionKind;

    /// All sessions and logons in flight, as they are now.
    fn list(&mut self) -> Result<Listing, SourceError>;

    /// Takes the client's connection away and leaves the session running. Does nothing if no client is connected.
    fn disconnect(&mut self, session: &FoundSession) -> Result<(), SourceError>;

    /// Begins to end the session. Its end shows in a later listing: programs get some seconds to save their work.
    fn log_off(&mut self, session: &FoundSession) -> Result<(), SourceError>;

    /// Shows a text to the session's user and does not wait for it to be read.
    fn message(&mut self, session: &FoundSession, text: &str) -> Result<(), SourceError>;
}
