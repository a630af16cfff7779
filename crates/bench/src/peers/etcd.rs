//! Three etcd servers on one machine, each with a disk folder and syncs of its own, as etcd has them by default.

pub(crate) mod client;

use anyhow::{Context, Result, ensure};
use hostler_tests::process::Process;
use hostler_tests::wait;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How long the three may take until they have a leader.
const STARTS_WITHIN: Duration = Duration::from_secs(30);
const CLIENTS: u16 = 2_379;
const PEERS: u16 = 2_380;

/// A running cluster.
#[derive(Debug)]
pub(crate) struct Etcd {
    servers: Vec<Process>,
    ips: Vec<Ipv4Addr>,
}

impl Etcd {
    /// Starts one server at each address.
    pub(crate) fn start(folder: &Path, ips: &[Ipv4Addr]) -> Result<Self> {
        let members: Vec<String> = ips.iter().enumerate().map(|(n, ip)| format!("e{n}=http://{ip}:{PEERS}")).collect();
        let members = members.join(",");
        let start = |(n, ip): (usize, &Ipv4Addr)| {
            let (clients, peers) = (format!("http://{ip}:{CLIENTS}"), format!("http://{ip}:{PEERS}"));
            let mut command = Command::new("etcd");
            command.arg("--name").arg(format!("e{n}")).arg("--data-dir").arg(folder.join(format!("e{n}")));
            for (option, value) in [
                ("--listen-client-urls", &clients),
                ("--advertise-client-urls", &clients),
                ("--listen-peer-urls", &peers),
                ("--initial-advertise-peer-urls", &peers),
                ("--initial-cluster", &members),
            ] {
                command.arg(option).arg(value);
            }
            Process::start(&format!("etcd-{n}"), folder, command)
        };
        let mut etcd = Self { servers: ips.iter().enumerate().map(start).collect::<Result<_>>()?, ips: ips.to_vec() };
        wait::until_true("etcd has a leader", STARTS_WITHIN, || {
            ensure!(etcd.servers.iter_mut().all(Process::is_running), "etcd has ended; {}", etcd.servers[0].tail());
            let endpoints: Vec<String> = etcd.ips.iter().map(|ip| format!("{ip}:{CLIENTS}")).collect();
            let mut command = Command::new("etcdctl");
            command.env("ETCDCTL_API", "3").arg("--endpoints").arg(endpoints.join(",")).args(["endpoint", "health"]);
            Ok(command.output().context("can't start etcdctl")?.status.success())
        })?;
        Ok(etcd)
    }

    /// The servers' processes.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.servers.iter().map(Process::pid).collect()
    }

    /// A connection to one of the servers; they are counted from zero, and begin again.
    pub(crate) async fn client(&self, server: usize) -> Result<client::Client> {
        client::Client::connect(&format!("{}:{CLIENTS}", self.ips[server % self.ips.len()])).await
    }
}
