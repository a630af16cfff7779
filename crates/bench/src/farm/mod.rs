//! A farm of ours under measurement: real processes of the program `hostler` as brokers and gateway, and many agents in
//! this process.

pub(crate) mod agents;
pub(crate) mod rest;

use agents::{BenchHost, HostSpec};
use anyhow::{Context, Result, ensure};
use hostler_tests::farm::{Farm, Ground, Member};
use rest::Rest;
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// How long the farm may take until everything is connected.
const WHOLE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What no limit is reached with.
const MUCH: &str = "4000000000";
/// Numbers of the addresses on the ground: the gateway's, the peer's, the agents', and from there on those of others.
pub(crate) const GATEWAY: u8 = 21;
/// The first address of the other side.
pub(crate) const PEER: u8 = 31;
const AGENTS: u8 = 99;
/// The addresses from which clients come.
pub(crate) const CLIENTS: std::ops::Range<u8> = 50..66;

/// The farm. Dropping it ends everything.
pub(crate) struct Ours {
    /// The processes.
    pub(crate) farm: Farm,
    /// The administrator.
    pub(crate) rest: Rest,
    /// The session hosts.
    pub(crate) hosts: Vec<BenchHost>,
    gateway: Option<Member>,
    folder: PathBuf,
    agents_folder: TempDir,
    ips: [Ipv4Addr; 2],
    brokers: usize,
}

impl Ours {
    /// Brokers that run and have the same views.
    pub(crate) fn raise(ground: &Ground, brokers: usize, runtime: &Runtime) -> Result<Self> {
        let place = ground.place("ours");
        let (folder, ips) = (place.folder.clone(), [place.ip(GATEWAY), place.ip(AGENTS)]);
        let mut farm = Farm::begin(place)?;
        for _ in 1..brokers {
            farm.add_broker()?;
        }
        farm.log_in()?;
        farm.wait_until_whole()?;
        let addresses = farm.brokers().iter().map(|broker| broker.ip()).collect();
        let rest = runtime.block_on(Rest::log_in(addresses, farm.cli.password()))?;
        let mut ours = Self {
            farm,
            rest,
            hosts: Vec::new(),
            gateway: None,
            folder,
            agents_folder: agents_folder()?,
            ips,
            brokers,
        };
        for number in 1..=brokers {
            // Beyond three a broker starts as standby; here all of them are to work.
            if brokers > 3 {
                let enable = format!("brokers/b{number}/enable");
                runtime.block_on(ours.rest.post(0, &enable, &json!({})))?;
            }
        }
        ours.set(runtime, "open_door.per_address", MUCH)?;
        ours.set(runtime, "open_door.per_user", MUCH)?;
        ours.set(runtime, "hosts.slow_start", "0s")?;
        Ok(ours)
    }

    /// Changes a setting.
    pub(crate) fn set(&mut self, runtime: &Runtime, key: &str, value: &str) -> Result<()> {
        runtime.block_on(self.rest.put(0, &format!("settings/{key}"), &json!({ "value": value }))).map(|_| ())
    }

    /// A gateway that runs. It takes as many connections from one address as there may be.
    pub(crate) fn add_gateway(&mut self) -> Result<()> {
        let at = self.door();
        let section = format!(
            "[gateway]\naddress = \"{at}\"\nlisten = [\"{at}\"]\nconnections = 6000\nconnections_per_address = 6000\n"
        );
        let mut gateway = Member::new("gw1", "gateway", self.ips[0], self.folder.join("gw1"), &section)?;
        self.farm.join(&gateway, "gateway")?;
        gateway.run()?;
        self.gateway = Some(gateway);
        Ok(())
    }

    /// Hosts at these addresses, connected to all brokers.
    pub(crate) fn add_hosts(&mut self, runtime: &Runtime, at: &[SocketAddr], mut spec: HostSpec) -> Result<()> {
        spec.from = self.ips[1];
        let raised = runtime.block_on(agents::raise(&self.rest, self.agents_folder(), at, spec))?;
        self.hosts.extend(raised);
        self.wait_until_connected(runtime)
    }

    /// Waits until all brokers have links to all hosts and to the gateway.
    pub(crate) fn wait_until_connected(&self, runtime: &Runtime) -> Result<()> {
        let begun = Instant::now();
        let wanted = (Some(self.hosts.len() as u64), u64::from(self.gateway.is_some()));
        runtime.block_on(async {
            for broker in 0..self.brokers {
                loop {
                    let status = self.rest.get(broker, "status").await?;
                    let up = (status["hosts"]["up"].as_u64(), status["gateways"]["up"].as_u64().unwrap_or(0));
                    if up == wanted {
                        break;
                    }
                    ensure!(begun.elapsed() < WHOLE, "broker {broker} is not connected to everybody: {status}");
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
            Ok(())
        })
    }

    /// For what the agents write.
    pub(crate) fn agents_folder(&self) -> &Path {
        self.agents_folder.path()
    }

    /// Where clients find the gateway.
    #[must_use]
    pub(crate) fn door(&self) -> SocketAddr {
        SocketAddr::from((self.ips[0], 3389))
    }

    /// The gateway's process.
    pub(crate) fn gateway_pid(&self) -> Result<u32> {
        self.gateway.as_ref().context("there is no gateway")?.pid()
    }

    /// The brokers' processes.
    pub(crate) fn broker_pids(&mut self) -> Result<Vec<u32>> {
        self.farm.brokers().iter().map(|broker| broker.pid()).collect()
    }

    /// Ends the agents; the processes end with the farm.
    pub(crate) fn stop(mut self, runtime: &Runtime) {
        runtime.block_on(async {
            let ends = self.hosts.iter_mut().map(BenchHost::stop);
            futures::future::join_all(ends).await;
        });
    }
}

/// In memory, where there is a file system for that: an agent writes to its own host's disk, and hundreds of them would be
/// in each other's and the brokers' way on the one disk here.
fn agents_folder() -> Result<TempDir> {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.context("there is no folder for the agents' files")
}
