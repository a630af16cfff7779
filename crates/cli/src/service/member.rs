//! What a member keeps about itself: its key, and what it was told when it joined.

use anyhow::{Context, Result};
use hostler_model::{MemberRole, Name, SiteId};
use hostler_wire::messages::roster::BrokerList;
use hostler_wire::{Fingerprint, KeyFile, KeyRing, MemberKey};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a member was told when it joined, or made up when it began the farm.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Membership {
    /// What it is.
    pub(crate) role: MemberRole,
    /// Its id, which is the fingerprint of its first key. Where it is not given, the key is the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<Fingerprint>,
    /// The farm's name, for people.
    pub(crate) farm: Name,
    /// Its site.
    pub(crate) site: SiteId,
    /// Its name then.
    pub(crate) name: Name,
    /// The brokers of the site then.
    pub(crate) brokers: BrokerList,
}

impl Membership {
    /// Its id, where its key is this one unless something else is written down.
    pub(crate) fn id(&self, key: &MemberKey) -> [u8; 16] {
        self.id.unwrap_or_else(|| key.fingerprint()).0
    }
}

/// A member's folder.
pub(crate) struct MemberDir(PathBuf);

impl MemberDir {
    /// The folder of a member with this role; each role on a machine has one of its own.
    pub(crate) fn of(data_dir: &Path, role: MemberRole) -> Self {
        Self(data_dir.join(role.to_string()))
    }

    /// A member's folder that is not in its place yet.
    pub(crate) fn at(folder: &Path) -> Self {
        Self(folder.to_path_buf())
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// True where somebody is a member here already.
    pub(crate) fn is_taken(&self) -> bool {
        self.0.join("member.json").exists()
    }

    /// Makes the folder, for its owner only, and the key in it. A key that a former try left is used again.
    pub(crate) fn prepare(&self) -> Result<MemberKey> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .with_context(|| format!("can't make {}", self.0.display()))?;
        let file = KeyFile::at(self.0.join("key"));
        if file.path().exists() {
            return Ok(file.load()?);
        }
        let key = MemberKey::generate()?;
        file.create(&key)?;
        Ok(key)
    }

    /// Keeps what the member was told. Written last: without it nobody is a member here.
    pub(crate) fn keep(&self, membership: &Membership) -> Result<()> {
        let path = self.0.join("member.json");
        let draft = self.0.join("member.json.new");
        let write = || -> std::io::Result<()> {
            let mut file = fs::File::create(&draft)?;
            file.write_all(&serde_json::to_vec_pretty(membership)?)?;
            file.sync_all()?;
            fs::rename(&draft, &path)?;
            fs::File::open(&self.0)?.sync_all()
        };
        write().with_context(|| format!("can't write {}", path.display()))
    }

    /// The files of its key.
    pub(crate) fn key_ring(&self) -> KeyRing {
        KeyRing::at(&self.0)
    }

    /// What the member was told, and its key. The id is there in any case.
    pub(crate) fn load(&self) -> Result<(Membership, Arc<MemberKey>)> {
        let path = self.0.join("member.json");
        let text = fs::read_to_string(&path).with_context(|| {
            format!(
                "no member of a farm is in {} yet; begin a farm with `hostler init`, or join one with `hostler join TOKEN`",
                self.0.display()
            )
        })?;
        let mut membership: Membership =
            serde_json::from_str(&text).with_context(|| format!("{} is damaged; join again", path.display()))?;
        let key = self.key_ring().current().load()?;
        if membership.id.is_none() {
            // From before keys could be replaced: the key is the first one, and names the member for ever.
            membership.id = Some(key.fingerprint());
            self.keep(&membership)?;
        }
        Ok((membership, Arc::new(key)))
    }
}
