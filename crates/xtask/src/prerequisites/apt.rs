//! Installing packages with apt-get.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command, sync::OnceLock};

use crate::process;

/// Whether this process may install packages.
pub(super) fn is_root() -> bool {
    // "Uid:  real  effective  saved  file system"
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    uids.and_then(|uids| uids.split_whitespace().nth(1)) == Some("0")
}

/// Whether apt can be asked what it knows: on a fresh image it has no lists before its first update.
pub(super) fn has_package_lists() -> bool {
    process::find_program("apt-cache").is_some() && (!is_root() || update().is_ok()) && knows("base-files")
}

/// Whether apt could install this package.
pub(super) fn knows(package: &str) -> bool {
    process::output(Command::new("apt-cache").args(["show", "--no-all-versions", package])).is_ok()
}

/// Installs the packages if it may; the error says why it can't.
pub(super) fn install(packages: &[&str]) -> Result<(), String> {
    if !is_root() {
        return Err("Packages are missing, and only root can install them.".to_owned());
    }
    if process::find_program("apt-get").is_none() {
        return Err("Packages are missing, and there is no apt-get here to install them with.".to_owned());
    }
    update()?;
    println!("Installing {} …", packages.join(" "));
    let _no_services = NoServices::hold();
    let mut command = apt_get();
    command.args(["install", "--yes", "--no-install-recommends"]).args(packages);
    process::output(&mut command).map(|_| ()).map_err(|problem| format!("apt-get could not install them: {problem:#}"))
}

/// Session hosts of the tests start an xrdp of their own; the package's must not listen after the next boot.
pub(super) fn keep_xrdp_off() {
    if process::find_program("systemctl").is_some() {
        let mut command = Command::new("systemctl");
        command.args(["disable", "xrdp.service", "xrdp-sesman.service"]);
        if let Err(problem) = process::output(&mut command) {
            println!("The service xrdp, which the tests don't need, could not be turned off: {problem:#}");
        }
    }
}

/// Debian starts a package's services while it installs it, unless this program says no. So nothing begins to listen
/// on a developer's machine only because tests need a program.
const POLICY: &str = "/usr/sbin/policy-rc.d";
const POLICY_TEXT: &str = "#!/bin/sh\n# Written by cargo xtask while it installs packages; safe to delete.\nexit 101\n";

/// While this lives, packages start no services. A policy of the machine's own stays as it is.
struct NoServices {
    ours: bool,
}

impl NoServices {
    fn hold() -> Self {
        // One of ours that is there already was left behind by a run that was killed.
        let free = fs::read_to_string(POLICY).map_or(!Path::new(POLICY).exists(), |text| text == POLICY_TEXT);
        let written = free
            && fs::write(POLICY, POLICY_TEXT)
                .and_then(|()| fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755)))
                .is_ok();
        Self { ours: written }
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours
            && let Err(problem) = fs::remove_file(POLICY)
        {
            println!("Delete {POLICY}, or packages will not start their services: {problem}");
        }
    }
}

/// Fetches apt's package lists, once per run.
fn update() -> Result<(), String> {
    static DONE: OnceLock<Result<(), String>> = OnceLock::new();
    let fetch = || {
        println!("Updating apt's package lists …");
        let update = process::output(apt_get().arg("update")).map(|_| ());
        update.map_err(|problem| format!("apt-get could not fetch its package lists: {problem:#}"))
    };
    DONE.get_or_init(fetch).clone()
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    // Another apt may be running, as just after a machine's first boot: wait for it instead of failing.
    command.args(["-qq", "-o", "DPkg::Lock::Timeout=300"]).env("DEBIAN_FRONTEND", "noninteractive");
    command
}
