//! A machine that boots: a small Debian with systemd, sshd and a firewall of its own, in a network of its own. Its root is
//! an overlay on one that `cargo xtask test` has made, so each test has a fresh one.

mod firewall;
mod overlay;
mod probe;

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};

pub use firewall::Firewall;
pub use probe::{Doors, answering};

use crate::netlab::Space;
use crate::process::Process;
use crate::wait;
use overlay::Overlay;

/// Some seconds, where the host has nothing else to do.
const BOOTS_WITHIN: Duration = Duration::from_secs(90);
const SHUTS_DOWN_WITHIN: Duration = Duration::from_secs(60);
/// How long a command there may take, in s.
const COMMAND_LIMIT_S: &str = "60";

/// A machine. Dropping it ends it and everything on it.
#[derive(Debug)]
pub struct Machine {
    name: String,
    space: Space,
    /// From where it is reached.
    admin: Space,
    folder: PathBuf,
    running: Option<Process>,
    /// Last: what runs is on it.
    root: Overlay,
}

impl Machine {
    /// Boots one on a copy of `root`. It is reached from `admin` by a key that nobody else has.
    pub fn boot(name: &str, root: &Path, folder: PathBuf, space: Space, admin: Space) -> Result<Self> {
        fs::create_dir_all(&folder)?;
        let root = Overlay::on(root, &folder)?;
        fs::write(root.path().join("etc/hostname"), format!("{name}\n"))?;
        let key = folder.join("key");
        run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key))?;
        let keys = root.path().join("root/.ssh");
        fs::create_dir_all(&keys)?;
        fs::set_permissions(&keys, fs::Permissions::from_mode(0o700))?;
        fs::copy(folder.join("key.pub"), keys.join("authorized_keys"))?;
        let config = format!(
            "Host *\n  User root\n  IdentityFile {}\n  IdentitiesOnly yes\n  UserKnownHostsFile {}\n  GlobalKnownHostsFile \
             none\n  LogLevel ERROR\n",
            key.display(),
            folder.join("known_hosts").display()
        );
        fs::write(folder.join("ssh_config"), config)?;
        let mut machine = Self { name: name.to_owned(), space, admin, folder, running: None, root };
        machine.start()?;
        Ok(machine)
    }

    /// Its address.
    pub fn ip(&self) -> Ipv4Addr {
        self.space.ip()
    }

    /// Its network.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// The file that tells ssh how to get in.
    pub fn ssh_config(&self) -> PathBuf {
        self.folder.join("ssh_config")
    }

    /// For what a test writes about it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs a script there as root, which must succeed, and gives what it prints, errors too.
    pub fn ssh(&self, script: &str) -> Result<String> {
        let output = self.try_ssh(script)?;
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "on {}, {script:?} failed ({}): {said}", self.name, output.status);
        Ok(said)
    }

    fn try_ssh(&self, script: &str) -> Result<Output> {
        let mut command = Command::new("timeout");
        command.args(["-k", "1", COMMAND_LIMIT_S, "ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5"]);
        // A test's own; what is tested has to ask for it.
        command.args(["-o", "StrictHostKeyChecking=accept-new", "-F"]).arg(self.ssh_config());
        command.arg(self.ip().to_string()).arg(script);
        self.admin.inside(&mut command);
        command.output().context("can't start ssh")
    }

    /// Shuts it down as its own administrator would, and boots it again.
    pub fn reboot(&mut self) -> Result<()> {
        // The connection may be gone before the answer is.
        let _ = self.try_ssh("systemctl poweroff")?;
        let mut running = self.running.take().context("the machine does not run")?;
        running.wait_for_end(SHUTS_DOWN_WITHIN)?;
        self.start()
    }

    fn start(&mut self) -> Result<()> {
        let mut command = Command::new("systemd-nspawn");
        command.args(["--quiet", "--boot", "--register=no", "--keep-unit", "--capability=CAP_NET_ADMIN"]);
        command.arg(format!("--machine={}-{}", self.name, std::process::id()));
        command.arg(format!("--network-namespace-path=/run/netns/{}", self.space.name()));
        command.arg("--directory").arg(self.root.path());
        self.running = Some(Process::start(&format!("boot-{}", self.name), &self.folder, command)?);
        let mut last = String::new();
        let up = wait::until_true("the machine is up", BOOTS_WITHIN, || {
            let running = self.running.as_mut().is_some_and(Process::is_running);
            ensure!(running, "{} ended while it booted", self.name);
            let output = self.try_ssh("systemctl is-system-running --wait")?;
            last = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned();
            Ok(matches!(last.as_str(), "running" | "degraded"))
        });
        up.map_err(|error| anyhow!("{error}; ssh says {last:?}; {}", self.tail()))
    }

    /// What it said last on its console.
    pub fn tail(&self) -> String {
        self.running.as_ref().map(Process::tail).unwrap_or_default()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take()
            // Asked to end, nspawn shuts the machine down in good order and leaves nothing mounted.
            && let Err(error) = running.stop(SHUTS_DOWN_WITHIN)
        {
            eprintln!("{error:#}");
        }
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("can't start {:?}", command.get_program()))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
