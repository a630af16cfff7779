//! `hostler restore`: a broker's folder from a backup. It is checked before anything is replaced, and marked, so that
//! the broker opens a new incarnation: what it wrote after the backup, others may have.

use super::config::LocalConfig;
use super::member::MemberDir;
use crate::args::RestoreArgs;
use anyhow::{Context, Result, bail};
use hostler_broker::backup::{self, Manifest, RESTORED, Unpacked};
use hostler_log_rocks::{OpenError, RocksLog};
use hostler_model::{BrokerId, MemberRole};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Restores a broker on this machine.
pub(crate) fn restore(args: &RestoreArgs, config_path: &Path, json: bool) -> Result<()> {
    backup::verify(&args.file)?;
    let known = config_path.exists().then(|| LocalConfig::load(config_path)).transpose()?;
    // Unpacked beside where it will be, so that it only has to be renamed.
    let data_dir = match &known {
        Some(config) => config.data_dir.clone(),
        None => read_config(backup::config(&args.file)?.as_deref(), config_path)?.data_dir,
    };
    let folder = MemberDir::of(&data_dir, MemberRole::Broker);
    let target = folder.path();
    let is_there = target.exists() && fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_some());
    if is_there {
        if !args.force {
            bail!("{} is not empty; with --force it is moved aside, and nothing of it is used", target.display());
        }
        refuse_running(target)?;
    }
    let draft = data_dir.join("broker.restoring");
    remove(&draft)?;
    let restored = unpack(&args.file, &draft).inspect_err(|_| drop(remove(&draft)))?;
    let aside = is_there.then(|| move_aside(target)).transpose()?;
    fs::rename(&draft, target).with_context(|| format!("can't rename {} to {}", draft.display(), target.display()))?;
    sync(&data_dir)?;
    if known.is_none() {
        write_config(config_path, restored.config.as_deref().unwrap_or_default())?;
    }
    say(&restored, aside.as_deref(), target, config_path, json)
}

/// What was restored, and how much is in its log.
struct Restored {
    manifest: Manifest,
    config: Option<String>,
    events: u64,
}

/// Unpacks a backup, reads all of its log, and marks it.
fn unpack(file: &Path, draft: &Path) -> Result<Restored> {
    let Unpacked { manifest, config } = backup::unpack(file, draft)?;
    let (_, key) = MemberDir::at(draft).load()?;
    if BrokerId(key.fingerprint().0) != manifest.broker {
        bail!("{} holds another key than it says; take another backup", file.display());
    }
    let log = RocksLog::open_read_only(draft.join("log"))?;
    let events = log.reader().collect(drop)?.len() as u64;
    drop(log);
    if events < manifest.events {
        bail!("{} has {events} events and should have {}; take another backup", file.display(), manifest.events);
    }
    let mark = draft.join(RESTORED);
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&mark)?;
        writeln!(file, "restored from a backup of {} ms after 1970", manifest.taken_ms)?;
        file.sync_all()?;
        sync(draft)
    };
    write().with_context(|| format!("can't write {}", mark.display()))?;
    Ok(Restored { manifest, config, events })
}

/// A broker that runs must be stopped first: its folder would go on under another name.
fn refuse_running(target: &Path) -> Result<()> {
    match RocksLog::open(target.join("log")) {
        Err(error @ OpenError::Locked { .. }) => Err(error.into()),
        // Damaged or not there: a reason to restore.
        _ => Ok(()),
    }
}

fn move_aside(target: &Path) -> Result<PathBuf> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let aside = target.with_file_name(format!("broker.before-{}", since.as_millis()));
    fs::rename(target, &aside).with_context(|| format!("can't rename {} to {}", target.display(), aside.display()))?;
    Ok(aside)
}

fn read_config(text: Option<&str>, path: &Path) -> Result<LocalConfig> {
    let text = text.with_context(|| {
        format!("there is no configuration {}, and none in the backup; write one first", path.display())
    })?;
    toml::from_str(text).context("the configuration in the backup is not understood")
}

fn write_config(path: &Path, text: &str) -> Result<()> {
    let write = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| format!("can't write {}", path.display()))
}

fn say(restored: &Restored, aside: Option<&Path>, target: &Path, config: &Path, json: bool) -> Result<()> {
    let Manifest { farm, broker, name, taken_ms, .. } = &restored.manifest;
    if json {
        let made = serde_json::json!({
            "broker": broker, "name": name, "farm": farm, "events": restored.events, "taken_ms": taken_ms,
            "folder": target, "moved_aside": aside, "config": config,
        });
        println!("{}", serde_json::to_string_pretty(&made)?);
        return Ok(());
    }
    let name = name.as_ref().map_or_else(|| broker.to_string(), ToString::to_string);
    println!("Broker {name} is restored in {}: {} events, all checked.", target.display(), restored.events);
    if let Some(aside) = aside {
        println!("What was there before is in {}.", aside.display());
    }
    println!("It opens a new incarnation, and takes from the others what it wrote after the backup.");
    println!();
    println!("Next:  hostler broker run --config {}", config.display());
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("can't remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn sync(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}
