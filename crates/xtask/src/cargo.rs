//! Starting cargo from within `cargo xtask`.

use std::process::Command;

/// The prefixes of what `cargo run` sets for the program that it starts, besides the names below.
const OURS_PREFIXES: [&str; 2] = ["CARGO_PKG_", "CARGO_BIN_"];
const OURS: [&str; 4] = ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE"];

/// A cargo command in the workspace's folder, with the environment that a developer's shell would give it.
///
/// Several build scripts (ring's among them) run again whenever `CARGO_PKG_…` or `CARGO_MANIFEST_DIR` differ from the
/// last time, so xtask's own values must not leak into them: a plain `cargo build` after `cargo xtask` would rebuild.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if OURS.contains(&text.as_ref()) || OURS_PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command.current_dir(workspace_root()).args(arguments);
    command
}

/// The folder of the workspace: two above this crate's own.
pub(crate) fn workspace_root() -> std::path::PathBuf {
    // At run time where cargo says so, for a clone that was moved; else where this was compiled.
    let own = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let own = std::path::PathBuf::from(own);
    own.ancestors().nth(2).map_or_else(|| own.clone(), std::path::Path::to_path_buf)
}
