//! The sessions of one host: the one truth about them. Connections attach to sessions here, the picture is drawn from
//! here, and whoever reports or orders about sessions does it here. Nothing in it knows RDP.

use hostler_model::{Name, UserName, limits};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::watch;

/// How long a message stays on the picture.
pub const MESSAGE_SHOWN: Duration = Duration::from_secs(10);
/// Lines of explanation that a session keeps; more are left out.
pub const WHY_LINES: usize = 32;

/// A session's number on its host; never used twice while the host runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionNumber(pub u32);

impl fmt::Display for SessionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether somebody looks at a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionState {
    /// A client is connected to it.
    Active,
    /// It waits for its user.
    Disconnected,
}

/// Why the table did not do what was asked.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TableError {
    /// It ended, or never was.
    #[error("session {0} is not on this host: list the sessions to see which are")]
    NoSuchSession(SessionNumber),
    /// As many sessions as one host can report.
    #[error("this host has {limit} sessions, more it can't hold: log some off", limit = limits::SESSIONS_PER_HOST)]
    Full,
    /// A message that does not fit.
    #[error("a message may have {limit} bytes at most; this one has {0}: shorten it", limit = limits::TEXT_BYTES)]
    TextTooLong(usize),
}

/// A session as a list shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionEntry {
    /// Its number.
    pub number: SessionNumber,
    /// Whose it is.
    pub user: UserName,
    /// Which published item runs in it.
    pub item: Name,
    /// Whether a client is connected.
    pub state: SessionState,
    /// When it began.
    pub started_at: SystemTime,
}

/// A session as its user sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionView {
    /// Its number.
    pub number: SessionNumber,
    /// Whose it is.
    pub user: UserName,
    /// Which published item runs in it.
    pub item: Name,
    /// When it began.
    pub began: Instant,
    /// Why the user landed here, in lines.
    pub why: Vec<String>,
    /// A message of the administrator, while it is to be seen.
    pub message: Option<String>,
}

/// What a connection finds when it looks at its session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Look {
    /// The session is here and this connection's.
    Shown(SessionView),
    /// The session was disconnected by an order, or another connection of the user took it over.
    Detached,
    /// The session is no more.
    LoggedOff,
}

struct Session {
    user: UserName,
    item: Name,
    why: Vec<String>,
    started_at: SystemTime,
    began: Instant,
    connection: Option<u64>,
    message: Option<(String, Instant)>,
}

#[derive(Default)]
struct State {
    sessions: BTreeMap<SessionNumber, Session>,
    last_number: u32,
    last_connection: u64,
}

struct Shared {
    state: Mutex<State>,
    changes: watch::Sender<u64>,
}

/// The sessions of one host. A clone is the same table.
#[derive(Clone)]
pub struct SessionTable(Arc<Shared>);

impl Default for SessionTable {
    fn default() -> Self {
        Self(Arc::new(Shared { state: Mutex::default(), changes: watch::Sender::new(0) }))
    }
}

impl SessionTable {
    /// Connects somebody to the session that `user` has for `item`, or to a new one. Who was connected to it before is
    /// disconnected. A new explanation replaces the old one, unless it is empty.
    ///
    /// # Errors
    /// [`TableError::Full`]
    pub fn attach(&self, user: &UserName, item: &Name, why: &[String]) -> Result<Attachment, TableError> {
        let mut state = self.state();
        state.last_connection += 1;
        let connection = state.last_connection;
        let known = state.sessions.iter().find(|(_, s)| s.user == *user && s.item.key() == item.key()).map(|(n, _)| *n);
        let number = match known {
            Some(number) => number,
            None if state.sessions.len() >= limits::SESSIONS_PER_HOST => return Err(TableError::Full),
            None => {
                state.last_number += 1;
                let number = SessionNumber(state.last_number);
                let (user, item) = (user.clone(), item.clone());
                let (started_at, began) = (SystemTime::now(), Instant::now());
                let session =
                    Session { user, item, why: Vec::new(), started_at, began, connection: None, message: None };
                state.sessions.insert(number, session);
                number
            }
        };
        if let Some(session) = state.sessions.get_mut(&number) {
            session.connection = Some(connection);
            if !why.is_empty() {
                session.why = why.iter().take(WHY_LINES).cloned().collect();
            }
        }
        drop(state);
        self.changed();
        Ok(Attachment { table: self.clone(), number, connection })
    }

    /// All sessions, in the order in which they began.
    #[must_use]
    pub fn list(&self) -> Vec<SessionEntry> {
        let entry = |(number, session): (&SessionNumber, &Session)| SessionEntry {
            number: *number,
            user: session.user.clone(),
            item: session.item.clone(),
            state: if session.connection.is_some() { SessionState::Active } else { SessionState::Disconnected },
            started_at: session.started_at,
        };
        self.state().sessions.iter().map(entry).collect()
    }

    /// Ends the connection to a session; the session stays and waits for its user.
    ///
    /// # Errors
    /// [`TableError::NoSuchSession`]
    pub fn disconnect(&self, number: SessionNumber) -> Result<(), TableError> {
        self.on_session(number, |session| session.connection = None)
    }

    /// Ends a session, and the connection to it.
    ///
    /// # Errors
    /// [`TableError::NoSuchSession`]
    pub fn log_off(&self, number: SessionNumber) -> Result<(), TableError> {
        self.state().sessions.remove(&number).ok_or(TableError::NoSuchSession(number))?;
        self.changed();
        Ok(())
    }

