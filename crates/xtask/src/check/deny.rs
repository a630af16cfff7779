//! Licences, bans and sources of the dependencies, and known vulnerabilities, with cargo-deny.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{
    cache,
    cargo::cargo,
    process::{self, Ended},
    report::{Outcome, Report},
};

/// Builds with this workspace's toolchain. The form of .deny.toml belongs to it.
const VERSION: &str = "0.20.2";

/// How long fetching the advisories may take; a closed network often drops packets instead of refusing them.
const FETCH_LIMIT: Duration = Duration::from_secs(60);

/// Adds one line for each kind of check.
pub(super) fn check(report: &mut Report, root: &Path) {
    let tool = match find_or_install() {
        Ok(tool) => tool,
        Err(problem) => {
            report.add("cargo-deny", Outcome::Failed(format!("{problem:#}")));
            return;
        }
    };
    for kind in ["licenses", "bans", "sources"] {
        report.add(format!("cargo-deny {kind}"), run(&tool, root, &[kind]));
    }
    let advisories = match fetch_advisories(&tool, root) {
        Ok(()) => run(&tool, root, &["--disable-fetch", "advisories"]),
        Err(reason) => Outcome::Skipped(reason),
    };
    report.add("cargo-deny advisories", advisories);
}

fn run(tool: &Path, root: &Path, what: &[&str]) -> Outcome {
    match process::succeeds(command(tool, root).arg("check").args(what)) {
        Ok(passed) => {
            Outcome::from_passed(passed, "its messages are above; exceptions, with a reason, go to .deny.toml")
        }
        Err(problem) => Outcome::Failed(format!("{problem:#}")),
    }
}

/// Fetches the database of advisories; the error is the reason why that is not possible here.
fn fetch_advisories(tool: &Path, root: &Path) -> Result<(), String> {
    let mut command = command(tool, root);
    // Its errors are long and say little; that it failed is what counts here.
    command.args(["fetch", "db"]).stdout(Stdio::null()).stderr(Stdio::null());
    // It starts git, which must neither ask for a password nor hang on for long after the limit.
    command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_HTTP_LOW_SPEED_LIMIT", "1").env("GIT_HTTP_LOW_SPEED_TIME", "30");
    match process::within(&mut command, FETCH_LIMIT, |_| {}) {
        Ok(Ended::InTime(status)) if status.success() => Ok(()),
        Ok(Ended::InTime(_)) => Err("the advisory database can't be fetched from here".to_owned()),
        Ok(Ended::TooLate) => {
            Err(format!("the advisory database could not be fetched within {} s", FETCH_LIMIT.as_secs()))
        }
        Err(problem) => Err(format!("{problem:#}")),
    }
}

fn command(tool: &Path, root: &Path) -> Command {
    let mut command = Command::new(tool);
    command.current_dir(root).args(["--log-level", "warn", "--locked", "--workspace"]);
    command
}

/// The tool at the version above: from PATH if it is there, else from the cache, else built into it.
fn find_or_install() -> Result<PathBuf> {
    if let Some(installed) = process::find_program("cargo-deny") {
        let version = process::output(Command::new(&installed).arg("--version")).unwrap_or_default();
        if version.split_whitespace().last() == Some(VERSION) {
            return Ok(installed);
        }
    }
    let cache = cache::folder()?;
    let name = format!("cargo-deny-{VERSION}");
    let kept = cache.join(&name);
    let program = kept.join("bin/cargo-deny");
    if !program.is_file() {
        let _lock = cache::Lock::take(&cache, &name)?;
        if !program.is_file() {
            install(&cache, &name, &kept)?;
        }
    }
    Ok(program)
}

/// Builds it in the cache. Quick to build counts here, not quick to run.
fn install(cache: &Path, name: &str, kept: &Path) -> Result<()> {
    println!("Building cargo-deny {VERSION} once: this takes some minutes. It is kept in {}.", kept.display());
    let (partial, work) = (cache.join(format!("{name}.partial")), cache.join(format!("{name}.build")));
    let mut command = cargo(&["install", "--locked", "--version", VERSION, "cargo-deny", "--root"]);
    command.arg(&partial).current_dir(cache).env("CARGO_TARGET_DIR", &work).env_remove("RUSTFLAGS");
    let settings = [("LTO", "off"), ("OPT_LEVEL", "1"), ("CODEGEN_UNITS", "16"), ("DEBUG", "0")];
    for (name, value) in settings {
        command.env(format!("CARGO_PROFILE_RELEASE_{name}"), value);
    }
    if !process::succeeds(&mut command)? {
        bail!(
            "cargo-deny could not be built; cargo's messages are above. `cargo install cargo-deny@{VERSION}` is another way"
        );
    }
    let finish = || -> std::io::Result<()> {
        if kept.exists() {
            fs::remove_dir_all(kept)?;
        }
        fs::rename(&partial, kept)?;
        fs::remove_dir_all(&work)
    };
    finish().with_context(|| format!("cannot keep cargo-deny in {}", kept.display()))
}
