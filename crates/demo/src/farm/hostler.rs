//! The binary `hostler`: where it is, and running its commands.

use super::process::tie_to_this_process;
use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use std::env;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The variable that names the binary.
const VARIABLE: &str = "HOSTLER_BIN";
/// How long a command may take.
const COMMAND_WAIT: Duration = Duration::from_secs(60);
/// How often it is looked whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The most that is read of what a command says, in bytes.
const OUTPUT_BYTES: u64 = 64 * 1024;

/// The binary.
pub(super) struct Hostler(PathBuf);

/// A command that runs. It is killed where nobody waits for its end.
pub(super) struct Running {
    what: String,
    child: Child,
}

impl Hostler {
    /// The binary that the environment names, else the one beside this one.
    pub(super) fn find() -> Result<Self> {
        let named = env::var_os(VARIABLE).map(PathBuf::from);
        let beside = env::current_exe().ok().map(|me| me.with_file_name("hostler"));
        Self::choose(named, beside)
    }

    fn choose(named: Option<PathBuf>, beside: Option<PathBuf>) -> Result<Self> {
        match (named, beside.filter(|path| path.is_file())) {
            (Some(path), _) if path.is_file() => Ok(Self(path)),
            (Some(path), _) => {
                bail!(
                    "{VARIABLE} says {}, where there is no program; build it: cargo build -p hostler-cli",
                    path.display()
                )
            }
            (None, Some(path)) => Ok(Self(path)),
            (None, None) => bail!(
                "the program hostler is not found: start the farm with `cargo xtask demo`, or name it in {VARIABLE}"
            ),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// A command with a member's configuration.
    pub(super) fn command(&self, config: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.0);
        command.arg("--config").arg(config).args(arguments);
        command
    }

    /// Begins a command that answers in JSON. The input is for what must not be seen in the list of processes.
    pub(super) fn begin(&self, what: &str, config: &Path, arguments: &[&str], input: &str) -> Result<Running> {
        let mut command = self.command(config, arguments);
        command.arg("--json").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        tie_to_this_process(&mut command);
        let mut child = command.spawn().with_context(|| format!("can't start {} for {what}", self.0.display()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that ended at once says itself why; it is read below.
            let _ = stdin.write_all(input.as_bytes());
        }
        Ok(Running { what: what.to_string(), child })
    }
}

impl Running {
    /// Waits for its end, and reads its answer.
    pub(super) async fn answer<T: DeserializeOwned>(mut self) -> Result<T> {
        let deadline = Instant::now() + COMMAND_WAIT;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if Instant::now() >= deadline {
                bail!("{} did not end within {} s", self.what, COMMAND_WAIT.as_secs());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        };
        // It has ended, so all that it said waits in the pipes: an answer is shorter than a pipe is long.
        let said = read(self.child.stdout.take())?;
        if !status.success() {
            let said = format!("{said}{}", read(self.child.stderr.take())?);
            let lines: Vec<String> = said.lines().map(|line| format!("    {line}")).collect();
            bail!("{} failed ({status}); it said:\n{}", self.what, lines.join("\n"));
        }
        serde_json::from_str(&said).with_context(|| format!("the answer to {} is not understood", self.what))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(pipe: Option<impl Read>) -> Result<String> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(OUTPUT_BYTES).read_to_end(&mut bytes)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn where_the_binary_is() {
        let (there, nowhere) = (Path::new("/bin/sh"), Path::new("/nowhere/hostler"));
        for (named, beside, want) in [
            (Some(there), Some(nowhere), Ok("/bin/sh")),
            (None, Some(there), Ok("/bin/sh")),
            (Some(nowhere), Some(there), Err("HOSTLER_BIN says /nowhere/hostler, where there is no program")),
            (None, Some(nowhere), Err("the program hostler is not found")),
            (None, None, Err("the program hostler is not found")),
        ] {
            match (Hostler::choose(named.map(Path::to_path_buf), beside.map(Path::to_path_buf)), want) {
                (Ok(found), Ok(want)) => assert_eq!(found.path(), Path::new(want)),
                (Err(error), Err(part)) if error.to_string().starts_with(part) => {}
                (got, _) => panic!("{named:?} {beside:?}: {:?}", got.map(|found| found.0)),
            }
        }
    }

    #[tokio::test]
    async fn commands() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hostler");
        fs::write(
            &path,
            "#!/bin/sh\nread secret\ncase \"$3\" in\ngood) echo \"[\\\"$1 $2 $4\\\", \\\"$secret\\\"]\";;\nodd) echo hello;;\n*) echo no >&2; exit 4;;\nesac\n",
        )
        .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        let hostler = Hostler::choose(Some(path), None).unwrap();
        for (command, want) in [
            ("good", Ok(vec!["--config /c --json".to_string(), "psst".to_string()])),
            ("odd", Err("the answer to it is not understood")),
            ("bad", Err("it failed (exit status: 4); it said:\n    no")),
        ] {
            let running = hostler.begin("it", Path::new("/c"), &[command], "psst\n").unwrap();
            match (running.answer::<Vec<String>>().await, want) {
                (Ok(got), Ok(want)) => assert_eq!(got, want),
                (Err(error), Err(want)) => assert_eq!(error.to_string(), want),
                (got, _) => panic!("{command}: {got:?}"),
            }
        }
    }
}
