//! A session host whose sessions are what a test says.

use hostler_agent::sources::{self, FoundSession, Listing, SessionSource, SessionState, SourceError};
use hostler_seating::report::SessionKind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

#[derive(Default)]
struct State {
    listing: Listing,
    /// What was done, in words.
    done: Vec<String>,
    fails: bool,
    panics: bool,
    held: bool,
    /// Calls that have begun.
    calls: u64,
}

/// What the source shows, and what was done to it. A clone is the same.
#[derive(Clone)]
pub(crate) struct Script(Arc<(Mutex<State>, Condvar)>, SessionKind);

impl Script {
    pub(crate) fn new(kind: SessionKind) -> Self {
        Self(Arc::default(), kind)
    }

    pub(crate) fn source(&self) -> Box<dyn SessionSource> {
        Box::new(Source(self.clone()))
    }

    /// A session begins.
    pub(crate) fn begin(&self, key: &str, user: &str) {
        self.state().listing.sessions.push(FoundSession {
            key: key.into(),
            user: user.into(),
            item: None,
            state: SessionState::Active,
            started_at_ms: 1_700_000_000_000,
            display: None,
            command: None,
            window_manager: None,
        });
    }

    pub(crate) fn end(&self, key: &str) {
        self.state().listing.sessions.retain(|session| session.key != key);
    }

    pub(crate) fn done(&self) -> Vec<String> {
        self.state().done.clone()
    }

    /// Every call fails, or does no longer.
    pub(crate) fn fail(&self, fails: bool) {
        self.state().fails = fails;
    }

    pub(crate) fn panic(&self, panics: bool) {
        self.state().panics = panics;
    }

    /// Calls wait until they are let go.
    pub(crate) fn hold(&self, held: bool) {
        self.state().held = held;
        self.0.1.notify_all();
    }

    pub(crate) fn calls(&self) -> u64 {
        self.state().calls
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap()
    }

    fn call<T>(&self, act: impl FnOnce(&mut State) -> T) -> Result<T, SourceError> {
        let mut state = self.state();
        state.calls += 1;
        let mut state = self.0.1.wait_while(state, |state| state.held).unwrap();
        if state.panics {
            drop(state);
            panic!("the source was told to panic");
        }
        if state.fails { Err(SourceError::TooManyMessages { limit: 0 }) } else { Ok(act(&mut state)) }
    }
}

struct Source(Script);

impl SessionSource for Source {
    fn name(&self) -> &'static str {
        "script"
    }

    fn kind(&self) -> sources::SessionKind {
        match self.0.1 {
            SessionKind::PerUser => sources::SessionKind::PerUser,
            SessionKind::PerItem => sources::SessionKind::PerItem,
        }
    }

    fn list(&mut self) -> Result<Listing, SourceError> {
        self.0.call(|state| state.listing.clone())
    }

    fn disconnect(&mut self, session: &FoundSession) -> Result<(), SourceError> {
        self.0.call(|state| {
            state.done.push(format!("disconnect {}", session.key));
            for found in state.listing.sessions.iter_mut().filter(|found| found.key == session.key) {
                found.state = SessionState::Disconnected;
            }
        })
    }

    fn log_off(&mut self, session: &FoundSession) -> Result<(), SourceError> {
        self.0.call(|state| {
            state.done.push(format!("log off {}", session.key));
            state.listing.sessions.retain(|found| found.key != session.key);
        })
    }

    fn message(&mut self, session: &FoundSession, text: &str) -> Result<(), SourceError> {
        self.0.call(|state| state.done.push(format!("tell {}: {text}", session.key)))
    }
}
