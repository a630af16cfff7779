//! A machine over SSH, by the user's own `ssh`: so their configuration, agents and jump hosts work.

use crate::machine::{Machine, MachineError, Ran, needs_sudo, within, words};
use crate::this_machine::{drink, feed};
use openssh::{ControlPersist, KnownHosts, Session, SessionBuilder, Stdio};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// How long a connection may take to come up, in ms.
const CONNECT_MS: u64 = 15_000;
/// How often ssh asks whether the other side is there, in ms.
const ALIVE_MS: u64 = 10_000;
/// How long ssh stays without work, in s: where this program is killed, its connection ends by itself.
const IDLE_S: NonZeroUsize = NonZeroUsize::MIN.saturating_add(29);

/// How to reach a machine. What is not said here is as ~/.ssh/config says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SshOptions {
    /// Who to log in as.
    pub user: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// The file of the key to use.
    pub identity: Option<PathBuf>,
    /// Another configuration file than ~/.ssh/config.
    pub config: Option<PathBuf>,
    /// Whether the key of a machine that was never seen is taken as its own.
    pub accept_new_key: bool,
}

/// A machine over SSH.
#[derive(Debug)]
pub struct SshMachine {
    name: String,
    session: Session,
    sudo: bool,
}

impl SshMachine {
    /// Connects, and finds out whether scripts need sudo there.
    ///
    /// # Errors
    /// [`MachineError::Connect`] and [`MachineError::NotRoot`].
    pub async fn connect(name: &str, options: &SshOptions) -> Result<Self, MachineError> {
        let failed = |error: openssh::Error| MachineError::Connect {
            machine: name.to_string(),
            why: advice(name, options, &chain(&error)),
        };
        let session = builder(options).connect(name).await.map_err(failed)?;
        let sudo = needs_sudo(name, |script| {
            let session = &session;
            async move { start(session, name, &words(false, script), script, &[]).await }
        })
        .await?;
        Ok(Self { name: name.to_string(), session, sudo })
    }
}

impl Machine for SshMachine {
    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, script: &str, stdin: &[u8]) -> Result<Ran, MachineError> {
        start(&self.session, &self.name, &words(self.sudo, script), script, stdin).await
    }
}

fn builder(options: &SshOptions) -> SessionBuilder {
    let mut builder = SessionBuilder::default();
    builder
        .known_hosts_check(if options.accept_new_key { KnownHosts::Add } else { KnownHosts::Strict })
        .connect_timeout(Duration::from_millis(CONNECT_MS))
        .server_alive_interval(Duration::from_millis(ALIVE_MS))
        .control_persist(ControlPersist::IdleFor(IDLE_S));
    if let Some(user) = &options.user {
        builder.user(user.clone());
    }
    if let Some(port) = options.port {
        builder.port(port);
    }
    if let Some(identity) = &options.identity {
        builder.keyfile(identity);
    }
    if let Some(config) = &options.config {
        builder.config_file(config);
    }
    builder
}

async fn start(
    session: &Session,
    machine: &str,
    words: &[String],
    script: &str,
    stdin: &[u8],
) -> Result<Ran, MachineError> {
    let failed = |why: String| MachineError::Start { machine: machine.to_string(), why };
    let mut command = session.command(words[0].as_str());
    command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().await.map_err(|e| failed(chain(&e)))?;
    let (pipe, out, err) = (child.stdin().take(), child.stdout().take(), child.stderr().take());
    within(machine, script, async {
        let (written, out, err) = tokio::join!(feed(pipe, stdin), drink(out), drink(err));
        let status = child.wait().await.map_err(|e| failed(chain(&e)))?;
        // Whoever does not read what it is given says why itself.
        if status.success() {
            written.map_err(|e| failed(e.to_string()))?;
        }
        let (out, err) = (out.map_err(|e| failed(e.to_string()))?, err.map_err(|e| failed(e.to_string()))?);
        Ok(Ran { code: status.code(), out, err })
    })
    .await
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// What ssh said, and what to do about it.
fn advice(name: &str, options: &SshOptions, said: &str) -> String {
    let said = said.trim();
    let user = options.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
    if said.contains("Host key verification failed") {
        return format!(
            "its key is not known here: connect once by hand (ssh {user}{name}) and compare the fingerprint, or give \
             --accept-new-key where you trust the network ({said})"
        );
    }
    if said.contains("Permission denied") {
        return format!(
            "it lets nobody in without a question: set up a key or an agent so that `ssh {user}{name}` asks nothing \
             ({said})"
        );
    }
    format!("{said}. Try: ssh {user}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_about_a_connection_that_fails() {
        let ann = SshOptions { user: Some("ann".into()), ..SshOptions::default() };
        for (options, said, want) in [
            (
                SshOptions::default(),
                "Host key verification failed.",
                "its key is not known here: connect once by hand (ssh b2) and compare the fingerprint, or give \
                 --accept-new-key where you trust the network (Host key verification failed.)",
            ),
            (
                ann,
                "Permission denied (publickey).",
                "it lets nobody in without a question: set up a key or an agent so that `ssh ann@b2` asks nothing \
                 (Permission denied (publickey).)",
            ),
            (SshOptions::default(), "Connection refused\n", "Connection refused. Try: ssh b2"),
        ] {
            assert_eq!(advice("b2", &options, said), want);
        }
    }
}
