//! The codec of stored bytes is named in one module, so that it can be replaced there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{metadata::Metadata, report::Outcome};

const CODEC: &str = "bincode";
/// The only package that may depend on it, the only module that may name it, and the folder in which one test may.
const OWNER: &str = "hostler-events";
const MODULE: &str = "src/codec.rs";
const TESTS: &str = "tests";

pub(super) fn check(metadata: &Metadata, root: &Path) -> Result<Outcome> {
    let members = metadata.member_names();
    let mut problems: Vec<String> = metadata
        .edges()
        .iter()
        .filter(|edge| edge.to == CODEC && edge.from != OWNER && members.contains(edge.from.as_str()))
        .map(|edge| format!("{} depends on {CODEC}: only {OWNER} may", edge.from))
        .collect();
    let owner = metadata.package(OWNER)?.manifest_path.parent().unwrap_or(root).to_path_buf();
    let mut named = Vec::new();
    for file in rust_files(&owner)? {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        if names_codec(&text) {
            named.push(file.strip_prefix(&owner).unwrap_or(&file).to_path_buf());
        }
    }
    problems.extend(misplaced(&named));
    Ok(Outcome::from_problems(&problems))
}

/// The files, relative to the package, in which the codec must not be named.
fn misplaced(named: &[PathBuf]) -> Vec<String> {
    let tests: Vec<&PathBuf> = named.iter().filter(|file| file.starts_with(TESTS)).collect();
    let elsewhere = named.iter().filter(|file| !file.starts_with(TESTS) && *file != Path::new(MODULE));
    let mut problems: Vec<String> =
        elsewhere.map(|file| format!("{OWNER}: {} names {CODEC}: only {MODULE} may", file.display())).collect();
    if tests.len() > 1 {
        let files: Vec<String> = tests.iter().map(|file| file.display().to_string()).collect();
        problems.push(format!("{OWNER}: one test may name {CODEC}, not {}: {}", tests.len(), files.join(", ")));
    }
    problems
}

/// Whether the code, not a comment, names the crate: as the beginning of a path, or in a `use`.
fn names_codec(text: &str) -> bool {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).any(|code| {
        code.match_indices(CODEC).any(|(at, _)| {
            let before = &code[..at];
            let after = code[at + CODEC.len()..].trim_start();
            let begins_word = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let is_used = ["use", "crate"].iter().any(|word| before.trim_end().ends_with(word));
            begins_word && (after.starts_with("::") || is_used)
        })
    })
}

/// All Rust files below a package's folder.
fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_that_names_the_crate_counts() {
        let cases = [
            ("let n = bincode::encode(x);", true),
            ("use bincode;", true),
            ("extern crate bincode as b;", true),
            ("use ::bincode::config;", true),
            ("// bincode::encode is used in codec.rs", false),
            ("//! The bincode codec.", false),
            ("error(\"bincode\")", false),
            ("let my_bincode::x = 1;", false),
        ];
        for (code, expected) in cases {
            assert_eq!(names_codec(code), expected, "{code}");
        }
    }

    #[test]
    fn one_module_and_one_test_may_name_it() {
        let files = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(misplaced(&files(&["src/codec.rs", "tests/other_reader.rs"])), [""; 0]);
        assert_eq!(
            misplaced(&files(&["src/codec.rs", "src/envelope.rs", "tests/a.rs", "tests/b.rs"])),
            [
                "hostler-events: src/envelope.rs names bincode: only src/codec.rs may",
                "hostler-events: one test may name bincode, not 2: tests/a.rs, tests/b.rs"
            ]
        );
    }
}
