//! What this machine is: a member of which farm, under which id, and whether systemd runs it.

use super::config::LocalConfig;
use super::member::MemberDir;
use anyhow::{Context, Result};
use hostler_deploy::unit_name;
use hostler_model::MemberRole;
use hostler_wire::KeyFile;
use serde::Serialize;
use std::path::Path;
use std::process::Command;

/// One role of this machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct LocalStanding {
    /// Which.
    pub(crate) role: MemberRole,
    /// Its id in the farm, where it has a key.
    pub(crate) id: Option<String>,
    /// The farm's name, where it is a member.
    pub(crate) farm: Option<String>,
    /// The name under which it joined.
    pub(crate) name: Option<String>,
    /// What systemd says about its service: `active`, `inactive`, `failed`; nothing where there is no systemd.
    pub(crate) service: Option<String>,
    /// Whether it starts with the machine.
    pub(crate) enabled: bool,
}

/// What this machine is in a role.
pub(crate) fn local_standing(config_path: &Path, role: MemberRole) -> Result<LocalStanding> {
    let config = if config_path.exists() { LocalConfig::load(config_path)? } else { LocalConfig::fresh() };
    let folder = MemberDir::of(&config.data_dir, role);
    let key = KeyFile::at(folder.path().join("key"));
    // Only its owner may look into the folder: whoever else asks is told so, not that there is nothing.
    let has_key = match std::fs::metadata(key.path()) {
        Ok(_) => true,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => {
            return Err(error).with_context(|| format!("can't look into {}; ask as root", folder.path().display()));
        }
    };
    let id = if has_key { Some(member_id(role, &key.load()?)) } else { None };
    let membership = if folder.is_taken() { Some(folder.load()?.0) } else { None };
    let unit = unit_name(role);
    Ok(LocalStanding {
        role,
        id,
        farm: membership.as_ref().map(|m| m.farm.to_string()),
        name: membership.map(|m| m.name.to_string()),
        service: systemctl("is-active", &unit),
        enabled: systemctl("is-enabled", &unit).as_deref() == Some("enabled"),
    })
}

/// The id that the farm knows it by.
fn member_id(role: MemberRole, key: &hostler_wire::MemberKey) -> String {
    let id = key.fingerprint().0;
    match role {
        MemberRole::Broker => hostler_model::BrokerId(id).to_string(),
        MemberRole::Gateway => hostler_model::GatewayId(id).to_string(),
        MemberRole::Agent => hostler_model::HostId(id).to_string(),
    }
}

/// The first word that systemctl says, where systemd runs this machine.
fn systemctl(verb: &str, unit: &str) -> Option<String> {
    if !Path::new("/run/systemd/system").exists() {
        return None;
    }
    let output = Command::new("systemctl").args([verb, unit]).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout);
    said.split_whitespace().next().map(str::to_string)
}
