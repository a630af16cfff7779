//! The stored logon: a token and what is known of the farm's brokers. The file is the user's only (0600), since the
//! token in it is as good as the password until it expires.

use crate::failure::Failure;
use anyhow::{Context, anyhow};
use hostler_model::Address;
use hostler_wire::Fingerprint;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

const FILE: &str = "login.json";

/// A broker that can be asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct KnownBroker {
    /// Where it answers.
    pub(crate) address: Address,
    /// The fingerprint of its key, as text.
    pub(crate) fingerprint: String,
}

impl KnownBroker {
    /// A broker with this key.
    pub(crate) fn new(address: Address, fingerprint: Fingerprint) -> Self {
        Self { address, fingerprint: fingerprint.to_string() }
    }
}

/// A logon.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Logon {
    /// The farm's name.
    pub(crate) farm: Option<String>,
    /// Who logged in.
    pub(crate) name: String,
    /// The bearer token.
    pub(crate) token: String,
    /// Until when it is good, in ms since 1970; for ever where it is a program's.
    pub(crate) expires_ms: Option<u64>,
    /// The farm's brokers.
    pub(crate) brokers: Vec<KnownBroker>,
    /// The id of the site that commands are about unless they name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) site: Option<String>,
}

impl Logon {
    /// The stored one, if any.
    pub(crate) fn load() -> Result<Option<Self>, Failure> {
        let path = path()?;
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(anyhow!(e).context(format!("can't read {}", path.display())).into()),
        };
        let logon = serde_json::from_str(&text).with_context(|| {
            format!("the stored logon in {} can't be read; log in again: hostler login", path.display())
        })?;
        Ok(Some(logon))
    }

    /// Stores it in place of the one before.
    pub(crate) fn save(&self) -> Result<(), Failure> {
        let path = path()?;
        let folder = path.parent().context("the logon's file has no folder")?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("can't make the folder {} for the logon", folder.display()))?;
        // Another process may do the same; whoever is last to rename wins, and no file is ever half written.
        let fresh = folder.join(format!(".{FILE}.{}", std::process::id()));
        let _left_by_a_crash = fs::remove_file(&fresh);
        let write = || -> std::io::Result<()> {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
            file.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
            file.sync_all()?;
            fs::rename(&fresh, &path)
        };
        write().map_err(|e| {
            let _gone = fs::remove_file(&fresh);
            anyhow!(e).context(format!("can't store the logon in {}", path.display())).into()
        })
    }

    /// Removes the stored one; false where there was none.
    pub(crate) fn forget() -> Result<bool, Failure> {
        let path = path()?;
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(anyhow!(e).context(format!("can't remove {}", path.display())).into()),
        }
    }
}

fn path() -> Result<PathBuf, Failure> {
    let from = |variable| std::env::var_os(variable).filter(|v| !v.is_empty()).map(PathBuf::from);
    let folder = from("HOSTLER_CONFIG_DIR")
        .or_else(|| from("XDG_CONFIG_HOME").map(|p| p.join("hostler")))
        .or_else(|| from("HOME").map(|p| p.join(".config").join("hostler")));
    let none = || Failure::Usage("there is no home directory to keep the logon in; set HOSTLER_CONFIG_DIR".into());
    Ok(folder.ok_or_else(none)?.join(FILE))
}
