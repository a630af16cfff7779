//! The configuration file: what is local to a machine. Everything else is in the farm's log.

use anyhow::{Context, Result, bail};
use hostler_model::{Address, ports};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// Where the configuration is looked for unless said otherwise.
pub(crate) const DEFAULT_CONFIG: &str = "/etc/hostler/hostler.toml";

/// What is local to a machine. Unknown keys are errors: a misspelt one would silently do nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LocalConfig {
    /// Where keys, the log and what else must outlive a restart are kept.
    #[serde(default = "default_data_dir")]
    pub(crate) data_dir: PathBuf,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) broker: Option<BrokerSection>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gateway: Option<GatewaySection>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<AgentSection>,
}

/// A broker on this machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BrokerSection {
    /// The name or address by which the others reach this machine.
    pub(crate) address: String,
    /// The address on which it listens; all of them if not given.
    #[serde(default = "any")]
    pub(crate) listen: IpAddr,
    #[serde(default = "join_port")]
    pub(crate) join_port: u16,
    #[serde(default = "access_port")]
    pub(crate) access_port: u16,
    #[serde(default = "agent_port")]
    pub(crate) agent_port: u16,
    #[serde(default = "peer_port")]
    pub(crate) peer_port: u16,
}

/// A gateway on this machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GatewaySection {
    /// Where clients reach it: a name or address, and a port.
    pub(crate) address: Address,
    /// Where it listens.
    #[serde(default = "rdp_everywhere")]
    pub(crate) listen: Vec<SocketAddr>,
    /// Connections of clients at once.
    #[serde(default)]
    pub(crate) connections: Option<usize>,
    /// The same from one address.
    #[serde(default)]
    pub(crate) connections_per_address: Option<usize>,
}

/// Where an agent finds its sessions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SourceName {
    /// xrdp with Xorg, on this machine.
    #[default]
    Xrdp,
}

/// An agent on this machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentSection {
    /// Where gateways reach this host's RDP: a name or address, and a port.
    pub(crate) address: Address,
    #[serde(default)]
    pub(crate) source: SourceName,
    /// The most sessions; by the machine's memory if not given. The farm's figure goes before it.
    #[serde(default)]
    pub(crate) hard_cap: Option<u32>,
    /// Logons at the same time; by the machine's cores if not given. The farm's figure goes before it.
    #[serde(default)]
    pub(crate) logon_slots: Option<u32>,
    /// The address to connect from, where the machine has several.
    #[serde(default)]
    pub(crate) connect_from: Option<IpAddr>,
}

impl LocalConfig {
    /// Reads a configuration file.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("can't read the configuration {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("the configuration {} is not understood", path.display()))
    }

    /// The broker's section.
    pub(crate) fn broker(&self) -> Result<&BrokerSection> {
        self.broker.as_ref().context("the configuration has no [broker] section: it says where the broker listens")
    }

    /// The gateway's section.
    pub(crate) fn gateway(&self) -> Result<&GatewaySection> {
        self.gateway.as_ref().context("the configuration has no [gateway] section: it says where the gateway listens")
    }

    /// The agent's section.
    pub(crate) fn agent(&self) -> Result<&AgentSection> {
        self.agent.as_ref().context("the configuration has no [agent] section: it says where the host's RDP is")
    }

    /// The configuration that is there, or a new one in the place that was given on the command line.
    pub(crate) fn load_or_create(
        path: &Path,
        place: &Place<'_>,
        fill: impl FnOnce(&mut Self, &str, IpAddr) -> Result<()>,
    ) -> Result<Self> {
        if path.exists() {
            if place.address.is_some() || place.listen.is_some() || place.data_dir.is_some() {
                bail!(
                    "{} is there already: change the address, what to listen on and the data directory there",
                    path.display()
                );
            }
            return Self::load(path);
        }
        let address = place.address.with_context(|| {
            format!("there is no configuration {}: say --address, by which others reach this machine", path.display())
        })?;
        let data_dir = place.data_dir.map_or_else(default_data_dir, Path::to_path_buf);
        let mut config = Self { data_dir, ..Self::default() };
        fill(&mut config, address, place.listen.unwrap_or_else(any))?;
        config.create(path)?;
        Ok(config)
    }

    /// Writes a configuration where there is none yet.
    fn create(&self, path: &Path) -> Result<()> {
        if path.exists() {
            bail!("{} exists already", path.display());
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
        }
        std::fs::write(path, self.text()?).with_context(|| format!("can't write {}", path.display()))
    }

    /// What is in a file that says this.
    pub(crate) fn text(&self) -> Result<String> {
        let head = "# What is local to this machine. Everything else is in the farm's log.";
        Ok(format!("{head}\n{}", toml::to_string_pretty(self)?))
    }

    /// A configuration without any role.
    pub(crate) fn fresh() -> Self {
        Self { data_dir: default_data_dir(), ..Self::default() }
    }
}

