//! What must be on a machine to build Hostler and to run its tests, and how it gets there.
//!
//! Every command that builds calls [`for_building`] first; only `test` asks for more, with [`for_networks`] and [`for_real_rdp`].

mod apt;
mod need;

use std::path::PathBuf;

use anyhow::{Result, bail};

use self::need::{Need, packages};
use crate::machine_root;

/// Makes sure that the workspace can be built: installs what is missing as root, else says how to.
pub(crate) fn for_building() -> Result<()> {
    let missing = need::missing(need::BUILD);
    if missing.is_empty() {
        return Ok(());
    }
    println!("{}", describe("building", &missing));
    let names = available(&missing);
    apt::install(&names).map_err(|problem| anyhow::anyhow!("{problem}\n{}", advice(&names)))?;
    let missing = need::missing(need::BUILD);
    if !missing.is_empty() {
        bail!("{} Its packages are installed, but it was not found.", describe("building", &missing));
    }
    Ok(())
}

/// Makes sure that real session hosts and clients can run here. The error is the reason why they can't.
pub(crate) fn for_real_rdp() -> Result<(), String> {
    if !apt::is_root() {
        return Err("needs root, for network namespaces and session hosts that log users on".to_owned());
    }
    let missing = need::missing(need::REAL_RDP);
    if !missing.is_empty() {
        println!("{}", describe("the real RDP tests", &missing));
        let names = packages(&missing);
        apt::install(&names).map_err(|problem| format!("{problem}\n{}", advice(&names)))?;
        if missing.iter().any(|need| need.package == "xrdp") {
            apt::keep_xrdp_off();
        }
        let missing = need::missing(need::REAL_RDP);
        if !missing.is_empty() {
            return Err(describe("the real RDP tests", &missing));
        }
    }
    need::namespaces()
}

/// Makes sure that a machine with a root of its own can be booted here. The error is the reason why it can't.
pub(crate) fn for_machines() -> Result<PathBuf, String> {
    if !apt::is_root() {
        return Err("needs root, for network namespaces and a machine that boots in them".to_owned());
    }
    let missing = need::missing(need::MACHINES);
    if !missing.is_empty() {
        println!("{}", describe("the tests that boot a machine", &missing));
        let names = packages(&missing);
        apt::install(&names).map_err(|problem| format!("{problem}\n{}", advice(&names)))?;
        let missing = need::missing(need::MACHINES);
        if !missing.is_empty() {
            return Err(describe("the tests that boot a machine", &missing));
        }
    }
    need::namespaces()?;
    machine_root::ensure().map_err(|problem| format!("the root of a machine could not be made: {problem:#}"))
}

/// Makes sure that the programs are there beside which Hostler is measured. The error is the reason why they aren't.
pub(crate) fn for_peers() -> Result<(), String> {
    let missing = need::missing(need::PEERS);
    if missing.is_empty() {
        return Ok(());
    }
    println!("{}", describe("the figures beside others", &missing));
    let names = packages(&missing);
    apt::install(&names).map_err(|problem| format!("{problem}\n{}", advice(&names)))?;
    let missing = need::missing(need::PEERS);
    if missing.is_empty() { Ok(()) } else { Err(describe("the figures beside others", &missing)) }
}

/// Makes sure that tests can have networks of their own. The error is the reason why they can't.
pub(crate) fn for_networks() -> Result<(), String> {
    if !apt::is_root() {
        return Err("needs root, for network namespaces".to_owned());
    }
    let missing = need::missing(need::NETWORKS);
    if !missing.is_empty() {
        println!("{}", describe("tests in networks of their own", &missing));
        let names = packages(&missing);
        apt::install(&names).map_err(|problem| format!("{problem}\n{}", advice(&names)))?;
        let missing = need::missing(need::NETWORKS);
        if !missing.is_empty() {
            return Err(describe("tests in networks of their own", &missing));
        }
    }
    need::namespaces()
}

/// `cargo xtask prerequisites`: all, with the answers printed.
pub(crate) fn run() -> Result<bool> {
    for_building()?;
    println!("Building: everything is there.");
    for (what, there) in [
        ("Tests in networks of their own", for_networks()),
        ("Real RDP tests", for_real_rdp()),
        ("Figures beside others", for_peers()),
    ] {
        match there {
            Ok(()) => println!("{what}: everything is there."),
            Err(reason) => println!("{what}: skipped here: {reason}"),
        }
    }
    match for_machines() {
        Ok(root) => println!("Tests that boot a machine: everything is there, its root in {}.", root.display()),
        Err(reason) => println!("Tests that boot a machine: skipped here: {reason}"),
    }
    Ok(true)
}

/// "Missing for building: libclang (libclang1-14), …."
fn describe(purpose: &str, missing: &[&Need]) -> String {
    let list: Vec<String> = missing.iter().map(|need| format!("{} ({})", need.what, need.package)).collect();
    format!("Missing for {purpose}: {}.", list.join(", "))
}

/// The exact command that installs the packages.
fn advice(names: &[&str]) -> String {
    let sudo = if apt::is_root() { "" } else { "sudo " };
    let names = names.join(" ");
    format!("On Debian 12, run:  {sudo}apt-get update && {sudo}apt-get install --no-install-recommends {names}")
}

/// The packages that provide what is missing. Debian 12's libclang is 14; other releases have others, under a name
/// that is the same everywhere but brings more along.
fn available(missing: &[&Need]) -> Vec<&'static str> {
    let names = packages(missing);
    if names.iter().any(|name| name.starts_with("libclang")) && apt::has_package_lists() && !apt::knows("libclang1-14")
    {
        let others = names.into_iter().filter(|name| !name.starts_with("libclang"));
        return others.chain(["libclang-dev"]).collect();
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_what_is_missing_and_the_command() {
        let missing: Vec<&Need> = need::BUILD.iter().collect();
        assert_eq!(
            describe("building", &missing),
            "Missing for building: a C++ compiler (g++), libclang, for RocksDB's bindings (libclang1-14), libclang's own \
             headers (libclang-common-14-dev)."
        );
        let names = packages(&missing);
        let command = "apt-get install --no-install-recommends g++ libclang1-14 libclang-common-14-dev";
        assert!(advice(&names).ends_with(command), "{}", advice(&names));
    }

    #[test]
    fn the_demo_does_not_ask_for_what_only_tests_need() {
        assert_eq!(packages(&need::BUILD.iter().collect::<Vec<_>>()).len(), 3);
        let tests = packages(&need::REAL_RDP.iter().collect::<Vec<_>>());
        assert_eq!(
            tests.join(" "),
            "xrdp xorgxrdp freerdp2-x11 xvfb x11-utils x11-apps x11-xserver-utils imagemagick openbox xterm xdotool \
             dbus-x11"
        );
        assert_eq!(packages(&need::NETWORKS.iter().collect::<Vec<_>>()), ["iproute2", "nftables"]);
    }
}
