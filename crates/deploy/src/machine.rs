//! A machine, as the steps see it: something that runs shell scripts as root.

use crate::shell::quote;
use std::future::Future;
use std::time::Duration;

/// How long one script may take, in ms. Copying the program takes the longest.
const SCRIPT_MS: u64 = 10 * 60 * 1_000;
/// The most that is read of what a script prints, in bytes.
pub(crate) const OUTPUT_BYTES: u64 = 16 * 1024 * 1024;
/// Before every script: administrators' programs must be found, and speak English; and a script ends where it fails.
pub(crate) const PRELUDE: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C; export PATH LC_ALL; umask 022; set -e\n";

/// What a script printed, and how it ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ran {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

/// Why a machine could not do something.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// There is no connection.
    #[error("can't reach {machine} over SSH: {why}")]
    Connect {
        /// Which machine.
        machine: String,
        /// What ssh said.
        why: String,
    },
    /// Neither root nor sudo without a password.
    #[error(
        "on {machine}, {user} is not root and can't use sudo without a password ({why}): log in as root (--user root), \
         or let {user} use sudo without one"
    )]
    NotRoot {
        /// Which machine.
        machine: String,
        /// Who is logged in there.
        user: String,
        /// What sudo said.
        why: String,
    },
    /// A script could not be started, or its output not be read.
    #[error("can't run a command on {machine}: {why}")]
    Start {
        /// Which machine.
        machine: String,
        /// What went wrong.
        why: String,
    },
    /// A script did not end.
    #[error("a command on {machine} did not end within {after_ms} ms: {script}")]
    TooLong {
        /// Which machine.
        machine: String,
        /// The limit.
        after_ms: u64,
        /// The script's first line.
        script: String,
    },
    /// A script failed.
    #[error("{said}")]
    Failed {
        /// What it said, or that it failed.
        said: String,
    },
}

/// A machine that runs shell scripts as root.
pub trait Machine: Sync {
    /// What people call it.
    fn name(&self) -> &str;

    /// Runs a script as root to its end, whatever that is. `stdin` is what it reads: never a part of a command line,
    /// which everybody on the machine could see.
    fn run(&self, script: &str, stdin: &[u8]) -> impl Future<Output = Result<Ran, MachineError>> + Send;

    /// Runs a script that must succeed, and gives what it prints.
    fn must(&self, script: &str, stdin: &[u8]) -> impl Future<Output = Result<String, MachineError>> + Send {
        async move {
            let ran = self.run(script, stdin).await?;
            match ran.code {
                Some(0) => Ok(ran.out),
                _ => Err(MachineError::Failed { said: said(&ran, script) }),
            }
        }
    }

    /// Copies bytes into a file, all or not at all: under another name first, then renamed. `check` is a shell command
    /// that must succeed before, with `$new` for the file.
    fn copy(
        &self,
        bytes: &[u8],
        path: &str,
        mode: u32,
        check: &str,
    ) -> impl Future<Output = Result<(), MachineError>> + Send {
        async move { self.must(&copy_script(path, mode, check), bytes).await.map(drop) }
    }

    /// Reads a file.
    fn read(&self, path: &str) -> impl Future<Output = Result<String, MachineError>> + Send {
        async move { self.must(&format!("cat -- {}", quote(path)), &[]).await }
    }
}

/// The script of [`Machine::copy`].
pub(crate) fn copy_script(path: &str, mode: u32, check: &str) -> String {
    let folder = path.rsplit_once('/').map_or(".", |(folder, _)| if folder.is_empty() { "/" } else { folder });
    let check = if check.is_empty() { String::new() } else { format!("{check}\n") };
    format!(
        "mkdir -p {folder}\nnew={new}\ntrap 'rm -f \"$new\"' EXIT\ncat > \"$new\"\nchmod {mode:04o} \"$new\"\n\
         {check}sync \"$new\"\nmv -f \"$new\" {path}\n",
        folder = quote(folder),
        new = quote(&format!("{path}.new")),
        path = quote(path),
    )
}

/// What a script that failed said, in one text.
fn said(ran: &Ran, script: &str) -> String {
    let text = [ran.err.trim(), ran.out.trim()].into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let how = ran.code.map_or("it was ended by a signal".to_string(), |code| format!("exit code {code}"));
    match text {
        "" => format!("{how} of: {}", first_line(script)),
        text => text.to_string(),
    }
}

/// The limit on one script.
pub(crate) async fn within<T>(
    machine: &str,
    script: &str,
    work: impl Future<Output = Result<T, MachineError>>,
) -> Result<T, MachineError> {
    let late = |_| MachineError::TooLong {
        machine: machine.to_string(),
        after_ms: SCRIPT_MS,
        script: first_line(script).to_string(),
    };
    tokio::time::timeout(Duration::from_millis(SCRIPT_MS), work).await.map_err(late)?
}

fn first_line(script: &str) -> &str {
    script.trim().lines().next().unwrap_or_default()
}

/// The words that run a script as root.
pub(crate) fn words(sudo: bool, script: &str) -> Vec<String> {
    let sudo: &[&str] = if sudo { &["sudo", "-n"] } else { &[] };
    let mut words: Vec<String> = sudo.iter().chain(&["sh", "-c"]).map(ToString::to_string).collect();
    words.push(format!("{PRELUDE}{script}"));
    words
}

/// Finds out whether scripts need sudo. `run` runs one as whoever is logged in.
pub(crate) async fn needs_sudo<F, R>(machine: &str, run: F) -> Result<bool, MachineError>
where
    F: FnOnce(&'static str) -> R,
    R: Future<Output = Result<Ran, MachineError>>,
{
    let ran = run("if [ \"$(id -u)\" = 0 ]; then echo root; else id -un; sudo -n true; echo sudo; fi").await?;
    let mut lines = ran.out.lines();
    let user = lines.next().unwrap_or_default().to_string();
    match (user.as_str(), lines.next()) {
        ("root", None) => Ok(false),
        (_, Some("sudo")) => Ok(true),
        _ => {
            let why = ran.err.trim().lines().next_back().unwrap_or("no answer").to_string();
            Err(MachineError::NotRoot { machine: machine.to_string(), user, why })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_file_is_copied() {
        assert_eq!(
            copy_script("/usr/local/bin/hostler", 0o755, "\"$new\" --version"),
            "mkdir -p /usr/local/bin\nnew=/usr/local/bin/hostler.new\ntrap 'rm -f \"$new\"' EXIT\ncat > \"$new\"\n\
             chmod 0755 \"$new\"\n\"$new\" --version\nsync \"$new\"\nmv -f \"$new\" /usr/local/bin/hostler\n"
        );
    }

    #[test]
    fn what_is_said_of_a_failure() {
        for (code, out, err, want) in [
            (Some(1), "out\n", "err\n", "err"),
            (Some(1), "out\n", "", "out"),
            (Some(3), "", "", "exit code 3 of: first"),
            (None, "", "", "it was ended by a signal of: first"),
        ] {
            assert_eq!(said(&Ran { code, out: out.into(), err: err.into() }, "first\nsecond"), want);
        }
    }
}
