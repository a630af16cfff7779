//! Simulated users who come and go: each on a thread of its own, because the client blocks.

mod tally;
mod visitor;

use super::members::Members;
use super::raise::{Farm, simulated};
use super::rest::Rest;
use super::rows::{HostRow, SessionRow};
use super::ways_in::RdpFile;
use anyhow::{Context, Result};
use hostler_model::ports;
use serde_json::Value;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;
use tally::Tally;
use tokio::sync::mpsc;
use visitor::{Leaving, Visitor};

/// How often the status line is written where it replaces the one before.
const LINE_EVERY: Duration = Duration::from_secs(1);
/// The same where each stays.
const KEPT_LINE_EVERY: Duration = Duration::from_secs(10);
/// Users who wait for their session to be ended; further ones wait before that.
const LEAVING: usize = 16;

/// Keeps so many users coming and going until the process is told to stop.
pub(super) async fn run(farm: &mut Farm, users: u16, file: &mut RdpFile) -> Result<()> {
    let tally = Arc::new(Tally::new());
    let (leaving, left) = mpsc::channel(LEAVING);
    let gateway = farm.plan.gateway.at(ports::RDP);
    for user in (1..=users).map(simulated) {
        let visitor = Visitor { user, gateway, tally: Arc::clone(&tally), leaving: leaving.clone() };
        // It ends with the process.
        std::thread::Builder::new()
            .name(visitor.user.clone())
            .spawn(move || visitor.come_and_go())
            .context("the system gives no more threads; try fewer users")?;
    }
    let ending = tokio::spawn(log_off(farm.rest.clone(), left));
    let logs = farm.folder.path().display();
    println!("\n{users} simulated users come and go; why something fails is in {logs}/*.log. Ctrl-C ends everything.");
    let result = show(&farm.rest, &mut farm.members, &tally, file).await;
    ending.abort();
    result
}

/// Ends sessions of users who leave for good, and tells them; others stay disconnected and are taken up again.
async fn log_off(rest: Rest, mut left: mpsc::Receiver<Leaving>) {
    while let Some(Leaving { user, done }) = left.recv().await {
        if let Ok(rows) = rest.get::<Vec<SessionRow>>(&format!("/sessions?user={user}")).await {
            for row in rows {
                // A broker or the host may be gone: then the session stays.
                let _ = rest.post::<Value>(&format!("/sessions/{}/logoff", row.id), &Value::Null).await;
            }
        }
        // Who does not wait for it any more has ended with the process.
        let _ = done.send(());
    }
}

async fn show(rest: &Rest, members: &mut Members, tally: &Tally, file: &mut RdpFile) -> Result<()> {
    let mut out = std::io::stdout();
    let live = out.is_terminal();
    let (clear, end, every) = if live { ("\r\x1b[2K", "", LINE_EVERY) } else { ("", "\n", KEPT_LINE_EVERY) };
    loop {
        tokio::time::sleep(every).await;
        for ended in members.ended() {
            writeln!(out, "{clear}{ended}")?;
        }
        if let Some(failure) = tally.last_failure() {
            writeln!(out, "{clear}a logon failed: {failure}")?;
        }
        let hosts = match rest.get::<Vec<HostRow>>("/hosts").await {
            Ok(rows) => hosts(&rows),
            Err(error) => error.to_string(),
        };
        let line = format!("{}  |  {hosts}", tally.line());
        // A line that runs over the edge could not be replaced.
        let room = if live { terminal_columns().unwrap_or(usize::MAX) } else { usize::MAX };
        write!(out, "{clear}{}{end}", line.chars().take(room).collect::<String>())?;
        out.flush()?;
        file.keep_fresh(rest).await;
    }
}

/// How many letters fit into a line of the terminal.
fn terminal_columns() -> Option<usize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the call fills in the structure that it is given, which is of the type that it expects.
    let answered = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) } == 0;
    (answered && size.ws_col > 0).then(|| usize::from(size.ws_col))
}

fn hosts(rows: &[HostRow]) -> String {
    let row = |row: &HostRow| {
        let state = if row.state == "ready" { String::new() } else { format!(" ({})", row.state) };
        format!("{} {}{state}", row.name, row.sessions)
    };
    format!("sessions: {}", rows.iter().map(row).collect::<Vec<_>>().join("  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_by_host() {
        let row = |name: &str, state: &str, sessions| HostRow { name: name.into(), state: state.into(), sessions };
        let rows = [row("rdsh1", "ready", 3), row("rdsh2", "down", 0)];
        assert_eq!(hosts(&rows), "sessions: rdsh1 3  rdsh2 0 (down)");
    }
}
