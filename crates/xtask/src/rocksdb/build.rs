//! Building the archive: cargo builds librocksdb-sys alone, in a folder of its own that is deleted afterwards.

use std::{
    fs,
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use super::{ARCHIVE, STAMP, key::Key};
use crate::{
    cargo::{cargo, workspace_root},
    metadata::Package,
    process::{self, Ended},
};

/// Longer than any machine needs that is fit for development.
const LIMIT: Duration = Duration::from_secs(2 * 60 * 60);

/// How often progress is shown on a terminal, and as plain lines elsewhere.
const ON_TERMINAL: Duration = Duration::from_secs(1);
const IN_A_FILE: Duration = Duration::from_secs(20);

/// How much of cargo's own output is shown when it failed.
const LOG_LINES: usize = 40;

/// Flags of the caller's other builds. They are not in the key, so they must not be in the archive.
const FLAGS: [&str; 6] =
    ["CFLAGS", "CXXFLAGS", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR"];

/// Builds the archive of `package` and keeps it in the folder `kept`, which appears only when it is complete.
pub(super) fn build(package: &Package, features: &[String], key: &Key, kept: &Path) -> Result<()> {
    println!(
        "Building RocksDB's C++ once: this takes about 15 minutes on two cores. It is kept in\n{}\nand not built again, \
         for this or any other clone.",
        kept.display()
    );
    let work = beside(kept, "build");
    write_project(&work, key, features)?;
    let log = work.join("log");
    let mut command = command(&work, &log)?;
    let out = work.join("target/release/build");
    let mut progress = Progress::new(objects_to_build(package)?);
    let ended = process::within(&mut command, LIMIT, |elapsed| progress.show(elapsed, || count_objects(&out)))?;
    progress.finish();
    if !matches!(ended, Ended::InTime(status) if status.success()) {
        let text = fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
        bail!("RocksDB could not be built. The end of {}:\n{last}", log.display());
    }
    let archive = find_archive(&out)
        .with_context(|| format!("cargo built librocksdb-sys, but left no {ARCHIVE} below {}", out.display()))?;
    keep(&archive, kept, key)?;
    fs::remove_dir_all(&work).with_context(|| format!("cannot delete {}", work.display()))
}

/// A project that depends on librocksdb-sys only, with the features and the versions that this workspace uses.
fn write_project(work: &Path, key: &Key, features: &[String]) -> Result<()> {
    let features: Vec<String> = features.iter().map(|name| format!("\"{name}\"")).collect();
    let manifest = format!(
        "[package]\nname = \"rocksdb-archive\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[lib]\npath = \"lib.rs\"\n\n\
         [dependencies]\nlibrocksdb-sys = {{ version = \"{}\", default-features = false, features = [{}] }}\n\n\
         [workspace]\n",
        key.requirement(),
        features.join(", ")
    );
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(work)?;
        fs::write(work.join("Cargo.toml"), manifest)?;
        fs::write(work.join("lib.rs"), "")?;
        // Without `--locked`: cargo takes the packages that it needs out of ours, and leaves the rest away.
        fs::copy(workspace_root().join("Cargo.lock"), work.join("Cargo.lock"))?;
        Ok(())
    };
    write().with_context(|| format!("cannot write the build folder {}", work.display()))
}

fn command(work: &Path, log: &Path) -> Result<Command> {
    let log = fs::File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let errors = log.try_clone().context("cannot share the log file")?;
    let mut command = cargo(&["build", "--release", "--target-dir", "target"]);
    command.current_dir(work).stdout(log).stderr(errors);
    for flag in FLAGS {
        command.env_remove(flag);
    }
    Ok(command)
}

/// Copies the archive first under another name, so that a folder that is there is whole.
fn keep(archive: &Path, kept: &Path, key: &Key) -> Result<()> {
    let partial = beside(kept, "partial");
    let copy = || -> std::io::Result<()> {
        for leftover in [&partial, kept] {
            if leftover.exists() {
                fs::remove_dir_all(leftover)?;
            }
        }
        fs::create_dir_all(&partial)?;
        let bytes = fs::copy(archive, partial.join(ARCHIVE))?;
        fs::write(partial.join(STAMP), format!("{key}\nbytes {bytes}\n"))?;
        fs::rename(&partial, kept)
    };
    copy().with_context(|| format!("cannot keep RocksDB's library in {}", kept.display()))
}

/// The folder with this ending beside `kept`. (`with_extension` would cut off a part of the version.)
fn beside(kept: &Path, ending: &str) -> PathBuf {
    let mut name = kept.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    kept.with_file_name(name)
}

/// librocksdb-sys lists its sources, one a line.
fn objects_to_build(package: &Package) -> Result<usize> {
    let list = package.manifest_path.with_file_name("rocksdb_lib_sources.txt");
    let text = fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    Ok(text.lines().filter(|line| !line.trim().is_empty()).count())
}

/// The output folders of librocksdb-sys's build script, of which only one is in use.
fn outputs(build: &Path) -> impl Iterator<Item = PathBuf> {
    let folders = fs::read_dir(build).into_iter().flatten().flatten();
    folders
        .filter(|folder| folder.file_name().to_string_lossy().starts_with("librocksdb-sys-"))
        .map(|folder| folder.path().join("out"))
}

fn count_objects(build: &Path) -> usize {
    let files = outputs(build).filter_map(|out| fs::read_dir(out).ok()).flatten().flatten();
    files.filter(|file| file.path().extension().is_some_and(|ending| ending == "o")).count()
}

fn find_archive(build: &Path) -> Option<PathBuf> {
    outputs(build).map(|out| out.join(ARCHIVE)).find(|archive| archive.is_file())
}

/// Shows that the build moves: one line that changes on a terminal, a plain line now and then elsewhere.
struct Progress {
    total: usize,
    on_terminal: bool,
    next: Duration,
}

impl Progress {
    fn new(total: usize) -> Self {
        Self { total, on_terminal: std::io::stdout().is_terminal(), next: Duration::ZERO }
    }

    fn show(&mut self, elapsed: Duration, count: impl Fn() -> usize) {
        if elapsed < self.next {
            return;
        }
        self.next = elapsed + if self.on_terminal { ON_TERMINAL } else { IN_A_FILE };
        let line = progress_line(count(), self.total, elapsed);
        if self.on_terminal {
            print!("\r{line}\u{1b}[K");
        } else {
            println!("{line}");
        }
        // A lost line of progress is no reason to stop.
        let _ = std::io::stdout().flush();
    }

    fn finish(&self) {
        if self.on_terminal {
            println!();
        }
    }
}

fn progress_line(built: usize, total: usize, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    // cc starts a file's object when its compiler starts, so the count may reach the total a little early.
    format!("RocksDB: {} of {total} files, {minutes}:{seconds:02} min", built.min(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_counts_files_and_time() {
        assert_eq!(progress_line(12, 343, Duration::from_secs(65)), "RocksDB: 12 of 343 files, 1:05 min");
        assert_eq!(progress_line(344, 343, Duration::from_secs(601)), "RocksDB: 343 of 343 files, 10:01 min");
    }

    #[test]
    fn what_lies_beside_keeps_the_whole_name() {
        assert_eq!(
            beside(Path::new("/c/rocksdb-0.19.0+11.8.1-lz4"), "build"),
            Path::new("/c/rocksdb-0.19.0+11.8.1-lz4.build")
        );
    }
}
