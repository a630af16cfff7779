//! RocksDB's C++, built once per machine instead of once per clone and profile.
//!
//! It takes about 15 minutes on two cores. So the archive is built alone, kept in the cache folder under a name that
//! says everything it depends on, and cargo is told of it by `.cargo/rocksdb.toml`, which `.cargo/config.toml`
//! includes if it is there. Without that file everything builds as well, only longer.

mod build;
mod compiler;
mod key;

use std::{env, fs, path::Path};

use anyhow::{Context, Result};

pub(crate) use self::compiler::Compiler;
use self::key::Key;
use crate::{cache, cargo::workspace_root, metadata::Metadata, prerequisites};

/// The archive that librocksdb-sys links.
const ARCHIVE: &str = "librocksdb.a";

/// Written last into a kept folder: what was built, and how long its archive is.
const STAMP: &str = "stamp";

/// `cargo xtask rocksdb`.
pub(crate) fn run() -> Result<bool> {
    prerequisites::for_building()?;
    ensure(&Metadata::load()?)?;
    Ok(true)
}

/// Makes sure that the library is kept and that cargo knows it. Quick when both are so already.
pub(crate) fn ensure(metadata: &Metadata) -> Result<()> {
    if let Some(folder) = env::var_os("ROCKSDB_LIB_DIR") {
        println!("RocksDB is taken from ROCKSDB_LIB_DIR={}.", folder.to_string_lossy());
        return Ok(());
    }
    let package = metadata.package("librocksdb-sys")?;
    let features = metadata.features(package);
    let key = Key::new(&package.version, &Compiler::find()?, &features);
    let cache = cache::folder()?;
    let kept = cache.join(key.to_string());
    if !is_complete(&kept) {
        let _lock = cache::Lock::take(&cache, &key.to_string())?;
        if !is_complete(&kept) {
            build::build(package, &features, &key, &kept)?;
        }
    }
    tell_cargo(&workspace_root().join(".cargo/rocksdb.toml"), &kept)
}

/// Whether the stamp is there and fits the archive.
fn is_complete(kept: &Path) -> bool {
    let length = fs::metadata(kept.join(ARCHIVE)).map(|file| file.len());
    let stamp = fs::read_to_string(kept.join(STAMP));
    matches!((length, stamp), (Ok(length), Ok(stamp)) if stamp.lines().any(|line| line == format!("bytes {length}")))
}

/// Writes the file that names the kept library, unless it does already.
fn tell_cargo(file: &Path, kept: &Path) -> Result<()> {
    let text = cargo_settings(kept);
    if fs::read_to_string(file).is_ok_and(|present| present == text) {
        return Ok(());
    }
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    println!("RocksDB is taken from {}.", kept.display());
    Ok(())
}

fn cargo_settings(kept: &Path) -> String {
    let folder = toml::Value::String(kept.display().to_string());
    format!(
        "# Written by `cargo xtask`; cargo then links the RocksDB library that is kept there instead of building it.\n\
         # Safe to delete.\n[env]\nROCKSDB_LIB_DIR = {folder}\nROCKSDB_STATIC = \"1\"\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_reads_the_settings_as_they_are_meant() {
        let settings: toml::Table = cargo_settings(Path::new("/a \"b\"/c")).parse().unwrap();
        assert_eq!(settings["env"]["ROCKSDB_LIB_DIR"].as_str(), Some("/a \"b\"/c"));
        assert_eq!(settings["env"]["ROCKSDB_STATIC"].as_str(), Some("1"));
    }

    #[test]
    fn only_a_folder_with_a_fitting_stamp_counts() {
        let folder = env::temp_dir().join(format!("hostler-xtask-stamp-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut complete = vec![is_complete(&folder)];
        fs::write(folder.join(ARCHIVE), "12345").unwrap();
        complete.push(is_complete(&folder));
        fs::write(folder.join(STAMP), "built\nbytes 5\n").unwrap();
        complete.push(is_complete(&folder));
        fs::write(folder.join(ARCHIVE), "1234").unwrap();
        complete.push(is_complete(&folder));
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(complete, [false, false, true, false]);
    }
}
