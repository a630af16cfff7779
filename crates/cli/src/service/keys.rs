//! Gives a member of this machine a new key. Its running service does it; here somebody asks for it and waits.

use super::config::LocalConfig;
use super::member::MemberDir;
use anyhow::{Context, Result, bail};
use hostler_model::MemberRole;
use hostler_wire::{Fingerprint, KeyRing};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the service may take, in ms: it looks every half second, and asks the master.
const DONE_MS: u64 = 30_000;
/// How often is looked whether it was done, in ms.
const LOOK_MS: u64 = 100;

/// Replaces the keys of this machine's members: of the one with this role, or of all.
pub(crate) fn rotate_keys(role: Option<MemberRole>, config_path: &Path, json: bool) -> Result<()> {
    let config = LocalConfig::load(config_path)?;
    let roles = role.map_or_else(|| vec![MemberRole::Broker, MemberRole::Gateway, MemberRole::Agent], |r| vec![r]);
    let folders = roles.into_iter().map(|role| (role, MemberDir::of(&config.data_dir, role)));
    let members: Vec<_> = folders.filter(|(_, folder)| folder.is_taken()).collect();
    if members.is_empty() {
        let what = role.map_or_else(|| "member of a farm".to_string(), |role| role.to_string());
        bail!("there is no {what} in {}: nothing was changed", config.data_dir.display());
    }
    let mut made = Vec::new();
    for (role, folder) in members {
        let (former, key) = rotate(role, &folder)?;
        if !json {
            println!("The {role} has a new key, {key}; the former one, {former}, is worth nothing any more.");
        }
        made.push(serde_json::json!({ "role": role, "key": key.to_string(), "former": former.to_string() }));
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&made)?);
    }
    Ok(())
}

/// The former and the new key's fingerprint.
fn rotate(role: MemberRole, folder: &MemberDir) -> Result<(Fingerprint, Fingerprint)> {
    // By this the member's id is on the disk, which was its first key's fingerprint.
    let (_, former) = folder.load()?;
    let former = former.fingerprint();
    let ring: KeyRing = folder.key_ring();
    if !ring.is_under_way() {
        ring.ask().with_context(|| format!("can't write in {}", folder.path().display()))?;
    }
    let begun = Instant::now();
    loop {
        if !ring.is_under_way() {
            let now = ring.current().load()?.fingerprint();
            if now != former {
                return Ok((former, now));
            }
        }
        if begun.elapsed() >= Duration::from_millis(DONE_MS) {
            bail!(
                "the {role} has not replaced its key yet. Does it run, and does it reach the master? Its log says why; it \
                 goes on trying, also after a restart, and until then the former key is good"
            );
        }
        std::thread::sleep(Duration::from_millis(LOOK_MS));
    }
}
