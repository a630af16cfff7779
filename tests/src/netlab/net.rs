//! Namespaces, and the bridge between them.

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::cuts::Cuts;
use super::run_name::{RunName, remove_left_overs};
use super::space::Space;

/// All members are in this network, which no other run can see.
const NETWORK: [u8; 3] = [10, 77, 0];
const PREFIX_BITS: u8 = 24;
/// The namespace that has the bridge.
const SWITCH: &str = "switch";

/// The networks of one run. Dropping it removes them, and the run's folder.
#[derive(Debug)]
pub struct Net {
    run: RunName,
    switch: String,
    namespaces: Vec<String>,
    cuts: Cuts,
    folder: TempDir,
}

impl Net {
    /// A bridge that nothing is connected to yet.
    pub fn new() -> Result<Self> {
        remove_left_overs();
        let run = RunName::new()?;
        let folder = tempfile::Builder::new().prefix(run.prefix()).tempdir().context("can't make the run's folder")?;
        let switch = run.of(SWITCH);
        let net = Self { cuts: Cuts::new(&switch), namespaces: vec![switch.clone()], run, switch, folder };
        feed("ip", &["-batch", "-"], &format!("netns add {}\n", net.switch))?;
        feed("ip", &["-n", &net.switch, "-batch", "-"], "link add bridge type bridge\nlink set bridge up\n")?;
        net.cuts.prepare()?;
        Ok(net)
    }

    /// For everything that the run writes.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The address with this number.
    pub fn ip(&self, number: u8) -> Ipv4Addr {
        let [a, b, c] = NETWORK;
        Ipv4Addr::new(a, b, c, number)
    }

    /// A namespace of its own for a member, with an address, connected to the bridge.
    pub fn add(&mut self, member: &str, number: u8) -> Result<Space> {
        let (name, ip) = (self.run.of(member), self.ip(number));
        self.namespaces.push(name.clone());
        feed("ip", &["-batch", "-"], &format!("netns add {name}\n"))?;
        let cable = format!(
            "link add port{number} type veth peer name eth0 netns {name}\nlink set port{number} master bridge up\n"
        );
        feed("ip", &["-n", &self.switch, "-batch", "-"], &cable)?;
        let own = format!("link set lo up\naddr add {ip}/{PREFIX_BITS} dev eth0\nlink set eth0 up\n");
        feed("ip", &["-n", &name, "-batch", "-"], &own)?;
        Space::open(&name, ip)
    }

    /// What is cut.
    pub(super) fn cuts(&self) -> &Cuts {
        &self.cuts
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for name in &self.namespaces {
            remove_namespace(name);
        }
    }
}

/// Removes a namespace; with it go its ends of cables. Nothing happens where it is gone.
pub(super) fn remove_namespace(name: &str) {
    let _ = Command::new("ip").args(["netns", "delete", name]).stderr(Stdio::null()).status();
}

/// Runs a program to its end with something to read; it must succeed.
pub(super) fn feed(program: &str, args: &[&str], input: &str) -> Result<()> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("can't start {program}"))?;
    // The pipe is closed at the end of the statement, so that the program sees the end of its input.
    child.stdin.take().context("no pipe to write to")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{program} {args:?} with {input:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
