//! Runs the small programs that do a session's work: finds them, and stops those that don't end in time.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::sources::SourceError;

/// Where programs are looked for; the agent's own PATH is not asked, because root runs them.
const FOLDERS: [&str; 5] = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/usr/local/sbin"];
/// How often a running program is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// As much of a program's errors as is passed on.
const MAX_OUTPUT_BYTES: u64 = 1_000;

/// Where a program is.
pub(super) fn find_program(program: &'static str, package: &'static str) -> Result<PathBuf, SourceError> {
    FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join(program))
        .find(|path| path.is_file())
        .ok_or(SourceError::MissingProgram { program, package })
}

/// Runs a program to its end, or stops it after `limit`; anything but exit code 0 is an error.
pub(super) fn run(program: &Path, command: &mut Command, limit: Duration) -> Result<(), SourceError> {
    let failed = |error| SourceError::Run { program: program.to_owned(), error };
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(failed)?;
    match wait(&mut child, limit).map_err(failed)? {
        Some(status) => check(program, &mut child, status),
        None => {
            // It may end at this very moment, which is as good.
            let _ = child.kill();
            child.wait().map_err(failed)?;
            Err(SourceError::TimedOut {
                program: program.to_owned(),
                limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
            })
        }
    }
}

/// Waits until a child ends, or `limit` is over: then there is no status.
pub(super) fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Turns a program's failure into an error that quotes what it wrote.
pub(super) fn check(program: &Path, child: &mut Child, status: ExitStatus) -> Result<(), SourceError> {
    if status.success() {
        return Ok(());
    }
    let mut output = Vec::new();
    if let Some(pipe) = child.stderr.take() {
        // What can't be read is left out: the exit status is the news.
        let _ = pipe.take(MAX_OUTPUT_BYTES).read_to_end(&mut output);
    }
    let output = String::from_utf8_lossy(&output).trim().replace(char::is_control, " ");
    Err(SourceError::Failed { program: program.to_owned(), status, output })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit_ms: u64) -> Result<(), SourceError> {
        let mut command = Command::new("/bin/sh");
        run(Path::new("/bin/sh"), command.args(["-c", script]), Duration::from_millis(limit_ms))
    }

    #[test]
    fn outcomes() {
        assert!(find_program("sh", "dash").is_ok());
        assert_eq!(
            find_program("no-such-program", "nowhere").unwrap_err().to_string(),
            "no-such-program is not installed on this host; install the package that has it (Debian: nowhere)"
        );
        shell("exit 0", 10_000).unwrap();
        assert_eq!(
            shell("echo one >&2; echo two >&2; exit 3", 10_000).unwrap_err().to_string(),
            "/bin/sh failed (exit status: 3): one two"
        );
        assert_eq!(
            shell("exec sleep 60", 50).unwrap_err().to_string(),
            "/bin/sh did not end within 50 ms and was stopped"
        );
        let missing = run(Path::new("/none"), &mut Command::new("/none"), Duration::from_secs(1)).unwrap_err();
        assert_eq!(missing.to_string(), "can't run /none: No such file or directory (os error 2)");
    }
}
