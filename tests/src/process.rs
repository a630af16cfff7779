//! A process that a test started, with everything it says in a file. It ends with the test, however the test ends.

mod spawner;

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use crate::wait;

/// How much of its output an error quotes.
const TAIL_LINES: usize = 25;

/// A child process. Dropping it kills it, by its pid; so does the end of the test program, even a violent one.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    /// Where this run's part of the log begins: a process that is started again appends.
    log_start: u64,
    /// The child only waits for the real process, which runs in other namespaces.
    wrapped: bool,
}

impl Process {
    /// Starts a command; what it prints goes to `folder/name.log`, after what an earlier process of the name printed.
    pub fn start(name: &str, folder: &Path, command: Command) -> Result<Self> {
        Self::start_as(name, folder, command, false)
    }

    /// Starts a command made by [`Host::command`](crate::lab::Host::command).
    pub fn start_inside(name: &str, folder: &Path, command: Command) -> Result<Self> {
        Self::start_as(name, folder, command, true)
    }

    fn start_as(name: &str, folder: &Path, mut command: Command, wrapped: bool) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let output = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("can't write {}", log.display()))?;
        let log_start = output.metadata()?.len();
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        // SAFETY: prctl is a plain system call, which is allowed between fork and exec.
        unsafe {
            command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            });
        }
        let program = command.get_program().to_owned();
        let child = spawner::spawn(command).with_context(|| format!("can't start {name} ({})", program.display()))?;
        Ok(Self { name: name.to_owned(), child, log, log_start, wrapped })
    }

    /// The process that was started here; for one inside a host, the one that waits for it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The process that does the work, as this machine numbers it.
    pub fn working_pid(&self) -> Result<u32> {
        if self.wrapped { only_child(self.pid()) } else { Ok(self.pid()) }
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it has printed so far.
    pub fn log(&self) -> String {
        let read = || -> std::io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            let mut file = File::open(&self.log)?;
            file.seek(SeekFrom::Start(self.log_start))?;
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The last lines that it printed, with its name, for an error.
    pub fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        format!("last lines of {}:\n{}", self.name, lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n"))
    }

    /// Waits until it has printed a line that contains `text`, and gives that line. Fails if it ends before.
    pub fn wait_for_line(&mut self, text: &str, within: Duration) -> Result<String> {
        let what = format!("{} prints {text:?}", self.name);
        let found = wait::until(&what, within, || {
            // Asked before reading: what a process prints last must not be missed.
            let running = self.is_running();
            let log = self.log();
            // The part after the last line break may be half a line.
            let complete = log.rsplit_once('\n').map_or("", |(lines, _)| lines);
            match complete.lines().find(|line| line.contains(text)) {
                Some(line) => Ok(Some(line.to_owned())),
                None if running => Ok(None),
                None => bail!("{} ended before it printed {text:?}", self.name),
            }
        });
        found.map_err(|error| anyhow!("{error}; {}", self.tail()))
    }

    /// Waits until it ends by itself.
    pub fn wait_for_end(&mut self, within: Duration) -> Result<ExitStatus> {
        let what = format!("{} ends", self.name);
        wait::until(&what, within, || Ok(self.child.try_wait()?)).map_err(|error| anyhow!("{error}; {}", self.tail()))
    }

    /// Sends a signal to the process that does the work.
    pub fn signal(&self, signal: i32) -> Result<()> {
        let pid = libc::pid_t::try_from(self.working_pid()?)?;
        // SAFETY: kill takes two integers. The pid is a child of ours that was not waited for, or its child.
        match unsafe { libc::kill(pid, signal) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()).with_context(|| format!("can't signal {}", self.name)),
        }
    }

    /// Asks it to end; kills it if it has not ended within `grace`. Tells whether it ended by itself.
    pub fn stop(&mut self, grace: Duration) -> Result<bool> {
        if self.is_running() && self.signal(libc::SIGTERM).is_ok() && self.wait_for_end(grace).is_ok() {
            return Ok(true);
        }
        let ended = !self.is_running();
        self.kill()?;
        Ok(ended)
    }

    /// Kills it at once, as a crash would, and waits until it is gone. Nothing happens if it has ended.
    pub fn kill(&mut self) -> Result<()> {
        // One that runs inside a host is killed itself, so that it is gone when the one that waits for it is. If it
        // has no process yet, the waiting one is killed, and the death signal does the rest.
        let inner_killed = self.wrapped && self.is_running() && self.signal(libc::SIGKILL).is_ok();
        if !inner_killed && self.is_running() {
            self.child.kill().with_context(|| format!("can't kill {}", self.name))?;
        }
        self.child.wait().with_context(|| format!("can't wait for {}", self.name))?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            eprintln!("{error:#}");
        }
    }
}

/// The one child of a process that does nothing but wait for it.
pub(crate) fn only_child(pid: u32) -> Result<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = fs::read_to_string(&path).with_context(|| format!("can't read {path}"))?;
    match children.split_whitespace().collect::<Vec<_>>().as_slice() {
        [child] => Ok(child.parse()?),
        other => bail!("process {pid} has {} children instead of one", other.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn shell(folder: &Path, name: &str, script: &str) -> Process {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        Process::start(name, folder, command).unwrap()
    }

    #[test]
    fn lines_ends_and_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = shell(folder.path(), "p", "echo ready at 5; exec sleep 100");
        assert_eq!(first.wait_for_line("ready", LONG).unwrap(), "ready at 5");
        assert!(first.is_running());
        assert!(first.stop(LONG).unwrap());
        assert!(!first.is_running());

        let mut second = shell(folder.path(), "p", "printf half; exit 3");
        assert_eq!(second.wait_for_end(LONG).unwrap().code(), Some(3));
        assert_eq!(second.log(), "half");
        let error = second.wait_for_line("ready", LONG).unwrap_err().to_string();
        assert_eq!(error, "p ended before it printed \"ready\"; last lines of p:\nhalf");
        assert_eq!(fs::read_to_string(folder.path().join("p.log")).unwrap(), "ready at 5\nhalf");
    }

    #[test]
    fn dropping_kills_what_ignores_polite_requests() {
        let folder = tempfile::tempdir().unwrap();
        let mut stubborn = shell(folder.path(), "p", "trap '' TERM; echo ready; while :; do sleep 0.1; done");
        stubborn.wait_for_line("ready", LONG).unwrap();
        let pid = stubborn.pid();
        assert!(!stubborn.stop(Duration::from_millis(100)).unwrap());
        drop(stubborn);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn a_process_outlives_the_thread_that_started_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let mut process = std::thread::spawn(move || shell(&path, "p", "exec sleep 100")).join().unwrap();
        // The signal would have come with the thread's end, which join has seen.
        assert!(process.is_running());
        process.kill().unwrap();
    }
}
