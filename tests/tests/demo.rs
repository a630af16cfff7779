//! The demo farm, as somebody runs it who looks at Hostler for the first time.
#![allow(clippy::unwrap_used, clippy::panic)] // In a test a failed one should stop it.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use hostler_tests::farm::program;
use hostler_tests::process::Process;

/// Far more than it takes, for a machine that has other things to do.
const WITHIN: Duration = Duration::from_secs(120);

/// The demo's program: where xtask says that it is, else beside `hostler`.
fn demo() -> PathBuf {
    std::env::var_os("HOSTLER_DEMO_BIN")
        .map_or_else(|| program().unwrap().with_file_name("hostler-demo"), PathBuf::from)
}

/// The processes whose command line has this text.
fn processes_with(text: &str) -> Vec<String> {
    let lines = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    lines.filter(|line| line.contains(text)).collect()
}

#[test]
fn once() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(demo());
    // Everything that the demo starts has its folder in its command line.
    command.args(["farm", "--once"]).env("HOSTLER_BIN", program().unwrap()).env("TMPDIR", folder.path());
    let mut demo = Process::start("demo", folder.path(), command).unwrap();
    let status = demo.wait_for_end(WITHIN).unwrap_or_else(|error| panic!("{error:#}\n{}", demo.tail()));
    assert!(status.success(), "{status}\n{}", demo.log());
    assert_eq!(processes_with(&format!("{}/hostler-demo", folder.path().display())), Vec::<String>::new());
}