    /// Puts a message on a session's picture, for [`MESSAGE_SHOWN`]. It replaces an earlier one.
    ///
    /// # Errors
    /// [`TableError::NoSuchSession`], [`TableError::TextTooLong`]
    pub fn message(&self, number: SessionNumber, text: &str) -> Result<(), TableError> {
        if text.len() > limits::TEXT_BYTES {
            return Err(TableError::TextTooLong(text.len()));
        }
        self.on_session(number, |session| session.message = Some((text.to_string(), Instant::now() + MESSAGE_SHOWN)))
    }

    /// A receiver that wakes up whenever anything in the table changed. It says that, not what: look at [`Self::list`].
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    fn on_session(&self, number: SessionNumber, change: impl FnOnce(&mut Session)) -> Result<(), TableError> {
        change(self.state().sessions.get_mut(&number).ok_or(TableError::NoSuchSession(number))?);
        self.changed();
        Ok(())
    }

    fn changed(&self) {
        self.0.changes.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// No step in here leaves the state half changed, so a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection to one session. Dropping it disconnects the session, if it is still this connection's.
pub struct Attachment {
    table: SessionTable,
    number: SessionNumber,
    connection: u64,
}

impl Attachment {
    /// The session's number.
    #[must_use]
    pub fn number(&self) -> SessionNumber {
        self.number
    }

    /// The table that the session is in.
    #[must_use]
    pub fn table(&self) -> &SessionTable {
        &self.table
    }

    /// The session, as it is now.
    #[must_use]
    pub fn look(&self) -> Look {
        let state = self.table.state();
        match state.sessions.get(&self.number) {
            None => Look::LoggedOff,
            Some(session) if session.connection != Some(self.connection) => Look::Detached,
            Some(session) => Look::Shown(SessionView {
                number: self.number,
                user: session.user.clone(),
                item: session.item.clone(),
                began: session.began,
                why: session.why.clone(),
                message: session
                    .message
                    .as_ref()
                    .filter(|(_, until)| *until > Instant::now())
                    .map(|(text, _)| text.clone()),
            }),
        }
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        let mut state = self.table.state();
        let Some(session) = state.sessions.get_mut(&self.number) else { return };
        if session.connection == Some(self.connection) {
            session.connection = None;
            drop(state);
            self.table.changed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attach(table: &SessionTable, user: &str, item: &str) -> Attachment {
        table.attach(&user.parse().unwrap(), &item.parse().unwrap(), &[format!("{user} asked for {item}")]).unwrap()
    }

    fn states(table: &SessionTable) -> Vec<(u32, String, String, SessionState)> {
        let row = |e: SessionEntry| (e.number.0, e.user.to_string(), e.item.to_string(), e.state);
        table.list().into_iter().map(row).collect()
    }

    #[test]
    fn the_life_of_a_session() {
        use SessionState::{Active, Disconnected};
        let table = SessionTable::default();
        let row = |number, user: &str, item: &str, state| (number, user.to_string(), item.to_string(), state);

        let first = attach(&table, "alice", "Desktop");
        let other_item = attach(&table, "alice", "Editor");
        assert_eq!(states(&table), [row(1, "alice", "Desktop", Active), row(2, "alice", "Editor", Active)]);

        let second = attach(&table, "Alice", "desktop");
        assert_eq!((first.look(), second.number()), (Look::Detached, first.number()), "the later one takes over");
        drop(first);
        assert_eq!(
            states(&table)[0],
            row(1, "alice", "Desktop", Active),
            "the one that lost it does not disconnect it"
        );

        drop(second);
        assert_eq!(states(&table)[0], row(1, "alice", "Desktop", Disconnected));

        table.disconnect(other_item.number()).unwrap();
        assert_eq!(other_item.look(), Look::Detached);
        table.log_off(other_item.number()).unwrap();
        assert_eq!(other_item.look(), Look::LoggedOff);
        assert_eq!(states(&table), [row(1, "alice", "Desktop", Disconnected)]);
        assert_eq!(attach(&table, "alice", "Editor").number(), SessionNumber(3), "a number is not used twice");
    }

    #[test]
    fn orders_about_sessions_that_are_not_there() {
        let table = SessionTable::default();
        let gone = SessionNumber(7);
        for result in [table.disconnect(gone), table.log_off(gone), table.message(gone, "hello")] {
            assert_eq!(result, Err(TableError::NoSuchSession(gone)));
        }
        let alice = attach(&table, "alice", "Desktop");
        let long = "x".repeat(limits::TEXT_BYTES + 1);
        assert_eq!(table.message(alice.number(), &long), Err(TableError::TextTooLong(long.len())));
    }

    #[test]
    fn a_full_table_takes_known_sessions_only() {
        let table = SessionTable::default();
        for n in 0..limits::SESSIONS_PER_HOST {
            attach(&table, &format!("user{n}"), "Desktop");
        }
        let item: Name = "Desktop".parse().unwrap();
        assert_eq!(table.attach(&"late".parse().unwrap(), &item, &[]).err(), Some(TableError::Full));
        assert_eq!(attach(&table, "user0", "Desktop").number(), SessionNumber(1));
    }

    #[test]
    fn every_change_wakes_subscribers() {
        let table = SessionTable::default();
        let mut changes = table.subscribe();
        let mut woken = || {
            let yes = changes.has_changed().unwrap();
            changes.mark_unchanged();
            yes
        };
        let alice = attach(&table, "alice", "Desktop");
        assert!(woken());
        table.message(alice.number(), "Back up at noon").unwrap();
        assert!(woken());
        assert!(matches!(alice.look(), Look::Shown(view) if view.message.as_deref() == Some("Back up at noon")
            && view.why == ["alice asked for Desktop"]));
        table.disconnect(alice.number()).unwrap();
        assert!(woken());
        drop(alice);
        assert!(!woken(), "it was disconnected already");
    }
}
