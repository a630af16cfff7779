//! A member of a farm: its configuration, its folder, and its process, which may be killed and started again.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{STARTS_WITHIN, program};
use crate::lab::Host;
use crate::netlab::Space;
use crate::process::Process;

/// A broker, a gateway or an agent.
#[derive(Debug)]
pub struct Member {
    name: String,
    role: &'static str,
    ip: Ipv4Addr,
    folder: PathBuf,
    config: String,
    /// Its network, where it has one of its own.
    space: Option<Space>,
    /// What runs, where it is not the program under test.
    other: Option<(PathBuf, Vec<String>)>,
    process: Option<Process>,
    paused: bool,
}

impl Member {
    /// Writes the configuration: where its data are, and its role's section.
    pub fn new(name: &str, role: &'static str, ip: Ipv4Addr, folder: PathBuf, section: &str) -> Result<Self> {
        fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
        let path = folder.join("hostler.toml");
        fs::write(&path, format!("data_dir = \"{}\"\n{section}", folder.join("data").display()))?;
        let config = path.to_str().context("the folder's name is no text")?.to_owned();
        Ok(Self {
            name: name.to_owned(),
            role,
            ip,
            folder,
            config,
            space: None,
            other: None,
            process: None,
            paused: false,
        })
    }

    /// Gives it a network of its own: it runs and joins there.
    pub fn in_space(mut self, space: &Space) -> Self {
        self.space = Some(space.clone());
        self
    }

    /// Lets another program do its work.
    pub fn run_by(mut self, program: PathBuf, args: &[&str]) -> Self {
        self.other = Some((program, args.iter().map(|arg| (*arg).to_owned()).collect()));
        self
    }

    /// Its network, where it has one of its own.
    pub fn space(&self) -> Option<&Space> {
        self.space.as_ref()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address.
    pub fn ip(&self) -> Ipv4Addr {
        self.ip
    }

    /// For everything that it writes.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where its key and its data are.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data").join(self.role)
    }

    /// The arguments of a command with its configuration.
    pub fn with<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        [args, &["--config", &self.config]].concat()
    }

    /// Starts it. A broker is waited for until it listens.
    pub fn run(&mut self) -> Result<()> {
        self.run_with(|_| {})
    }

    /// The same, with something else about its process.
    pub fn run_with(&mut self, change: impl FnOnce(&mut Command)) -> Result<()> {
        self.begin_with(change)?;
        self.wait_until_it_runs()
    }

    /// Starts it and does not wait.
    pub fn begin(&mut self) -> Result<()> {
        self.begin_with(|_| {})
    }

    fn begin_with(&mut self, change: impl FnOnce(&mut Command)) -> Result<()> {
        let mut command = match &self.other {
            Some((other, args)) => {
                let mut command = Command::new(other);
                command.args(args).env("HOSTLER_LOG", "info");
                command
            }
            None => self.arguments(Command::new(program()?)),
        };
        if let Some(space) = &self.space {
            space.inside(&mut command);
        }
        change(&mut command);
        self.process = Some(Process::start(&self.name, &self.folder, command)?);
        Ok(())
    }

    /// Starts it inside a host.
    pub fn run_inside(&mut self, host: &Host) -> Result<()> {
        let command = self.arguments(host.command(program()?)?);
        self.process = Some(Process::start_inside(&self.name, &self.folder, command)?);
        self.wait_until_it_runs()
    }

    fn arguments(&self, mut command: Command) -> Command {
        command.args([self.role, "run", "--config", &self.config]).env("HOSTLER_LOG", "info");
        command
    }

    /// Waits until a broker listens. Nobody else says when they do.
    pub fn wait_until_it_runs(&mut self) -> Result<()> {
        if self.role == "broker" {
            self.process()?.wait_for_line("broker is up", STARTS_WITHIN)?;
        }
        Ok(())
    }

    /// The number of its process.
    pub fn pid(&self) -> Result<u32> {
        self.process.as_ref().map(Process::pid).with_context(|| format!("{} never ran", self.name))
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::is_running)
    }

    /// `kill -9`.
    pub fn kill(&mut self) -> Result<()> {
        self.process()?.kill()
    }

    /// Asks it to end in good order, and waits until it has.
    pub fn stop(&mut self, within: Duration) -> Result<()> {
        ensure!(self.process()?.stop(within)?, "{} did not end within {within:?}", self.name);
        Ok(())
    }

    /// Lets it stand still (SIGSTOP).
    pub fn pause(&mut self) -> Result<()> {
        self.paused = true;
        self.process()?.signal(libc::SIGSTOP)
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&mut self) -> Result<()> {
        self.paused = false;
        self.process()?.signal(libc::SIGCONT)
    }

    /// Whether it stands still.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Waits until it ends by itself.
    pub fn wait_for_end(&mut self, within: Duration) -> Result<ExitStatus> {
        self.process()?.wait_for_end(within)
    }

    /// Waits for a line in its log.
    pub fn wait_for_line(&mut self, text: &str, within: Duration) -> Result<String> {
        self.process()?.wait_for_line(text, within)
    }

    /// What it has said since it was started last.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }

    /// What it said last.
    pub fn tail(&self) -> String {
        self.process.as_ref().map(Process::tail).unwrap_or_else(|| format!("{} never ran", self.name))
    }

    /// Its configuration file.
    pub fn config(&self) -> &Path {
        Path::new(&self.config)
    }

    fn process(&mut self) -> Result<&mut Process> {
        let name = &self.name;
        self.process.as_mut().with_context(|| format!("{name} never ran"))
    }
}
