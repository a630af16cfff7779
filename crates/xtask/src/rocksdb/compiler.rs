//! The C++ compiler that will build RocksDB.

use std::{env, process::Command};

use anyhow::{Context, Result};

use crate::process;

/// Which compiler it is: archives of different ones can't be told apart later, so it is part of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compiler {
    /// "gcc" or "clang".
    pub(super) family: &'static str,
    pub(super) version: String,
    /// The machine that it compiles for, as x86_64-linux-gnu.
    pub(super) target: String,
}

impl Compiler {
    /// Asks the compiler that the crate cc takes: `$CXX`, else c++.
    pub(crate) fn find() -> Result<Self> {
        let program = env::var("CXX").ok().filter(|own| !own.is_empty()).unwrap_or_else(|| "c++".to_owned());
        let ask = |question: &[&str]| -> Result<String> {
            // CXX may hold arguments, as in "ccache g++".
            let mut words = program.split_whitespace();
            let mut command = Command::new(words.next().unwrap_or_default());
            let answer = process::output(command.args(words).args(question));
            Ok(answer.with_context(|| format!("there is no working C++ compiler ({program})"))?.trim().to_owned())
        };
        let family = if ask(&["--version"])?.contains("clang") { "clang" } else { "gcc" };
        // The second option is for clang and for old gcc, which don't know the first; gcc answers the fuller one.
        let version = match family {
            "clang" => ask(&["-dumpversion"])?,
            _ => ask(&["-dumpfullversion", "-dumpversion"])?,
        };
        Ok(Self { family, version, target: ask(&["-dumpmachine"])? })
    }
}
