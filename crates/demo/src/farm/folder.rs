//! The folder of the farm: each member's configuration, data and log, and what is for the user to open. It is removed at
//! the end.

use super::plan::{PASSWORD, Place, Plan};
use crate::member::HostFile;
use anyhow::{Context, Result};
use hostler_model::ports;
use serde::Serialize;
use std::fs;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Connections that the gateway takes from one address: all users of the farm come from this machine.
const CONNECTIONS_PER_ADDRESS: usize = 4_096;

/// The folder.
pub(super) struct Folder {
    path: PathBuf,
    /// Removes it when it is dropped; nothing where the folder shall stay.
    _remove: Option<TempDir>,
}

/// What `hostler` reads. Its own type is private to it; this one only has what a demo farm says.
#[derive(Serialize)]
struct MemberFile {
    data_dir: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    broker: Option<BrokerPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<GatewayPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<AgentPart>,
}

#[derive(Serialize)]
struct BrokerPart {
    address: IpAddr,
    listen: IpAddr,
}

#[derive(Serialize)]
struct GatewayPart {
    address: SocketAddr,
    listen: [SocketAddr; 1],
    connections_per_address: usize,
}

#[derive(Serialize)]
struct AgentPart {
    address: SocketAddr,
    connect_from: IpAddr,
}

impl Folder {
    pub(super) fn create(keep: bool) -> Result<Self> {
        let created = tempfile::Builder::new().prefix("hostler-demo-").tempdir();
        let folder = created.context("can't make a folder for the farm; is there room in the temporary folder?")?;
        Ok(if keep {
            Self { path: folder.keep(), _remove: None }
        } else {
            Self { path: folder.path().to_path_buf(), _remove: Some(folder) }
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where a member's log is.
    pub(super) fn log(&self, member: &Place) -> PathBuf {
        self.path.join(format!("{}.log", member.name))
    }

    /// Writes what `hostler` must know about a member.
    pub(super) fn configure(&self, member: &Place) -> Result<PathBuf> {
        let mut file = MemberFile { data_dir: self.path.join(&member.name), broker: None, gateway: None, agent: None };
        let (ip, rdp) = (IpAddr::V4(member.ip), member.at(ports::RDP));
        match member.role {
            hostler_model::MemberRole::Broker => file.broker = Some(BrokerPart { address: ip, listen: ip }),
            hostler_model::MemberRole::Gateway => {
                let connections_per_address = CONNECTIONS_PER_ADDRESS;
                file.gateway = Some(GatewayPart { address: rdp, listen: [rdp], connections_per_address });
            }
            hostler_model::MemberRole::Agent => file.agent = Some(AgentPart { address: rdp, connect_from: ip }),
        }
        self.write(&format!("{}.toml", member.name), toml::to_string(&file)?.as_bytes())
    }

    /// Writes what a demo host must know about itself.
    pub(super) fn configure_host(&self, host: &Place, plan: &Plan) -> Result<PathBuf> {
        let file = HostFile {
            name: host.name.parse()?,
            listen: host.at(ports::RDP),
            data_dir: self.path.join(&host.name),
            colour: None,
            password: PASSWORD.to_string(),
            hard_cap: Some(plan.hard_cap),
            logon_slots: Some(plan.logon_slots),
        };
        self.write(&format!("{}-host.toml", host.name), toml::to_string(&file)?.as_bytes())
    }

    /// Writes a file that only its owner may read, over one that is there.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.path.join(name);
        let opened = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        opened.and_then(|mut file| file.write_all(bytes)).with_context(|| format!("can't write {}", path.display()))?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_members() {
        let folder = Folder::create(false).unwrap();
        let (path, plan) = (folder.path().to_path_buf(), Plan::new(1, 1, 0));
        let dir = path.display();
        for (member, want) in [
            (
                &plan.brokers[0],
                format!(
                    "data_dir = \"{dir}/broker1\"\n\n[broker]\naddress = \"127.77.0.1\"\nlisten = \"127.77.0.1\"\n"
                ),
            ),
            (
                &plan.gateway,
                format!(
                    "data_dir = \"{dir}/gateway1\"\n\n[gateway]\naddress = \"127.77.0.100:3389\"\nlisten = [\"127.77.0.100:3389\"]\nconnections_per_address = 4096\n"
                ),
            ),
            (
                &plan.hosts[0],
                format!(
                    "data_dir = \"{dir}/rdsh1\"\n\n[agent]\naddress = \"127.77.1.1:3389\"\nconnect_from = \"127.77.1.1\"\n"
                ),
            ),
        ] {
            let file = folder.configure(member).unwrap();
            assert_eq!(fs::read_to_string(file).unwrap(), want);
        }
        let host = HostFile::load(&folder.configure_host(&plan.hosts[0], &plan).unwrap()).unwrap();
        assert_eq!((host.name.as_str(), host.hard_cap), ("rdsh1", Some(10)));
        drop(folder);
        assert!(!path.exists());
    }
}
