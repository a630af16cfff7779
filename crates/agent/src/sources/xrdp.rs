//! xrdp on Linux: finds its sessions among the host's processes, because sesman itself does not tell them.
//!
//! Tried with xrdp 0.9.21 and xorgxrdp 0.9.19; sessions on Xorg only. Needs root. Which process is what stands in
//! `sighting`; this file does the reading and the acting.

mod message_board;
mod program;
mod session_key;
mod sighting;
#[cfg(test)]
mod sighting_tests;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use self::message_board::{MessageBoard, Screen};
use self::session_key::SessionKey;
use self::sighting::{Candidate, Sighting};
use super::process::{self, Process};
use super::user_account::UserAccount;
use super::{FoundSession, Listing, SessionKind, SessionSource, SessionState, SourceError};

/// How long a window manager may take to end before it is killed.
const LOG_OFF_GRACE: Duration = Duration::from_secs(10);
/// How long taking a connection away may take; it normally takes some milliseconds.
const DISCONNECT_LIMIT: Duration = Duration::from_secs(3);
/// The list of Unix sockets of a very busy host.
const MAX_SOCKET_LIST_BYTES: usize = 64 << 20;

/// The sessions of an xrdp host.
#[derive(Debug)]
pub struct XrdpSource {
    proc_folder: PathBuf,
    log_off_grace: Duration,
    /// What stays the same for a session's life, looked up once.
    known: HashMap<SessionKey, Known>,
    /// Sessions that were told to end.
    ending: HashMap<SessionKey, Ending>,
    messages: MessageBoard,
}

#[derive(Clone, Debug)]
struct Known {
    user: String,
    started_at_ms: u64,
}

#[derive(Debug)]
struct Ending {
    window_manager: Process,
    kill_at: Instant,
}

impl XrdpSource {
    /// The sessions of the host that this process runs on.
    pub fn new() -> Self {
        Self {
            proc_folder: PathBuf::from("/proc"),
            log_off_grace: LOG_OFF_GRACE,
            known: HashMap::new(),
            ending: HashMap::new(),
            messages: MessageBoard::default(),
        }
    }

    /// Gives programs this long to end at a log-off, instead of 10 s.
    #[must_use]
    pub fn with_log_off_grace(mut self, grace: Duration) -> Self {
        self.log_off_grace = grace;
        self
    }

    fn look(&self) -> Result<(Vec<Sighting>, u32), SourceError> {
        let processes = Process::read_all(&self.proc_folder)?;
        let sesman_pids = sighting::sesman_pids(&processes);
        let candidates: Vec<Candidate> = processes
            .into_iter()
            .filter(|process| sighting::is_of_interest(process, &sesman_pids))
            .filter_map(|process| {
                let uid = process::read_uid(&self.proc_folder, process.pid)?;
                let args = process::read_command_line(&self.proc_folder, process.pid);
                Some(Candidate { process, uid, args })
            })
            .collect();
        let path = self.proc_folder.join("net/unix");
        let sockets = process::read_text(&path, MAX_SOCKET_LIST_BYTES as u64)
            .map_err(|error| SourceError::Read { path, error })?;
        if sockets.len() >= MAX_SOCKET_LIST_BYTES {
            return Err(SourceError::TooMuch { what: "/proc/net/unix", limit: MAX_SOCKET_LIST_BYTES });
        }
        let displays = sighting::connected_displays(&sockets);
        Ok(sighting::find_sessions(&candidates, &displays, since_boot_ms(), ticks_per_s()))
    }

    fn found(&mut self, sighting: Sighting) -> FoundSession {
        let known = self.known.get(&sighting.key).cloned().unwrap_or_else(|| {
            let age_ms = since_boot_ms().saturating_sub(sighting::ticks_to_ms(sighting.key.start_ticks, ticks_per_s()));
            let started_at_ms = wall_ms().saturating_sub(age_ms);
            match UserAccount::by_uid(sighting.uid) {
                Ok(Some(account)) => {
                    let known = Known { user: account.name, started_at_ms };
                    self.known.insert(sighting.key, known.clone());
                    known
                }
                // The session is there all the same. Not remembered: a directory service may be back next time.
                Ok(None) | Err(_) => Known { user: format!("uid-{}", sighting.uid), started_at_ms },
            }
        });
        FoundSession {
            key: sighting.key.to_string(),
            user: known.user,
            item: None,
            state: if sighting.active { SessionState::Active } else { SessionState::Disconnected },
            started_at_ms: known.started_at_ms,
            display: Some(sighting.display),
            command: sighting.command,
            window_manager: sighting.window_manager,
        }
    }

