//! The root of a small Debian with systemd, sshd and the three firewalls, for the tests that boot a machine of its own.
//!
//! It is made once with debootstrap, from the mirror that this machine itself is configured for, and kept in the cache
//! folder. Tests put an overlay on it and never write into it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{cache, process};

/// Changes when what is made here changes, so that an older root is not taken for it.
const VERSION: u32 = 1;

/// What is in it besides a minimal Debian.
const PACKAGES: [&str; 10] = [
    "systemd",
    "systemd-sysv",
    "libpam-systemd",
    "dbus",
    "openssh-server",
    "sudo",
    "nftables",
    "ufw",
    "firewalld",
    "iproute2",
];

/// Services that a test turns on where it wants them, and those that would ask the network for something.
const OFF: [&str; 7] = [
    "ufw.service",
    "firewalld.service",
    "nftables.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
];

/// The folder of the root, which is made if it is not there yet.
pub(crate) fn ensure() -> Result<PathBuf> {
    let release = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let suite = field(&release, "VERSION_CODENAME").context("/etc/os-release names no VERSION_CODENAME")?;
    let cache = cache::folder()?;
    let name = format!("machine-{suite}-{}-{VERSION}", std::env::consts::ARCH);
    let kept = cache.join(&name);
    if !kept.exists() {
        let _lock = cache::Lock::take(&cache, &name)?;
        if !kept.exists() {
            make(&suite, &kept)?;
        }
    }
    Ok(kept)
}

fn make(suite: &str, kept: &Path) -> Result<()> {
    let (mirror, keyring) = mirror(suite)?;
    println!(
        "Making a small Debian for the tests that boot a machine: about a minute. It is kept in\n{}",
        kept.display()
    );
    let partial = kept.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).with_context(|| format!("cannot delete {}", partial.display()))?;
    }
    // In a mount namespace of its own: what it mounts in there goes with it, also where it is killed.
    let mut command = Command::new("unshare");
    command.args(["--mount", "debootstrap", "--variant=minbase", &format!("--include={}", PACKAGES.join(","))]);
    command.args(keyring.map(|path| format!("--keyring={path}")));
    process::output(command.arg(suite).arg(&partial).arg(mirror))?;
    let mut command = Command::new("systemctl");
    // Units that are off already, or not there in another release, are no problem.
    let _ = process::output(command.arg("--root").arg(&partial).arg("disable").args(OFF));
    fs::rename(&partial, kept).with_context(|| format!("cannot keep {}", kept.display()))
}

/// The value of a line `KEY=value` or `KEY="value"`.
fn field(text: &str, key: &str) -> Option<String> {
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines.filter(|(name, _)| *name == key).map(|(_, value)| value.trim_matches('"').to_owned()).next()
}

/// The mirror that apt takes this suite from, and the keyring that it trusts it by.
fn mirror(suite: &str) -> Result<(String, Option<String>)> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    files.extend(fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path()));
    files.sort();
    for file in files {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let found = match file.extension().and_then(|ending| ending.to_str()) {
            Some("sources") => in_stanzas(&text, suite),
            Some("list") => in_lines(&text, suite),
            _ => None,
        };
        if let Some(found) = found {
            return Ok(found);
        }
    }
    bail!("no file in /etc/apt says where {suite} main comes from")
}

/// apt's newer form (deb822): fields in stanzas.
fn in_stanzas(text: &str, suite: &str) -> Option<(String, Option<String>)> {
    text.split("\n\n").find_map(|stanza| {
        let lines = stanza.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(':'));
        let fields: BTreeMap<&str, &str> = lines.map(|(name, value)| (name, value.trim())).collect();
        let words = |name: &str| fields.get(name).map(|value| value.split_whitespace().collect::<Vec<_>>());
        let fits = words("Types")?.contains(&"deb")
            && words("Suites")?.contains(&suite)
            && words("Components")?.contains(&"main");
        let uri = (*words("URIs")?.first()?).to_owned();
        // It may hold the key itself, in many lines; then debootstrap's own is taken.
        let keyring = fields.get("Signed-By").filter(|path| path.starts_with('/')).map(|path| (*path).to_owned());
        fits.then_some((uri, keyring))
    })
}

/// apt's older form: `deb [options] URI suite component…`.
fn in_lines(text: &str, suite: &str) -> Option<(String, Option<String>)> {
    text.lines().find_map(|line| {
        let line = line.trim().strip_prefix("deb ")?.trim_start();
        let (options, line) = match line.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => ("", line),
        };
        let mut words = line.split_whitespace();
        let uri = words.next()?;
        let fits = words.next() == Some(suite) && words.any(|component| component == "main");
        let keyring =
            options.split_whitespace().find_map(|option| option.strip_prefix("signed-by=")).map(str::to_owned);
        fits.then(|| (uri.to_owned(), keyring))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_machines_own() {
        let stanzas = "Types: deb\n# a note\nURIs: http://mirror.example/security\nSuites: bookworm-security\nComponents: main\n\n\
                       Types: deb deb-src\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n\
                       Signed-By: /usr/share/keyrings/k.gpg\n";
        let lines = "# deb http://no.example/ bookworm main\ndeb-src http://no.example/ bookworm main\n\
                     deb http://no.example/ bookworm contrib\n\
                     deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main contrib\n";
        let found = |uri: &str, keyring: &str| Some((uri.to_owned(), Some(keyring.to_owned())));
        assert_eq!(in_stanzas(stanzas, "bookworm"), found("http://mirror.example/debian", "/usr/share/keyrings/k.gpg"));
        assert_eq!(in_stanzas(stanzas, "trixie"), None);
        assert_eq!(in_lines(lines, "bookworm"), found("http://mirror.example/debian", "/k.gpg"));
        assert_eq!(
            in_lines("deb http://m.example/ bookworm main", "bookworm"),
            Some(("http://m.example/".into(), None))
        );
        assert_eq!(in_lines(lines, "trixie"), None);
        assert_eq!(
            field("NAME=\"Debian\"\nVERSION_CODENAME=bookworm\n", "VERSION_CODENAME").as_deref(),
            Some("bookworm")
        );
    }
}
