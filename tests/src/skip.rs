//! Tests that need more than every machine has say so, and return. `cargo xtask test` sets the variables that are read
//! here and lists what was skipped.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

/// Set to 1 where real session hosts and clients can run.
const REAL_RDP: &str = "HOSTLER_REAL_RDP";
/// Why they can't, where that is known.
const REAL_RDP_MISSING: &str = "HOSTLER_REAL_RDP_MISSING";
/// Set to 1 where networks of their own can be made.
const NETWORKS: &str = "HOSTLER_NETWORKS";
/// Why they can't, where that is known.
const NETWORKS_MISSING: &str = "HOSTLER_NETWORKS_MISSING";
/// The root of a machine that can be booted.
const MACHINE_ROOT: &str = "HOSTLER_MACHINE_ROOT";
/// Why there is none, where that is known.
const MACHINE_ROOT_MISSING: &str = "HOSTLER_MACHINE_ROOT_MISSING";
/// The file that takes a line `test<TAB>reason` for each skipped test.
const SKIPPED: &str = "HOSTLER_SKIPPED";

/// Whether the test must be skipped because it needs real RDP. Then it has been told, and the test just returns.
#[must_use]
pub fn without_real_rdp(test: &str) -> bool {
    without(test, REAL_RDP, REAL_RDP_MISSING, "xrdp, FreeRDP and root")
}

/// Whether the test must be skipped because it needs networks of its own. Then it has been told, and the test just
/// returns.
#[must_use]
pub fn without_networks(test: &str) -> bool {
    without(test, NETWORKS, NETWORKS_MISSING, "iproute2, nftables and root")
}

/// The root of a machine that can be booted, or nothing where the test must be skipped because there is none. Then it has
/// been told, and the test just returns.
#[must_use]
pub fn machine_root(test: &str) -> Option<PathBuf> {
    let root = env::var_os(MACHINE_ROOT).map(PathBuf::from);
    if root.is_none() {
        let needs = "is set by `cargo xtask test`, which makes the root of a machine";
        let reason = env::var(MACHINE_ROOT_MISSING).unwrap_or_else(|_| format!("{MACHINE_ROOT} {needs}"));
        tell(test, &reason);
    }
    root
}

fn without(test: &str, there: &str, missing: &str, needs: &str) -> bool {
    // SAFETY: geteuid has no preconditions.
    let root = unsafe { libc::geteuid() } == 0;
    let reason = match (env::var(there).as_deref(), env::var(missing)) {
        (Ok("1"), _) if root => return false,
        (Ok("1"), _) => "needs root, for namespaces".to_owned(),
        (_, Ok(missing)) => missing,
        _ => format!("needs {needs}; set {there}=1 where they are"),
    };
    tell(test, &reason);
    true
}

fn tell(test: &str, reason: &str) {
    println!("skipped: {reason}");
    if let Some(path) = env::var_os(SKIPPED) {
        // One write for the line: other tests append to the same file.
        let line = format!("{test}\t{}\n", reason.replace(['\n', '\t'], " "));
        let written =
            OpenOptions::new().create(true).append(true).open(path).map(|mut file| file.write_all(line.as_bytes()));
        if let Err(error) = written.and_then(|result| result) {
            println!("the list of skipped tests could not be written: {error}");
        }
    }
}
