//! `hostler simulate`, as it is typed.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Two brokers and two hosts for some seconds. One way takes 1.1 s: within a second they can't become one.
fn scenario(within_ms: u64, more: &str) -> String {
    format!(
        r#"
format = 1
title = "Small"
why = "For a test."
[run]
duration_ms = 5_000
[cluster]
brokers = 2
hosts = 2
users = 20
[network]
delay_ms = 1_100
[heal]
within_ms = {within_ms}
[expect]
invariants = ["converges"]
{more}
[[step]]
at_ms = 1_000
action = {{ do = "crash", who = "b2", lasts_ms = 1_000 }}
[[step]]
at_ms = 4_900
action = {{ do = "publish", at = "b1" }}
"#
    )
}

fn simulate(folder: &Path, arguments: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostler"));
    command.arg("simulate").args(arguments.split_whitespace()).current_dir(folder).stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn what_it_says_and_how_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let write = |name: &str, text: &str| std::fs::write(path.join(name), text).unwrap();
    std::fs::create_dir(path.join("good")).unwrap();
    write("good/small.toml", &scenario(30_000, ""));
    write("late.toml", &scenario(1_000, ""));
    write("broken.toml", &scenario(30_000, "reached = [\"moon\"]"));
    write("planted.toml", &scenario(30_000, "planted = \"stale_home\"\ncaught_by = \"hard-cap\""));

    let (code, out, err) = simulate(path, "good --seeds 2 --twice");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let table: Vec<&str> = out.lines().take(2).collect();
    assert!(
        table[0].starts_with("SCENARIO    SEEDS  HOURS  EVENTS  PROMOTIONS  FAULTS  CONVERGED BY  RESULT"),
        "{out}"
    );
    assert!(table[1].starts_with("good/small      2") && table[1].ends_with("  ok"), "{out}");
    assert!(out.contains("\n  faults") && out.contains("crash 2\n"), "{out}");
    let digest = |arguments: &str| {
        let (_, out, err) = simulate(path, arguments);
        let verdicts: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out} {err}"));
        verdicts[0]["digest"].as_str().unwrap().to_owned()
    };
    assert_eq!(digest("good --seeds 3 --jobs 1 --json"), digest("good --seeds 3 --jobs 3 --json"));

    let (code, out, err) = simulate(path, "late.toml --seed 7 --plans plans");
    assert_eq!((code, err.as_str()), (1, "hostler: 1 of 1 scenarios failed\n"), "{out}");
    assert!(out.starts_with("VIOLATION of converges in late.toml, seed 7, at "), "{out}");
    assert!(out.contains("\nAgain:  hostler simulate plans/late-seed7.toml\n"), "{out}");
    let (code, out, _) = simulate(path, "plans/late-seed7.toml");
    assert!(code == 1 && out.starts_with("VIOLATION of converges in plans/late-seed7.toml, seed 7, at "), "{out}");

    for (arguments, says) in [
        ("broken.toml", "hostler: broken.toml: line 17: there is no coverage mark \"moon\"; there are: "),
        ("nowhere", "hostler: nowhere: No such file or directory"),
        (
            "planted.toml good",
            "hostler: planted.toml plants the fault \"stale_home\" in the program, and this one can't",
        ),
    ] {
        let (code, out, err) = simulate(path, arguments);
        assert!(code == 2 && out.is_empty() && err.starts_with(says), "{arguments}: {code} {out} {err}");
    }
}
