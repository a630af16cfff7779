//! The machine that this program runs on.

use crate::machine::{Machine, MachineError, OUTPUT_BYTES, Ran, needs_sudo, within, words};
use std::process::Stdio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

/// The machine that this program runs on.
#[derive(Debug)]
pub struct ThisMachine {
    sudo: bool,
}

const NAME: &str = "this machine";

impl ThisMachine {
    /// Finds out whether scripts need sudo here.
    ///
    /// # Errors
    /// [`MachineError::NotRoot`] where neither root nor sudo is to be had.
    pub async fn new() -> Result<Self, MachineError> {
        let sudo = needs_sudo(NAME, |script| async move { start(&words(false, script), script, &[]).await }).await?;
        Ok(Self { sudo })
    }
}

impl Machine for ThisMachine {
    fn name(&self) -> &str {
        NAME
    }

    async fn run(&self, script: &str, stdin: &[u8]) -> Result<Ran, MachineError> {
        start(&words(self.sudo, script), script, stdin).await
    }
}

async fn start(words: &[String], script: &str, stdin: &[u8]) -> Result<Ran, MachineError> {
    let failed = |why: std::io::Error| MachineError::Start { machine: NAME.to_string(), why: why.to_string() };
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    let (pipe, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    within(NAME, script, async {
        let (written, out, err) = tokio::join!(feed(pipe, stdin), drink(out), drink(err));
        let status = child.wait().await.map_err(failed)?;
        // Whoever does not read what it is given says why itself.
        if status.success() {
            written.map_err(failed)?;
        }
        Ok(Ran { code: status.code(), out: out.map_err(failed)?, err: err.map_err(failed)? })
    })
    .await
}

/// Writes everything and closes the pipe.
pub(crate) async fn feed<W: tokio::io::AsyncWrite + Unpin>(pipe: Option<W>, bytes: &[u8]) -> std::io::Result<()> {
    let Some(mut pipe) = pipe else { return Ok(()) };
    pipe.write_all(bytes).await?;
    pipe.shutdown().await
}

/// Reads everything, up to the limit.
pub(crate) async fn drink<R: tokio::io::AsyncRead + Unpin>(pipe: Option<R>) -> std::io::Result<String> {
    let Some(pipe) = pipe else { return Ok(String::new()) };
    let mut bytes = Vec::new();
    pipe.take(OUTPUT_BYTES).read_to_end(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// Without root: what is tested is how scripts are run.
    const HERE: ThisMachine = ThisMachine { sudo: false };

    #[tokio::test]
    async fn scripts_run() {
        let ran = HERE.run("cat; echo err >&2; exit 3", b"in").await.unwrap();
        assert_eq!(ran, Ran { code: Some(3), out: "in".into(), err: "err\n".into() });
        assert_eq!(HERE.must("false; echo on", &[]).await.unwrap_err().to_string(), "exit code 1 of: false; echo on");
        // More than a pipe holds, and nobody reads it.
        assert_eq!(HERE.run("exit 0", &[0; 1_000_000]).await.unwrap_err().to_string().split(':').count(), 2);
    }

    #[tokio::test]
    async fn files_are_copied_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a folder").join("file");
        let text = path.to_str().unwrap();
        HERE.copy(b"one", text, 0o640, "").await.unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        HERE.copy(b"two", text, 0o640, "grep -q three \"$new\"").await.unwrap_err();
        assert_eq!(HERE.read(text).await.unwrap(), "one");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
