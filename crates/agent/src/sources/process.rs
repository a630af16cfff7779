//! Reads processes from /proc. Knows nothing of sessions.
//!
//! A process may vanish between any two reads, so everything here answers with `None` or leaves the process out
//! instead of failing. The `parse_*` functions take text, the others files.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::SourceError;

/// More processes than any session host has; beyond it something is wrong with the host.
const MAX_PROCESSES: usize = 200_000;
/// The kernel's `stat` line has about 50 numbers.
const MAX_STAT_BYTES: u64 = 4 << 10;
/// The kernel's `status` has about 60 short lines.
const MAX_STATUS_BYTES: u64 = 16 << 10;
/// A command line is cut off here: the options that matter come first.
const MAX_COMMAND_LINE_BYTES: u64 = 16 << 10;

/// One process at one moment, as far as /proc/PID/stat tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) parent: u32,
    /// The program's name, cut off at 15 bytes by the kernel.
    pub(super) name: String,
    /// It has ended and its parent has not yet taken note.
    pub(super) zombie: bool,
    /// When it began, in clock ticks since the machine started. With the pid it names the process for good.
    pub(super) start_ticks: u64,
}

impl Process {
    /// Reads the text of /proc/PID/stat. The name stands in parentheses and may itself contain any character, so the
    /// last closing one counts.
    pub(super) fn parse_stat(text: &str) -> Option<Self> {
        let (pid, rest) = text.split_once(" (")?;
        let (name, fields) = rest.rsplit_once(") ")?;
        let mut fields = fields.split_ascii_whitespace();
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        // Fields are numbered from 1 in proc(5): state is 3, the parent 4, the start time 22.
        let start_ticks = fields.nth(22 - 5)?.parse().ok()?;
        Some(Self {
            pid: pid.parse().ok()?,
            parent,
            name: name.to_owned(),
            zombie: matches!(state, "Z" | "X"),
            start_ticks,
        })
    }

    /// The process with this pid, if there is one now.
    pub(super) fn read(proc_folder: &Path, pid: u32) -> Option<Self> {
        Self::parse_stat(&read_text(&proc_folder.join(pid.to_string()).join("stat"), MAX_STAT_BYTES).ok()?)
    }

    /// All processes that are there now, by rising pid.
    pub(super) fn read_all(proc_folder: &Path) -> Result<Vec<Self>, SourceError> {
        let failed = |error| SourceError::Read { path: proc_folder.to_owned(), error };
        let mut processes = Vec::new();
        for entry in fs::read_dir(proc_folder).map_err(failed)? {
            let Some(pid) = entry.map_err(failed)?.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            processes.extend(Self::read(proc_folder, pid));
            if processes.len() > MAX_PROCESSES {
                return Err(SourceError::TooMuch { what: "the number of processes", limit: MAX_PROCESSES });
            }
        }
        processes.sort_unstable_by_key(|process| process.pid);
        Ok(processes)
    }

    /// Whether this process is there now and has not ended; a later one with the same pid does not count.
    pub(super) fn is_alive(&self, proc_folder: &Path) -> bool {
        Self::read(proc_folder, self.pid).is_some_and(|now| now.start_ticks == self.start_ticks && !now.zombie)
    }
}

/// The user who a process really runs as, from the text of /proc/PID/status.
pub(super) fn parse_uid(status: &str) -> Option<u32> {
    status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_ascii_whitespace().next()?.parse().ok()
}

/// The arguments of a process, program first, from the text of /proc/PID/cmdline.
pub(super) fn parse_command_line(text: &str) -> Vec<String> {
    text.trim_end_matches('\0').split('\0').filter(|_| !text.is_empty()).map(str::to_owned).collect()
}

/// The user who a process really runs as.
pub(super) fn read_uid(proc_folder: &Path, pid: u32) -> Option<u32> {
    parse_uid(&read_text(&proc_folder.join(pid.to_string()).join("status"), MAX_STATUS_BYTES).ok()?)
}

/// The arguments of a process; empty if it has none or is gone.
pub(super) fn read_command_line(proc_folder: &Path, pid: u32) -> Vec<String> {
    let path = proc_folder.join(pid.to_string()).join("cmdline");
    read_text(&path, MAX_COMMAND_LINE_BYTES).map(|text| parse_command_line(&text)).unwrap_or_default()
}

