//! The top level of the repository stays what a newcomer can take in at a glance.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::{process, report::Outcome};

/// Exactly these, and files and folders whose name begins with a dot.
const ENTRIES: [&str; 11] = [
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "crates",
    "docs",
    "rust-toolchain.toml",
    "schemas",
    "simulations",
    "tests",
];

pub(super) fn check(root: &Path) -> Result<Outcome> {
    Ok(Outcome::from_problems(&problems(&entries(root)?)))
}

fn problems(present: &BTreeSet<String>) -> Vec<String> {
    let expected: BTreeSet<String> = ENTRIES.map(str::to_owned).into();
    let missing = expected.difference(present).map(|name| format!("{name} is missing"));
    let others = present.difference(&expected).filter(|name| !name.starts_with('.'));
    missing.chain(others.map(|name| format!("{name} does not belong at the top level"))).collect()
}

/// What git sees, so that ignored files don't count; where this is no clone, all but the build folder.
fn entries(root: &Path) -> Result<BTreeSet<String>> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    if let Ok(files) = process::output(&mut git) {
        let first = |file: &str| file.split('/').next().unwrap_or(file).to_owned();
        return Ok(files.lines().map(first).filter(|name| root.join(name).exists()).collect());
    }
    let folder = fs::read_dir(root).with_context(|| format!("cannot read {}", root.display()))?;
    let names = folder.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names.filter(|name| name != "target").collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_may_be_missing_or_added() {
        let mut present: BTreeSet<String> = ENTRIES.map(str::to_owned).into();
        present.insert(".ci".to_owned());
        assert_eq!(problems(&present), [""; 0]);
        present.remove("docs");
        present.insert("notes.txt".to_owned());
        assert_eq!(problems(&present), ["docs is missing", "notes.txt does not belong at the top level"]);
    }
}
