//! Running other programs: with their output shown, captured, watched line by line, or within a time limit.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// How often a program with a time limit is looked at.
const POLL: Duration = Duration::from_millis(50);

/// Where administrators' programs live; a plain user's PATH lacks these folders on Debian.
const SYSTEM_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// The full path of a program, looked for in PATH and in the administrators' folders.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(SYSTEM_FOLDERS.map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Runs it with its output shown; whether it ended with success.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool> {
    Ok(command.stdin(Stdio::null()).status().with_context(|| format!("cannot start {}", name_of(command)))?.success())
}

/// What it prints on stdout; an error with its stderr if it fails.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {}", name_of(command)))?;
    if !output.status.success() {
        bail!("{} failed ({}):\n{}", name_of(command), output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("{} printed something that is not UTF-8", name_of(command)))
}

/// Runs it, shows every line of stdout and stderr as it comes, and hands each to `look`; whether it succeeded.
pub(crate) fn watch(command: &mut Command, mut look: impl FnMut(&str)) -> Result<bool> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", name_of(command)))?;
    let (sender, lines) = mpsc::sync_channel(64);
    let streams: [Option<Box<dyn Read + Send>>; 2] =
        [child.stdout.take().map(|out| Box::new(out) as _), child.stderr.take().map(|err| Box::new(err) as _)];
    for stream in streams.into_iter().flatten() {
        let sender = sender.clone();
        thread::spawn(move || {
            // Bytes, not strings: one line of rubbish must not end the reading, or the program would block.
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
            }
        });
    }
    drop(sender);
    for line in lines {
        println!("{line}");
        look(&line);
    }
    Ok(child.wait().with_context(|| format!("cannot wait for {}", name_of(command)))?.success())
}

/// How a program with a time limit ended.
pub(crate) enum Ended {
    InTime(ExitStatus),
    /// It took longer, and was killed.
    TooLate,
}

/// Runs it for at most `limit`. `meanwhile` is called every time it is looked at, with the time since the start.
pub(crate) fn within(command: &mut Command, limit: Duration, mut meanwhile: impl FnMut(Duration)) -> Result<Ended> {
    let mut child =
        command.stdin(Stdio::null()).spawn().with_context(|| format!("cannot start {}", name_of(command)))?;
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().with_context(|| format!("cannot wait for {}", name_of(command)))? {
            return Ok(Ended::InTime(status));
        }
        if start.elapsed() >= limit {
            // An error here means that it ended by itself just now, which the wait below finds too.
            let _ = child.kill();
            child.wait().with_context(|| format!("cannot wait for {}", name_of(command)))?;
            return Ok(Ended::TooLate);
        }
        meanwhile(start.elapsed());
        thread::sleep(POLL);
    }
}

fn name_of(command: &Command) -> String {
    let first = command.get_args().next().map(OsStr::to_string_lossy).unwrap_or_default();
    format!("`{} {first}`", command.get_program().to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_program_that_takes_too_long_is_killed() {
        let ended = within(&mut shell("exec sleep 600"), Duration::from_millis(200), |_| {}).unwrap();
        assert!(matches!(ended, Ended::TooLate));
        let ended = within(&mut shell("exit 3"), Duration::from_secs(30), |_| {}).unwrap();
        assert!(matches!(ended, Ended::InTime(status) if status.code() == Some(3)));
    }

    #[test]
    fn every_line_of_both_streams_is_seen() {
        let mut seen = Vec::new();
        let passed = watch(&mut shell("echo out; echo err >&2; printf 'a\\377\\n'; exit 1"), |line| {
            seen.push(line.to_owned());
        });
        seen.sort();
        assert!(!passed.unwrap());
        assert_eq!(seen, ["a\u{fffd}", "err", "out"]);
    }
}