/// One variable of a process's environment, as it was when its program began.
pub(super) fn read_variable(proc_folder: &Path, pid: u32, name: &str) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    /// The kernel allows more; an environment that long has the usual variables first.
    const MAX_ENVIRONMENT_BYTES: u64 = 256 << 10;
    let bytes = read_bytes(&proc_folder.join(pid.to_string()).join("environ"), MAX_ENVIRONMENT_BYTES).ok()?;
    let value = bytes
        .split(|byte| *byte == 0)
        .find_map(|entry| entry.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"=")))?;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(value)))
}

/// The beginning of a file as text; bytes that are no UTF-8 (a user chose them) are replaced.
pub(super) fn read_text(path: &Path, limit_bytes: u64) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&read_bytes(path, limit_bytes)?).into_owned())
}

fn read_bytes(path: &Path, limit_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit_bytes).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32, name: &str, zombie: bool, start_ticks: u64) -> Option<Process> {
        Some(Process { pid, parent, name: name.into(), zombie, start_ticks })
    }

    #[test]
    fn stat_lines() {
        let tail = "0 0 0 -1 4194624 156 0 0 0 0 0 0 0 20 0 1 0";
        let cases = [
            (
                format!("15 (xrdp-sesman) S 11 {tail} 63336 12484608 975 184"),
                process(15, 11, "xrdp-sesman", false, 63336),
            ),
            (format!("198 (xrdp-chansrv) Z 188 {tail} 74662 0 0 0"), process(198, 188, "xrdp-chansrv", true, 74662)),
            (format!("7 (a) S 1 (b) R 2 {tail} 9 0"), process(7, 2, "a) S 1 (b", false, 9)),
            (format!("7 () R 2 {tail} 9"), process(7, 2, "", false, 9)),
            (format!("7 (cut) R 2 {tail}"), None),
            ("7 (cut".into(), None),
            ("x (y) R 2".into(), None),
            (String::new(), None),
        ];
        for (text, expected) in cases {
            assert_eq!(Process::parse_stat(&text), expected, "{text}");
        }
    }

    #[test]
    fn uids_and_command_lines() {
        assert_eq!(parse_uid("Name:\tXorg\nUid:\t1001\t1002\t1002\t1002\nGid:\t9\t9\t9\t9\n"), Some(1001));
        assert_eq!(parse_uid("Name:\tUid: 5\nGid:\t9\t9\t9\t9\n"), None);
        assert_eq!(parse_uid("Uid:\t\n"), None);
        assert_eq!(parse_command_line("sh\0-c\0xterm -e top\0"), ["sh", "-c", "xterm -e top"]);
        assert_eq!(parse_command_line("a\0\0b"), ["a", "", "b"]);
        assert_eq!(parse_command_line(""), Vec::<String>::new());
    }

    #[test]
    fn reads_itself() {
        let here = Path::new("/proc");
        let own = Process::read(here, std::process::id()).unwrap();
        assert!(own.is_alive(here));
        assert!(Process::read_all(here).unwrap().contains(&own));
        assert!(!Process { start_ticks: own.start_ticks + 1, ..own.clone() }.is_alive(here));
        // SAFETY: getuid has no preconditions.
        assert_eq!(read_uid(here, own.pid), Some(unsafe { libc::getuid() }));
        assert_eq!(read_command_line(here, own.pid), std::env::args().collect::<Vec<_>>());
        assert_eq!(read_variable(here, own.pid, "PATH"), std::env::var_os("PATH").map(PathBuf::from));
        assert_eq!(read_variable(here, own.pid, "PAT"), None);
    }

    #[test]
    fn what_is_gone_is_left_out() {
        let empty = tempfile::tempdir().unwrap();
        fs::create_dir(empty.path().join("12")).unwrap();
        fs::write(empty.path().join("uptime"), "1 1").unwrap();
        assert_eq!(Process::read_all(empty.path()).unwrap(), []);
        assert_eq!(read_uid(empty.path(), 12), None);
        assert_eq!(read_command_line(empty.path(), 12), Vec::<String>::new());
        let missing = Process::read_all(&empty.path().join("missing"));
        assert!(matches!(missing, Err(SourceError::Read { .. })));
    }
}
