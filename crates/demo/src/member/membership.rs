//! What `hostler join` keeps in a member's folder, as far as a host needs it: its key, and the brokers of its site.

use anyhow::Context;
use hostler_model::MemberRole;
use hostler_wire::messages::roster::BrokerList;
use hostler_wire::{Fingerprint, KeyFile, MemberKey};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A host that has joined.
pub(super) struct Membership {
    /// The member's own folder; the agent keeps its things there too.
    pub(super) folder: PathBuf,
    /// The host's key.
    pub(super) key: MemberKey,
    /// Its id: the fingerprint of its first key.
    pub(super) id: Fingerprint,
    /// The brokers of the site when it joined.
    pub(super) brokers: BrokerList,
}

/// The part of the file that a host needs.
#[derive(Deserialize)]
struct Kept {
    #[serde(default)]
    id: Option<Fingerprint>,
    brokers: BrokerList,
}

impl Membership {
    pub(super) fn load(data_dir: &Path) -> anyhow::Result<Self> {
        let folder = data_dir.join(MemberRole::Agent.to_string());
        let path = folder.join("member.json");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("can't read {}; join a farm first: hostler join TOKEN", path.display()))?;
        let kept: Kept =
            serde_json::from_str(&text).with_context(|| format!("{} is damaged; join again", path.display()))?;
        let key = KeyFile::at(folder.join("key")).load()?;
        let id = kept.id.unwrap_or_else(|| key.fingerprint());
        Ok(Self { folder, key, id, brokers: kept.brokers })
    }
}
