//! The file in which tests say that they could not run here, and why.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Tests append to it; each line is a name, a tab and a reason.
pub(super) struct SkippedFile(PathBuf);

impl SkippedFile {
    /// An empty one in the build folder.
    pub(super) fn new(target: &Path) -> Result<Self> {
        let path = target.join("skipped-tests");
        fs::create_dir_all(target)
            .and_then(|()| fs::write(&path, ""))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Names and reasons, sorted.
    pub(super) fn read(&self) -> Result<Vec<(String, String)>> {
        let text = fs::read_to_string(&self.0).with_context(|| format!("cannot read {}", self.0.display()))?;
        Ok(parse(&text))
    }
}

fn parse(text: &str) -> Vec<(String, String)> {
    let split = |line: &str| {
        let (name, reason) = line.split_once('\t').unwrap_or((line, "no reason given"));
        (name.to_owned(), reason.to_owned())
    };
    let mut lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).map(split).collect();
    lines.sort();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_names_and_reasons() {
        let lines = parse("seats_spread\tneeds root\n\na_home_broker_dies\tneeds root\nbare\n");
        let expected =
            [("a_home_broker_dies", "needs root"), ("bare", "no reason given"), ("seats_spread", "needs root")];
        assert_eq!(lines, expected.map(|(name, reason)| (name.to_owned(), reason.to_owned())));
    }
}
