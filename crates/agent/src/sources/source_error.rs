//! Why a source could not do what it was asked.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// What went wrong with a session source, with which thing, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file of the system could not be read.
    #[error("can't read {path}: {error}; the agent needs to run as root and to see /proc")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The host has more of something than the agent looks at.
    #[error("{what} is larger than the limit of {limit}; the sessions of this host can't be listed")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: usize,
    },
    /// The session ended before the order came.
    #[error("session {key} of {user} is gone; list the sessions again")]
    Gone {
        /// The session's key.
        key: String,
        /// Its user.
        user: String,
    },
    /// The session has nothing left that could be ended.
    #[error("session {key} of {user} has no window manager any more; it is ending by itself")]
    Ending {
        /// The session's key.
        key: String,
        /// Its user.
        user: String,
    },
    /// The order does not fit this source's sessions.
    #[error("session {key} is not one that the source {source_name} can {action}")]
    Unsupported {
        /// The session's key.
        key: String,
        /// The source's name.
        source_name: &'static str,
        /// What was asked for.
        action: &'static str,
    },
    /// A program that does the work is not installed.
    #[error("{program} is not installed on this host; install the package that has it (Debian: {package})")]
    MissingProgram {
        /// The program's name.
        program: &'static str,
        /// The Debian package that contains it.
        package: &'static str,
    },
    /// A program could not be started or looked after.
    #[error("can't run {program}: {error}")]
    Run {
        /// The program's path.
        program: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A program said that it failed.
    #[error("{program} failed ({status}): {output}")]
    Failed {
        /// The program's path.
        program: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// The beginning of what it wrote as errors.
        output: String,
    },
    /// A program did not end in time.
    #[error("{program} did not end within {limit_ms} ms and was stopped")]
    TimedOut {
        /// The program's path.
        program: PathBuf,
        /// How long it may take.
        limit_ms: u64,
    },
    /// A process could not be told to end.
    #[error("can't end process {pid} of session {key}: {error}")]
    Signal {
        /// The process.
        pid: u32,
        /// The session's key.
        key: String,
        /// What the system said.
        error: io::Error,
    },
    /// The session's user is not in the account database.
    #[error("user id {uid} of session {key} is unknown to this host's account database: {reason}")]
    UnknownAccount {
        /// The user id.
        uid: u32,
        /// The session's key.
        key: String,
        /// What the lookup said.
        reason: String,
    },
    /// A message is too long to be shown.
    #[error("the message has {bytes} bytes; at most {limit} can be shown")]
    MessageTooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// Many messages are on screen and nobody has read them.
    #[error("{limit} messages on this host are still unread; wait until some are closed")]
    TooManyMessages {
        /// How many may be open at once.
        limit: usize,
    },
}