    /// Checks that the session still lives before anything is done to it, and gives its key and display.
    fn alive(&self, session: &FoundSession, action: &'static str) -> Result<(SessionKey, u32), SourceError> {
        let (Some(key), Some(display)) = (SessionKey::parse(&session.key), session.display) else {
            return Err(SourceError::Unsupported { key: session.key.clone(), source_name: self.name(), action });
        };
        let leader = Process::read(&self.proc_folder, key.leader);
        if leader.is_some_and(|leader| leader.start_ticks == key.start_ticks && !leader.zombie) {
            Ok((key, display))
        } else {
            Err(SourceError::Gone { key: session.key.clone(), user: session.user.clone() })
        }
    }

    /// Kills the window managers that had their time, and forgets those that ended.
    fn go_on_ending(&mut self) {
        let now = Instant::now();
        self.ending.retain(|_, ending| {
            let alive = ending.window_manager.is_alive(&self.proc_folder);
            if alive && now >= ending.kill_at {
                // It may end at this very moment; if it can't be killed, the next listing tries again.
                let _ = signal(ending.window_manager.pid, libc::SIGKILL);
            }
            alive
        });
    }
}

impl Default for XrdpSource {
    fn default() -> Self {
        Self::new()
    }
}

impl SessionSource for XrdpSource {
    fn name(&self) -> &'static str {
        "xrdp"
    }

    fn kind(&self) -> SessionKind {
        SessionKind::PerUser
    }

    fn list(&mut self) -> Result<Listing, SourceError> {
        self.go_on_ending();
        self.messages.tidy();
        let (sightings, logons_in_flight) = self.look()?;
        self.known.retain(|key, _| sightings.iter().any(|sighting| sighting.key == *key));
        let sessions = sightings.into_iter().map(|sighting| self.found(sighting)).collect();
        Ok(Listing { sessions, logons_in_flight })
    }

    fn disconnect(&mut self, session: &FoundSession) -> Result<(), SourceError> {
        let (_, display) = self.alive(session, "disconnect")?;
        let program = program::find_program("xrdp-dis", "xrdp")?;
        let mut command = Command::new(&program);
        program::run(&program, command.env("DISPLAY", format!(":{display}")), DISCONNECT_LIMIT)
    }

    fn log_off(&mut self, session: &FoundSession) -> Result<(), SourceError> {
        let (key, _) = self.alive(session, "log off")?;
        // Looked up anew: the pid in the session is from an earlier look.
        let window_manager = self
            .look()?
            .0
            .into_iter()
            .find(|sighting| sighting.key == key)
            .and_then(|sighting| Process::read(&self.proc_folder, sighting.window_manager?))
            .filter(|process| process.parent == key.leader)
            .ok_or_else(|| SourceError::Ending { key: session.key.clone(), user: session.user.clone() })?;
        let pid = window_manager.pid;
        match signal(pid, libc::SIGTERM) {
            Ok(()) => {
                // A second order does not give it more time.
                let kill_at = Instant::now() + self.log_off_grace;
                self.ending.entry(key).or_insert(Ending { window_manager, kill_at });
                Ok(())
            }
            // It ended between the look and the signal, as it should.
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            Err(error) => Err(SourceError::Signal { pid, key: session.key.clone(), error }),
        }
    }

    fn message(&mut self, session: &FoundSession, text: &str) -> Result<(), SourceError> {
        let (key, display) = self.alive(session, "show a message in")?;
        let gone = || SourceError::Gone { key: session.key.clone(), user: session.user.clone() };
        let sighting = self.look()?.0.into_iter().find(|sighting| sighting.key == key).ok_or_else(gone)?;
        let uid = sighting.uid;
        let unknown = |reason: String| SourceError::UnknownAccount { uid, key: session.key.clone(), reason };
        let account = UserAccount::by_uid(uid)
            .map_err(|error| unknown(error.to_string()))?
            .ok_or_else(|| unknown("it has no such account".to_owned()))?;
        let authority = sighting
            .window_manager
            .and_then(|pid| process::read_variable(&self.proc_folder, pid, "XAUTHORITY"))
            .filter(|path| path.is_absolute());
        self.messages.show(&Screen { display, uid, account: &account, authority }, text)
    }
}

fn signal(pid: u32, signal: i32) -> io::Result<()> {
    // 0 and negative numbers would mean groups of processes.
    let pid = libc::pid_t::try_from(pid)
        .ok()
        .filter(|pid| *pid > 1)
        .ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?;
    // SAFETY: kill takes two integers and touches no memory of ours.
    if unsafe { libc::kill(pid, signal) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// How long the machine has been running, sleep included: the clock that process start times are told in.
fn since_boot_ms() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is valid for the call. The clock exists since Linux 2.6.39; were it missing, time stays 0.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &mut time) };
    let since_boot =
        Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default());
    u64::try_from(since_boot.as_millis()).unwrap_or(u64::MAX)
}

fn wall_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

fn ticks_per_s() -> u64 {
    // SAFETY: sysconf has no preconditions.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }).unwrap_or(100)
}
