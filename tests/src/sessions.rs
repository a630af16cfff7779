//! Looks at a host's sessions with the project's own session source, run inside the host by the program
//! `list-sessions`. That program and this module speak JSON to each other; the forms are here.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};

use crate::lab::Host;
use crate::wait;

/// What `list-sessions` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionList {
    /// The sessions, the oldest first.
    pub sessions: Vec<Session>,
    /// Logons that are no session yet.
    pub logons_in_flight: u32,
}

/// One session, as the source reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The source's name for it.
    pub key: String,
    /// Its user.
    pub user: String,
    /// Whether a client is connected.
    pub active: bool,
    /// When it began, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// Its X display.
    pub display: Option<u32>,
    /// What it consists of.
    pub command: Option<String>,
}

/// The session source of one host, as seen from outside.
#[derive(Debug)]
pub struct Sessions<'a> {
    host: &'a Host,
    program: PathBuf,
}

impl<'a> Sessions<'a> {
    /// `program` is the built `list-sessions`; a test knows it as `env!("CARGO_BIN_EXE_list-sessions")`.
    pub fn of(host: &'a Host, program: impl Into<PathBuf>) -> Self {
        Self { host, program: program.into() }
    }

    /// What is there now.
    pub fn list(&self) -> Result<SessionList> {
        let text = self.host.run(&self.program, &[])?;
        serde_json::from_str(&text).with_context(|| format!("list-sessions printed {text:?}"))
    }

    /// Runs `list-sessions` with an order.
    pub fn order(&self, args: &[&str]) -> Result<()> {
        self.host.run(&self.program, args).map(|_| ())
    }

    /// Waits until there is exactly one session and it is as wanted.
    pub fn wait_for_one(
        &self,
        what: &str,
        within: Duration,
        mut wanted: impl FnMut(&Session) -> bool,
    ) -> Result<Session> {
        let mut last = None;
        let found = wait::until(what, within, || {
            let list = last.insert(self.list()?);
            Ok(match list.sessions.as_slice() {
                [session] if wanted(session) => Some(session.clone()),
                _ => None,
            })
        });
        found.map_err(|error| anyhow!("{error}; last seen on {}: {last:?}\n{}", self.host.name(), self.host.log()))
    }

    /// Waits until there is no session and no logon.
    pub fn wait_for_none(&self, within: Duration) -> Result<()> {
        let mut last = None;
        let found = wait::until_true("no session is left", within, || {
            let list = last.insert(self.list()?);
            Ok(list.sessions.is_empty() && list.logons_in_flight == 0)
        });
        found.map_err(|error| anyhow!("{error}; last seen on {}: {last:?}", self.host.name()))
    }
}
