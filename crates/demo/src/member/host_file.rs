//! The file that says what is local to one demo host.

use crate::host::Colour;
use hostler_model::Name;
use serde::{Deserialize, Serialize};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The password of every user unless said otherwise.
const PASSWORD: &str = "demo";

/// What is local to one demo host. Unknown keys are errors: a misspelt one would silently do nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostFile {
    /// The name that its picture shows.
    pub name: Name,
    /// Where it listens, as it told the farm when it joined. Its agent connects from there too.
    pub listen: SocketAddr,
    /// Where `hostler join` keeps what it was told, and the agent what must outlive it.
    pub data_dir: PathBuf,
    /// The picture's colour, as `#RRGGBB`; by the name if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<Colour>,
    /// The password of every user.
    #[serde(default = "password")]
    pub password: String,
    /// The most sessions; by the machine's memory if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hard_cap: Option<u32>,
    /// Logons at the same time; by the machine's cores if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logon_slots: Option<u32>,
}

/// Why a host's file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum HostFileError {
    /// It can't be read.
    #[error("can't read the host's file {path}: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It says something that is not understood.
    #[error("the host's file {path} is not understood: {error}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        error: Box<toml::de::Error>,
    },
}

impl HostFile {
    /// Reads it.
    ///
    /// # Errors
    /// [`HostFileError`]
    pub fn load(path: &Path) -> Result<Self, HostFileError> {
        let read = |error| HostFileError::Read { path: path.to_path_buf(), error };
        let text = std::fs::read_to_string(path).map_err(read)?;
        toml::from_str(&text).map_err(|error| HostFileError::Parse { path: path.to_path_buf(), error: Box::new(error) })
    }
}

fn password() -> String {
    PASSWORD.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "name = \"rdsh1\"\nlisten = \"127.0.0.1:3389\"\ndata_dir = \"/d\"\n";

    #[test]
    fn what_is_understood() {
        let least = HostFile {
            name: "rdsh1".parse().unwrap(),
            listen: "127.0.0.1:3389".parse().unwrap(),
            data_dir: PathBuf::from("/d"),
            colour: None,
            password: "demo".to_string(),
            hard_cap: None,
            logon_slots: None,
        };
        let more = HostFile { colour: Some(Colour::new(0x1D, 0x4E, 0x89)), hard_cap: Some(7), ..least.clone() };
        for (added, want) in [
            ("", Ok(&least)),
            ("colour = \"#1d4E89\"\nhard_cap = 7\n", Ok(&more)),
            ("color = \"#1D4E89\"\n", Err("unknown field `color`")),
            ("colour = \"1D4E89\"\n", Err("\"1D4E89\" is no colour: write #RRGGBB")),
            ("colour = \"#1D4E8\"\n", Err("is no colour")),
            ("colour = \"#1D4E8é\"\n", Err("is no colour")),
            ("colour = \"#+D4E89\"\n", Err("is no colour")),
            ("hard_cap = -1\n", Err("invalid value")),
        ] {
            match (toml::from_str::<HostFile>(&format!("{LEAST}{added}")), want) {
                (Ok(file), Ok(want)) => assert_eq!(&file, want, "{added:?}"),
                (Err(error), Err(part)) if error.to_string().contains(part) => {}
                (other, _) => panic!("{added:?}: {other:?}"),
            }
        }
        assert_eq!(toml::from_str::<HostFile>(&toml::to_string(&more).unwrap()).unwrap(), more);
        let missing = HostFile::load(Path::new("/nowhere/host.toml")).unwrap_err().to_string();
        assert!(missing.starts_with("can't read the host's file /nowhere/host.toml: "), "{missing}");
    }
}
