//! Finds sessions among the processes of a host. Reads nothing itself: everything comes in as arguments.
//!
//! xrdp-sesman 0.9 makes one child of itself, the *leader*, for each logon that has passed the password check. The
//! leader opens the PAM session and has three children: the X server `Xorg :N … -config xrdp/xorg.conf`, the window
//! manager (or the one application that was asked for), and xrdp-chansrv. Each of them is called xrdp-sesman until it
//! starts its program. The leader waits for the window manager to end and then ends the rest and itself. So a leader is
//!
//! - a **session** if it has an X server and a window manager, or an X server while it is older than
//!   [`LOGON_LIMIT_MS`] (its window manager has just ended, and it is about to go);
//! - a **logon in flight** if it is no session and not older than that;
//! - **stuck** otherwise, for instance because no X server would start: neither listed nor counted.
//!
//! Before the leader there is only a connection with a login that may be wrong; that is no logon yet.
//!
//! A session is active if the X server's own socket, `xrdp_display_N`, has a connection: xrdp holds one for its client.
//! Sessions on Xvnc have no such socket and are not seen.

use std::collections::HashSet;

use super::SessionKey;
use crate::sources::process::Process;

/// How long a logon may take before it no longer counts. Real ones take 1 to 3 s; home folders on slow networks take
/// longer. It is as long as a seat is held.
pub(super) const LOGON_LIMIT_MS: u64 = 60_000;
/// As much of a command line as is kept, in characters.
const MAX_COMMAND_CHARS: usize = 200;

const SESMAN: &str = "xrdp-sesman";
const CHANNEL_SERVER: &str = "xrdp-chansrv";
const X_SERVER: &str = "Xorg";
const X_SERVER_CONFIG: &str = "xrdp/xorg.conf";
const DISPLAY_SOCKET: &str = "xrdp_display_";
/// How /proc/net/unix writes that a stream socket is connected.
const CONNECTED: &str = "03";

/// A process with what else is needed of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) process: Process,
    pub(super) uid: u32,
    pub(super) args: Vec<String>,
}

/// A session as the processes show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sighting {
    pub(super) key: SessionKey,
    pub(super) uid: u32,
    pub(super) display: u32,
    pub(super) active: bool,
    pub(super) window_manager: Option<u32>,
    pub(super) command: Option<String>,
}

/// Whether a process may be part of a session: one of sesman itself or a child of one.
pub(super) fn is_of_interest(process: &Process, sesman_pids: &HashSet<u32>) -> bool {
    sesman_pids.contains(&process.pid) || sesman_pids.contains(&process.parent)
}

/// The pids of all processes of sesman, the service's own and the leaders'.
pub(super) fn sesman_pids(processes: &[Process]) -> HashSet<u32> {
    processes.iter().filter(|process| process.name == SESMAN && !process.zombie).map(|process| process.pid).collect()
}

/// Sorts the leaders into sessions and logons in flight; the oldest session comes first.
///
/// `displays` are those of [`connected_displays`]; `now_ms` and `ticks_per_s` give the age of a process, in
/// milliseconds since the machine started.
pub(super) fn find_sessions(
    candidates: &[Candidate],
    displays: &HashSet<u32>,
    now_ms: u64,
    ticks_per_s: u64,
) -> (Vec<Sighting>, u32) {
    let mut sessions = Vec::new();
    let mut in_flight = 0;
    for leader in candidates.iter().filter(|candidate| is_leader(candidate, candidates)) {
        let key = SessionKey { leader: leader.process.pid, start_ticks: leader.process.start_ticks };
        let children = || candidates.iter().filter(|child| child.process.parent == key.leader && !child.process.zombie);
        let x_server = children().find_map(|child| Some((child, display_of(child)?)));
        let window_manager = children().find(|child| is_window_manager(child));
        let age_ms = now_ms.saturating_sub(ticks_to_ms(key.start_ticks, ticks_per_s));
        match x_server {
            Some((server, display)) if window_manager.is_some() || age_ms > LOGON_LIMIT_MS => sessions.push(Sighting {
                key,
                uid: server.uid,
                display,
                active: displays.contains(&display),
                window_manager: window_manager.map(|child| child.process.pid),
                command: window_manager.and_then(|child| command_of(&child.args)),
            }),
            _ if age_ms <= LOGON_LIMIT_MS => in_flight += 1,
            _ => {}
        }
    }
    sessions.sort_unstable_by_key(|session| (session.key.start_ticks, session.key.leader));
    (sessions, in_flight)
}

/// Clock ticks since the machine started, in milliseconds.
pub(super) fn ticks_to_ms(ticks: u64, ticks_per_s: u64) -> u64 {
    ticks.saturating_mul(1_000) / ticks_per_s.max(1)
}

/// The displays whose socket for xrdp is connected, from the text of /proc/net/unix. Every other socket, the X11 one
/// of the same display included, says nothing about a client.
pub(super) fn connected_displays(unix_sockets: &str) -> HashSet<u32> {
    unix_sockets
        .lines()
        .filter_map(|line| {
            // Num RefCount Protocol Flags Type St Inode Path
            let mut fields = line.split_ascii_whitespace();
            let state = fields.nth(5)?;
            let path = fields.nth(1)?;
            let display = path.rsplit_once('/')?.1.strip_prefix(DISPLAY_SOCKET)?.parse().ok()?;
            (state == CONNECTED).then_some(display)
        })
        .collect()
}

/// A child of the service: itself called xrdp-sesman, run by root, under a parent that is too. Its own children carry
/// the name for a moment, so the parent must not be a leader. Names can be borrowed by users, root's id can't.
fn is_leader(candidate: &Candidate, all: &[Candidate]) -> bool {
    let parent = |of: &Candidate| {
        let parent = of.process.parent;
        all.iter().find(|other| other.process.pid == parent && other.process.name == SESMAN)
    };
    candidate.process.name == SESMAN
        && candidate.uid == 0
        && !candidate.process.zombie
        && parent(candidate).is_some_and(|service| service.uid == 0 && parent(service).is_none())
}

fn is_window_manager(child: &Candidate) -> bool {
    !matches!(child.process.name.as_str(), SESMAN | CHANNEL_SERVER | X_SERVER)
}

fn display_of(child: &Candidate) -> Option<u32> {
    if child.process.name != X_SERVER || !child.args.iter().any(|arg| arg == X_SERVER_CONFIG) {
        return None;
    }
    child.args.iter().find_map(|arg| arg.strip_prefix(':')?.parse().ok())
}

/// One line for people. sesman starts an application as `sh -c COMMAND`; then it is the command that matters.
fn command_of(args: &[String]) -> Option<String> {
    let line = match args {
        [] => return None,
        [shell, option, command] if shell == "sh" && option == "-c" => command.clone(),
        args => args.join(" "),
    };
    Some(line.chars().take(MAX_COMMAND_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect())
}
