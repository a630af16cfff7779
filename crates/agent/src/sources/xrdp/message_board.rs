//! Shows texts on users' screens. Each is an `xmessage` window, which runs as the session's user and closes itself
//! after a while.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::program::{check, find_program, wait};
use crate::sources::SourceError;
use crate::sources::user_account::UserAccount;

/// The longest text: a screenful, and far less than a pipe holds, so that writing it never blocks.
const MAX_TEXT_BYTES: usize = 2_000;
/// How many messages may be open on one host.
const MAX_OPEN: usize = 256;
/// How long a message stays if nobody closes it.
const STAYS_S: u32 = 600;
/// A window that can't open its display says so at once; one that has run this long is taken as shown.
const STARTS_WITHIN: Duration = Duration::from_millis(300);

/// The messages that are on screens now.
#[derive(Debug, Default)]
pub(super) struct MessageBoard {
    open: Vec<Child>,
}

/// The screen to show a message on.
#[derive(Debug)]
pub(super) struct Screen<'a> {
    pub(super) display: u32,
    pub(super) uid: u32,
    pub(super) account: &'a UserAccount,
    /// Where the session keeps the display's secret, if it told.
    pub(super) authority: Option<PathBuf>,
}

impl MessageBoard {
    /// Takes note of messages that were closed. Without it they would stay as zombies.
    pub(super) fn tidy(&mut self) {
        self.open.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }

    /// Opens a message and leaves it there.
    pub(super) fn show(&mut self, screen: &Screen<'_>, text: &str) -> Result<(), SourceError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(SourceError::MessageTooLong { bytes: text.len(), limit: MAX_TEXT_BYTES });
        }
        self.tidy();
        if self.open.len() >= MAX_OPEN {
            return Err(SourceError::TooManyMessages { limit: MAX_OPEN });
        }
        let program = find_program("xmessage", "x11-utils")?;
        let failed = |error| SourceError::Run { program: program.clone(), error };
        let mut child = command(&program, screen).spawn().map_err(failed)?;
        if let Some(mut pipe) = child.stdin.take() {
            // If it has already gone, its exit status below says why.
            let _ = pipe.write_all(plain(text).as_bytes());
        }
        match wait(&mut child, STARTS_WITHIN).map_err(failed)? {
            Some(status) => check(&program, &mut child, status),
            None => {
                self.open.push(child);
                Ok(())
            }
        }
    }
}

/// The text goes through a pipe: as an argument it could be taken for an option, and every user could read it in the
/// list of processes. The user's own identity and an empty environment: nothing of the agent's reaches the session.
fn command(program: &Path, screen: &Screen<'_>) -> Command {
    let authority = screen.authority.clone().unwrap_or_else(|| screen.account.home.join(".Xauthority"));
    let mut command = Command::new(program);
    command
        .args(["-center", "-title", "Message from the administrator", "-buttons", "OK:0", "-default", "OK"])
        .args(["-timeout", &STAYS_S.to_string(), "-file", "-"])
        .env_clear()
        .env("DISPLAY", format!(":{}", screen.display))
        .env("XAUTHORITY", authority)
        .env("HOME", &screen.account.home)
        .env("LANG", "C.UTF-8")
        .current_dir("/")
        .uid(screen.uid)
        .gid(screen.account.gid)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Only line breaks are kept of what steers terminals and windows.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_long_texts_and_cleans_the_rest() {
        let account = UserAccount { name: "x".into(), gid: 1, home: "/nowhere".into() };
        let screen = Screen { display: 1, uid: 1, account: &account, authority: None };
        let error = MessageBoard::default().show(&screen, &"a".repeat(2_001)).unwrap_err();
        assert_eq!(error.to_string(), "the message has 2001 bytes; at most 2000 can be shown");
        assert_eq!(plain("a\tb\r\nc\u{1b}[1mé"), "a b \nc [1mé");
    }
}
