//! The command line, with a stored logon of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::program;
use crate::netlab::Space;

/// How long a command may take, in s.
const COMMAND_LIMIT_S: &str = "60";

/// Runs `hostler` with a logon that is stored apart from the user's own.
#[derive(Clone, Debug)]
pub struct Cli {
    program: PathBuf,
    folder: PathBuf,
    password: String,
    /// Where it runs, if not in the machine's own network.
    space: Option<Space>,
}

impl Cli {
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        Ok(Self { program: program()?, folder: folder.to_owned(), password: String::new(), space: None })
    }

    pub(crate) fn set_password(&mut self, password: String) {
        self.password = password;
    }

    /// The administrator's password.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The same logon, used from inside a network.
    pub fn inside(&self, space: &Space) -> Self {
        Self { space: Some(space.clone()), ..self.clone() }
    }

    /// Runs a command to its end, whatever that is.
    pub fn output(&self, args: &[&str]) -> Result<Output> {
        let mut command = Command::new("timeout");
        command.args(["-k", "1", COMMAND_LIMIT_S]).arg(&self.program).args(args);
        self.environment(&mut command);
        command.output().context("can't start timeout")
    }

    /// Gives a command of `hostler` this logon.
    pub fn environment(&self, command: &mut Command) {
        command
            .env("HOSTLER_CONFIG_DIR", &self.folder)
            .env("HOSTLER_PASSWORD", &self.password)
            .env_remove("HOSTLER_TOKEN");
        if let Some(space) = &self.space {
            space.inside(command);
        }
    }

    /// Runs a command that must succeed, and gives what it prints.
    pub fn run(&self, args: &[&str]) -> Result<String> {
        let output = self.output(args)?;
        if !output.status.success() {
            bail!("hostler {args:?} failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The same, for what answers in JSON.
    pub fn json(&self, args: &[&str]) -> Result<Value> {
        let text = self.run(&[args, &["--json"]].concat())?;
        serde_json::from_str(&text).with_context(|| format!("hostler {args:?} printed {text:?}"))
    }

    /// Runs a command that must fail with this exit code, and gives what it says.
    pub fn refused(&self, code: i32, args: &[&str]) -> Result<String> {
        let output = self.output(args)?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.code() != Some(code) {
            bail!("hostler {args:?} should have failed with {code}, and ended with {}: {said}", output.status);
        }
        Ok(said)
    }
}
