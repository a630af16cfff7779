//! The folder outside every clone for what is costly to make: the RocksDB library, cargo-deny.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// `$HOSTLER_CACHE`, else `$XDG_CACHE_HOME`, else `~/.cache`; in it the folder `hostler`, which is made if needed.
pub(crate) fn folder() -> Result<PathBuf> {
    let folder = choose(env::var_os("HOSTLER_CACHE"), env::var_os("XDG_CACHE_HOME"), env::home_dir())
        .context("there is no home directory to keep built libraries in; set HOSTLER_CACHE to a folder for them")?;
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the cache folder {}; set HOSTLER_CACHE to another", folder.display()))?;
    Ok(folder)
}

/// Relative values are ignored, as the XDG specification asks: they would mean another folder in every directory.
fn choose(own: Option<OsString>, xdg: Option<OsString>, home: Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |value: Option<OsString>| value.map(PathBuf::from).filter(|path| path.is_absolute());
    let parent = absolute(own).or_else(|| absolute(xdg)).or_else(|| home.map(|home| home.join(".cache")))?;
    Some(parent.join("hostler"))
}

/// Keeps two commands that run at once from making the same thing twice: the second waits until this is dropped.
pub(crate) struct Lock(#[expect(dead_code, reason = "held for its lock")] std::fs::File);

impl Lock {
    /// Takes the lock named `name` in `folder`.
    pub(crate) fn take(folder: &Path, name: &str) -> Result<Self> {
        let path = folder.join(format!("{name}.lock"));
        let file = std::fs::File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        if file.try_lock().is_err() {
            eprintln!("Waiting for another cargo xtask that is building {name}.");
            file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
        }
        Ok(Self(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_folder_is_the_first_that_is_named() {
        type Text = Option<&'static str>;
        let cases: [(Text, Text, Text, Text); 5] = [
            (Some("/own"), Some("/xdg"), Some("/home/a"), Some("/own/hostler")),
            (None, Some("/xdg"), Some("/home/a"), Some("/xdg/hostler")),
            (None, None, Some("/home/a"), Some("/home/a/.cache/hostler")),
            (Some("relative"), Some(""), Some("/home/a"), Some("/home/a/.cache/hostler")),
            (None, None, None, None),
        ];
        for (own, xdg, home, expected) in cases {
            let chosen = choose(own.map(Into::into), xdg.map(Into::into), home.map(PathBuf::from));
            assert_eq!(chosen, expected.map(PathBuf::from), "{own:?} {xdg:?} {home:?}");
        }
    }
}
