//! What a source reports: one session, and all of them at one moment.

use hostler_model::ItemId;

/// Whether someone looks at the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// A client is connected.
    Active,
    /// The session runs on without a client, and can be taken up again.
    Disconnected,
}

/// One session of a user on this host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FoundSession {
    /// Names the session on this host: the same as long as it lives, and never used again for another one.
    pub key: String,
    /// The account's name, as the host's account database spells it.
    pub user: String,
    /// The published item that it was begun for, where the source knows.
    pub item: Option<ItemId>,
    /// Whether a client is connected now.
    pub state: SessionState,
    /// When it began, in milliseconds since 1970 by the host's clock. It stays the same when that clock is set.
    pub started_at_ms: u64,
    /// The X display's number, where there is one.
    pub display: Option<u32>,
    /// The window manager or the application that the session consists of, as far as it is known.
    pub command: Option<String>,
    /// The process that the session stands and falls with.
    pub window_manager: Option<u32>,
}

/// Everything that a source saw in one look at the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The sessions, ordered by key's age: the oldest first.
    pub sessions: Vec<FoundSession>,
    /// Logons that have begun and are not yet a session.
    pub logons_in_flight: u32,
}