fn default_data_dir() -> PathBuf {
    PathBuf::from("/var/lib/hostler")
}

fn any() -> IpAddr {
    IpAddr::from([0, 0, 0, 0])
}

fn join_port() -> u16 {
    ports::JOIN
}

fn access_port() -> u16 {
    ports::ACCESS
}

fn agent_port() -> u16 {
    ports::AGENT
}

fn peer_port() -> u16 {
    ports::PEER
}

fn rdp_everywhere() -> Vec<SocketAddr> {
    vec![SocketAddr::new(any(), ports::RDP)]
}

/// What was said on the command line about a machine that has no configuration yet.
pub(crate) struct Place<'a> {
    pub(crate) address: Option<&'a str>,
    pub(crate) listen: Option<IpAddr>,
    pub(crate) data_dir: Option<&'a Path>,
}

impl GatewaySection {
    /// A gateway that listens on the port by which clients know it.
    pub(crate) fn at(address: Address, listen: IpAddr) -> Self {
        let listen = vec![SocketAddr::new(listen, address.port())];
        Self { address, listen, connections: None, connections_per_address: None }
    }
}

impl AgentSection {
    /// An agent of an xrdp host.
    pub(crate) fn at(address: Address) -> Self {
        Self { address, source: SourceName::Xrdp, hard_cap: None, logon_slots: None, connect_from: None }
    }
}

impl BrokerSection {
    /// A broker that listens on the default ports.
    pub(crate) fn at(address: &str, listen: IpAddr) -> Self {
        let [join_port, access_port, agent_port, peer_port] = [join_port(), access_port(), agent_port(), peer_port()];
        Self { address: address.to_string(), listen, join_port, access_port, agent_port, peer_port }
    }

    /// Where the others reach it.
    pub(crate) fn addresses(&self) -> Result<hostler_events::payload::BrokerAddresses> {
        let at =
            |port| Address::new(&self.address, port).with_context(|| format!("[broker] address {:?}", self.address));
        Ok(hostler_events::payload::BrokerAddresses {
            join: at(self.join_port)?,
            access: at(self.access_port)?,
            agent: at(self.agent_port)?,
            peer: at(self.peer_port)?,
        })
    }

    /// Where it listens on this machine.
    pub(crate) fn listen(&self) -> hostler_broker::Listen {
        let at = |port| SocketAddr::new(self.listen, port);
        hostler_broker::Listen {
            join: at(self.join_port),
            access: at(self.access_port),
            agent: at(self.agent_port),
            peer: at(self.peer_port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_errors() {
        for (text, wanted) in [
            ("data_dir = \"/d\"\n[broker]\naddress = \"b1\"\nlisten = \"127.0.0.1\"\n", None),
            ("[gateway]\naddress = \"gw:3389\"\n", None),
            ("datadir = \"/d\"\n", Some("unknown field `datadir`")),
            ("[broker]\naddress = \"b1\"\nport = 1\n", Some("unknown field `port`")),
            ("[agent]\naddress = \"h1\"\n", Some("has no port")),
        ] {
            let result = toml::from_str::<LocalConfig>(text);
            match (result, wanted) {
                (Ok(_), None) => {}
                (Err(e), Some(part)) if e.to_string().contains(part) => {}
                (other, _) => panic!("{text:?}: {other:?}"),
            }
        }
    }
}
