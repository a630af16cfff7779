//! Prints the sessions of the xrdp host that it runs on as JSON, or carries out an order for one of them:
//!
//! ```text
//! list-sessions
//! list-sessions disconnect KEY
//! list-sessions log-off KEY GRACE_MS
//! list-sessions message KEY TEXT
//! ```

use std::time::Duration;

use anyhow::{Context, Result, bail};
use hostler_agent::sources::{FoundSession, SessionSource, SessionState, XrdpSource};
use hostler_tests::sessions::{Session, SessionList};
use hostler_tests::wait;

/// How long a log-off may take beyond its grace.
const LOG_OFF_LIMIT: Duration = Duration::from_secs(20);

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut source = XrdpSource::new();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => print(&mut source),
        ["disconnect", key] => {
            let session = find(&mut source, key)?;
            Ok(source.disconnect(&session)?)
        }
        ["log-off", key, grace_ms] => log_off(source, key, Duration::from_millis(grace_ms.parse()?)),
        ["message", key, text] => {
            let session = find(&mut source, key)?;
            Ok(source.message(&session, text)?)
        }
        other => bail!("list-sessions does not know {other:?}"),
    }
}

fn print(source: &mut XrdpSource) -> Result<()> {
    let listing = source.list()?;
    let sessions = listing
        .sessions
        .into_iter()
        .map(|session| Session {
            key: session.key,
            user: session.user,
            active: session.state == SessionState::Active,
            started_at_ms: session.started_at_ms,
            display: session.display,
            command: session.command,
        })
        .collect();
    let list = SessionList { sessions, logons_in_flight: listing.logons_in_flight };
    println!("{}", serde_json::to_string(&list)?);
    Ok(())
}

/// Ends the session and keeps listing, as the agent does, until it is gone.
fn log_off(source: XrdpSource, key: &str, grace: Duration) -> Result<()> {
    let mut source = source.with_log_off_grace(grace);
    let session = find(&mut source, key)?;
    source.log_off(&session)?;
    wait::until_true("the session ends", grace + LOG_OFF_LIMIT, || {
        Ok(source.list()?.sessions.iter().all(|other| other.key != key))
    })
}

fn find(source: &mut XrdpSource, key: &str) -> Result<FoundSession> {
    let sessions = source.list()?.sessions;
    sessions.into_iter().find(|session| session.key == key).with_context(|| format!("there is no session {key}"))
}
