//! The name that everything of one run carries, and what killed runs have left under theirs.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use super::net::remove_namespace;

/// Begins the names of all namespaces and folders.
const PREFIX: &str = "hostler-net-";
/// Where `ip netns` keeps its namespaces.
pub(super) const NAMESPACES: &str = "/run/netns";

/// How many runs this program has had.
static RUNS: AtomicU32 = AtomicU32::new(0);

/// A run's name: the process, when it began (pids are used again), and a number.
#[derive(Clone, Debug)]
pub(super) struct RunName(String);

impl RunName {
    /// A new one.
    pub(super) fn new() -> Result<Self> {
        let pid = std::process::id();
        let began = began(pid).context("can't read when this program began")?;
        let number = RUNS.fetch_add(1, Ordering::Relaxed);
        Ok(Self(format!("{PREFIX}{pid}-{began}-{number}-")))
    }

    /// The name of something of this run.
    pub(super) fn of(&self, what: &str) -> String {
        format!("{}{what}", self.0)
    }

    /// Begins the names of everything of this run.
    pub(super) fn prefix(&self) -> &str {
        &self.0
    }
}

/// When a process began, in ticks since the machine's start; nothing where there is no such process.
fn began(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Behind the name, which may contain anything, begins field 3; 22 is the start.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Whether something belongs to a run whose program is gone.
fn is_left_over(name: &str) -> bool {
    let mut parts = name.strip_prefix(PREFIX).unwrap_or_default().split('-');
    match (parts.next().and_then(|p| p.parse().ok()), parts.next().and_then(|b| b.parse::<u64>().ok())) {
        (Some(pid), Some(then)) => began(pid) != Some(then),
        _ => false,
    }
}

/// Removes what killed runs have left. Another run may do the same at the same time.
pub(super) fn remove_left_overs() {
    let left = |folder: &Path| -> Vec<String> {
        let names = fs::read_dir(folder).into_iter().flatten().flatten();
        names.filter_map(|e| e.file_name().into_string().ok()).filter(|name| is_left_over(name)).collect()
    };
    for name in left(Path::new(NAMESPACES)) {
        remove_namespace(&name);
    }
    let folders = std::env::temp_dir();
    for name in left(&folders) {
        let _ = fs::remove_dir_all(folders.join(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_run_is_over() {
        let own = RunName::new().unwrap();
        let (pid, later) = (std::process::id(), began(std::process::id()).unwrap() + 1);
        for (name, over) in [
            (own.of("b1"), false),
            (format!("{PREFIX}{pid}-{later}-0-b1"), true),
            (format!("{PREFIX}4294967295-1-0-b1"), true),
            (format!("{PREFIX}b1"), false),
            ("somebody-else".to_owned(), false),
        ] {
            assert_eq!(is_left_over(&name), over, "{name}");
        }
        assert_ne!(own.prefix(), RunName::new().unwrap().prefix());
    }
}
