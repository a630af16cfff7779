//! HAProxy in TCP mode: a user's cookie chooses the host, and a table remembers which.

use anyhow::{Context, Result};
use hostler_tests::process::Process;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How long it may take to listen.
const STARTS_WITHIN: Duration = Duration::from_secs(10);

/// A running HAProxy.
#[derive(Debug)]
pub(crate) struct Haproxy {
    process: Process,
}

/// Whether bytes stay in the kernel. It is off unless one asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Splice {
    /// As it comes.
    Off,
    /// `option splice-request` and `option splice-response`.
    On,
}

impl Haproxy {
    /// Starts one at an address, in front of these hosts. It logs a line for each connection into a file, as the
    /// gateway does.
    pub(crate) fn start(
        folder: &Path,
        name: &str,
        at: SocketAddr,
        hosts: &[SocketAddr],
        splice: Splice,
    ) -> Result<Self> {
        let path = folder.join(format!("{name}.cfg"));
        std::fs::write(&path, config(at, hosts, splice)).with_context(|| format!("can't write {}", path.display()))?;
        let mut command = Command::new("haproxy");
        // In the foreground, without the environment's own sockets.
        command.arg("-db").arg("-f").arg(&path);
        let mut process = Process::start(name, folder, command)?;
        hostler_tests::wait::until_true("HAProxy listens", STARTS_WITHIN, || {
            anyhow::ensure!(process.is_running(), "HAProxy has ended; {}", process.tail());
            Ok(std::net::TcpStream::connect(at).is_ok())
        })?;
        Ok(Self { process })
    }

    /// Its process.
    #[must_use]
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }
}

/// As HAProxy's manual has it for `req.rdp_cookie` and `persist rdp-cookie`.
fn config(at: SocketAddr, hosts: &[SocketAddr], splice: Splice) -> String {
    let splice = match splice {
        Splice::Off => "",
        Splice::On => "    option splice-request\n    option splice-response\n",
    };
    let mut text = format!(
        "global\n    maxconn 6000\n    log stdout format raw local0\n\
         defaults\n    mode tcp\n    log global\n    option tcplog\n{splice}    timeout connect 5s\n    timeout client 1h\n    timeout server 1h\n\
         frontend rdp\n    bind {at}\n    maxconn 6000\n    tcp-request inspect-delay 5s\n    tcp-request content accept if RDP_COOKIE\n    default_backend hosts\n\
         backend hosts\n    balance leastconn\n    persist rdp-cookie\n    stick-table type string len 64 size 200k expire 8h\n    stick on req.rdp_cookie(mstshash)\n"
    );
    for (number, host) in hosts.iter().enumerate() {
        let _ = writeln!(text, "    server host-{number:04} {host}");
    }
    text
}
