//! One process of the farm: it can't outlive this one, and what it said is at hand when it ends.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// Lines of a log that an error shows.
const SHOWN_LINES: usize = 12;
/// How much of a log is read for them, in bytes.
const SHOWN_BYTES: u64 = 8 * 1024;

/// What went wrong with a process.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProcessError {
    #[error("can't start {name} ({program}): {error}")]
    Start { name: String, program: String, error: io::Error },
    #[error("can't write {name}'s log {path}: {error}")]
    Log { name: String, path: PathBuf, error: io::Error },
    #[error("{name} (pid {pid}) has ended ({status}){said}")]
    Ended { name: String, pid: u32, status: ExitStatus, said: String },
}

/// A running process. Dropping it kills it.
pub(super) struct Process {
    pub(super) name: String,
    child: Child,
    log: PathBuf,
    ended: bool,
}

impl Process {
    /// Starts it. What it says goes to the log.
    pub(super) fn start(name: &str, mut command: Command, log: PathBuf) -> Result<Self, ProcessError> {
        let log_error = |error| ProcessError::Log { name: name.to_string(), path: log.clone(), error };
        let file = OpenOptions::new().create(true).append(true).open(&log).map_err(log_error)?;
        let output = file.try_clone().map_err(log_error)?;
        command.stdin(Stdio::null()).stdout(output).stderr(file);
        tie_to_this_process(&mut command);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().map_err(|error| ProcessError::Start { name: name.to_string(), program, error })?;
        Ok(Self { name: name.to_string(), child, log, ended: false })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The end of what it has said so far, indented.
    pub(super) fn log_end(&self) -> String {
        last_lines(&self.log)
    }

    /// False where it has ended and that was told by [`Self::check`], or wanted.
    pub(super) fn is_expected_to_run(&self) -> bool {
        !self.ended
    }

    /// Says once that it has ended.
    pub(super) fn check(&mut self) -> Result<(), ProcessError> {
        match self.child.try_wait() {
            Ok(Some(status)) if !self.ended => {
                self.ended = true;
                let (name, pid) = (self.name.clone(), self.pid());
                // Who was killed had no chance to say why.
                let killed = status.signal() == Some(libc::SIGKILL);
                let log = || format!("; the end of its log:\n{}", self.log_end());
                Err(ProcessError::Ended { name, pid, status, said: if killed { String::new() } else { log() } })
            }
            _ => Ok(()),
        }
    }

    /// Whether it is gone. Asks the system.
    pub(super) fn is_gone(&mut self) -> bool {
        // An error means that there is nothing to wait for.
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to end in good order.
    pub(super) fn ask_to_end(&mut self) {
        self.ended = true;
        if self.is_gone() {
            return;
        }
        if let Ok(pid) = libc::pid_t::try_from(self.pid()) {
            // SAFETY: takes two integers and touches no memory of ours. The pid is that of a child that was not waited
            // for yet, so it is nobody else's.
            unsafe { libc::kill(pid, libc::SIGTERM) };
        }
    }

    /// Kills it with signal 9 and waits until it is gone.
    pub(super) fn kill(&mut self) {
        self.ended = true;
        // Both fail only where it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The process gets a group of its own, so that a Ctrl-C at the terminal does not reach it and everything ends in good
/// order; and it is killed when the thread that starts it ends, however that happens. So only a thread that lives as
/// long as this process may start it.
pub(super) fn tie_to_this_process(command: &mut Command) {
    let parent = libc::pid_t::try_from(std::process::id());
    command.process_group(0);
    // SAFETY: between fork and exec only calls that are safe there are made, and nothing is allocated.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have died before that.
            if parent != Ok(libc::getppid()) {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
}

/// The end of a log, indented.
fn last_lines(log: &Path) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = fs::File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(SHOWN_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(SHOWN_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<&str> = text.lines().collect();
            let shown: Vec<String> =
                lines[lines.len().saturating_sub(SHOWN_LINES)..].iter().map(|line| format!("    {line}")).collect();
            if shown.is_empty() { "    (it said nothing)".to_string() } else { shown.join("\n") }
        }
        Err(error) => format!("    ({} can't be read: {error})", log.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn shell(script: &str, folder: &Path) -> Process {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        Process::start("it", command, folder.join("log")).unwrap()
    }

    fn wait_for_end(process: &mut Process) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !process.is_gone() {
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_process_that_ends_says_why_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = shell("seq 20; echo oh no >&2; exit 3", folder.path());
        wait_for_end(&mut process);
        assert!(process.is_expected_to_run());
        let told = process.check().unwrap_err().to_string();
        let lines: String = (10..=20).map(|n| format!("    {n}\n")).collect();
        let want =
            format!("it (pid {}) has ended (exit status: 3); the end of its log:\n{lines}    oh no", process.pid());
        assert_eq!(told, want);
        assert!(process.check().is_ok() && !process.is_expected_to_run());
    }

    #[test]
    fn a_process_that_was_killed() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = shell("echo last words; kill -9 $$", folder.path());
        wait_for_end(&mut process);
        let want = format!("it (pid {}) has ended (signal: 9 (SIGKILL))", process.pid());
        assert_eq!(process.check().unwrap_err().to_string(), want);
    }

    #[test]
    fn ends_that_were_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = shell("exec sleep 600", folder.path());
        process.check().unwrap();
        process.ask_to_end();
        wait_for_end(&mut process);
        assert!(process.check().is_ok());
        let mut deaf = shell("trap '' TERM; exec sleep 600", folder.path());
        deaf.kill();
        assert!(deaf.is_gone() && deaf.check().is_ok());
    }

    #[test]
    fn what_can_not_be_started() {
        let folder = tempfile::tempdir().unwrap();
        let error = Process::start("it", Command::new("/nowhere/x"), folder.path().join("log")).err().unwrap();
        assert_eq!(error.to_string(), "can't start it (/nowhere/x): No such file or directory (os error 2)");
        let error = Process::start("it", Command::new("/bin/true"), folder.path().join("no/log")).err().unwrap();
        assert!(error.to_string().starts_with("can't write it's log "), "{error}");
    }
}
