//! The scenario files and their format: all that are there can be run, a plan says the same after it was written and
//! read again, and a file with a mistake is refused with words that help.

#![allow(clippy::unwrap_used, missing_docs)]

use hostler_sim::{Detail, INVARIANTS, Prepared, Scenario, marks, plan::resolve, suite};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All scenario files, those with planted faults among them.
fn files() -> Vec<PathBuf> {
    let folders = ["fast", "slow", "rare", "negative", "regressions"].map(|name| root().join("simulations").join(name));
    let mut files: Vec<PathBuf> =
        folders.iter().filter_map(|f| fs::read_dir(f).ok()).flatten().map(|e| e.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "toml"));
    files.sort();
    files
}

/// A small farm with a bit of everything.
const SMALL: &str = r#"
format = 1
title = "Small"
why = "For a test."
[run]
duration_ms = 20_000
[cluster]
brokers = 3
hosts = 3
users = 20
[network]
delay_ms = [1, 20]
loss = "1/100"
[heal]
within_ms = 20_000
[expect]
invariants = ["all"]
[[phase]]
for_ms = 20_000
[[phase.workload]]
action = { do = "logons", per_minute = 60, session_ms = [2_000, 9_000], lasts_ms = 20_000 }
[[phase.workload]]
action = { do = "work", every_ms = [500, 3_000], lasts_ms = 20_000 }
[[phase.fault]]
every_ms = [4_000, 9_000]
action = { do = "partition", isolate = ["any"], with = "1/3", lasts_ms = [500, 4_000] }
[[phase.fault]]
every_ms = [5_000, 12_000]
action = { do = "crash", who = "any", lasts_ms = [500, 2_000] }
"#;

#[test]
fn every_file_can_be_run() {
    let files = files();
    assert!(files.len() > 10, "they were found: {files:?}");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.starts_with("#:schema ../../schemas/scenario.json\n"),
            "{}: its first line lets editors complete it: #:schema ../../schemas/scenario.json",
            file.display()
        );
        let scenario = Scenario::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let plan = resolve(&scenario, 7);
        assert_eq!(plan, resolve(&scenario, 7), "{}: two plans for one seed", file.display());
        assert_eq!(resolve(&plan, 8), plan, "{}: a plan has its seed", file.display());
        let written = plan.to_toml().unwrap();
        let again = Scenario::parse(&written).unwrap_or_else(|error| panic!("{}: {error}\n{written}", file.display()));
        assert_eq!(again, plan, "{}: a plan is read as it was written", file.display());
    }
}

#[test]
fn a_plan_gives_the_same_run_after_it_was_written_and_read() {
    let prepared = Prepared::new(Scenario::parse(SMALL).unwrap()).unwrap();
    let first = prepared.run(3, Detail::Figures);
    assert_eq!(first.violation, None);
    assert!(first.stats.fault_count() > 0 && first.stats.events > 0 && first.stats.sessions > 0, "{:?}", first.stats);
    assert_eq!(prepared.run(3, Detail::Figures).digest, first.digest, "the same seed");
    assert_ne!(prepared.run(4, Detail::Figures).digest, first.digest, "another seed");
    let traced = prepared.run(3, Detail::Messages);
    assert!(traced.digest == first.digest && traced.timeline.len() > 20, "looking at it changes nothing");
    let written = prepared.plan(3).to_toml().unwrap();
    let plan = Prepared::new(Scenario::parse(&written).unwrap()).unwrap();
    assert_eq!(plan.run(99, Detail::Figures).digest, first.digest, "a plan has its own seed");
}

#[test]
fn mistakes() {
    let invariants = INVARIANTS.join(", ");
    let marks = marks::all().join(", ");
    // In the place of what: this; which is refused with these words.
    let cases: &[(&str, &str, &str)] = &[
        (
            "duration_ms = 20_000",
            "duration_ms = 20_000\nspeed = 2",
            "TOML parse error at line 7, column 1\n  |\n7 | speed = 2\n  | ^^^^^\nunknown field `speed`, expected `duration_ms`\n",
        ),
        (
            "[run]",
            "[run",
            "TOML parse error at line 5, column 5\n  |\n5 | [run\n  |     ^\nunclosed table, expected `]`\n",
        ),
        (
            "loss = \"1/100\"",
            "loss = \"1.5\"",
            "TOML parse error at line 13, column 8\n   |\n13 | loss = \"1.5\"\n   |        ^^^^^\n\"1.5\" is not a share: write for instance \
             \"1/200\", at most \"1\"\n",
        ),
        (
            "delay_ms = [1, 20]",
            "delay_ms = [20, 1]",
            "TOML parse error at line 12, column 12\n   |\n12 | delay_ms = [20, 1]\n   |            ^^^^^^^\n[20, 1] goes down; write \
             the smaller one first\n",
        ),
        ("format = 1", "format = 2", "line 2: format = 2; this program reads format 1"),
        ("brokers = 3", "brokers = 10", "line 8: cluster.brokers must be from 1 to 9"),
        ("within_ms = 20_000", "within_ms = 20", "line 15: heal.within_ms must be at least 1000"),
        (
            "invariants = [\"all\"]",
            "invariants = [\"al\"]",
            &format!("line 17: there is no invariant \"al\"; there are: {invariants}"),
        ),
        (
            "invariants = [\"all\"]",
            "invariants = [\"all\"]\nreached = [\"moon\"]",
            &format!("line 18: there is no coverage mark \"moon\"; there are: {marks}"),
        ),
        (
            "invariants = [\"all\"]",
            "invariants = [\"all\"]\nplanted = \"stale_home\"",
            "line 18: expect.planted and expect.caught_by go together",
        ),
        ("for_ms = 20_000", "for_ms = 30_000", "line 6: the phases take longer than run.duration_ms"),
        ("who = \"any\"", "who = \"b9\"", "line 29: \"b9\" is named, but there are only 3 brokers"),
    ];
    for (what, instead, want) in cases {
        let text = SMALL.replacen(what, instead, 1);
        assert_ne!(text, SMALL, "{what} is there");
        assert_eq!(Scenario::parse(&text).unwrap_err().to_string().trim_end(), want.trim_end(), "{instead}");
    }
    for (what, instead, says) in [
        ("do = \"crash\"", "do = \"explode\"", "unknown variant `explode`, expected one of `partition`, `ring`"),
        ("who = \"any\", lasts", "who = \"any\", how = 1, lasts", "unknown field `how`, expected `who` or `lasts_ms`"),
        (
            "who = \"any\"",
            "who = \"b0\"",
            "\"b0\" is no broker: write \"b1\", \"master\", \"next\", \"any\" or \"other\"",
        ),
    ] {
        let error = Scenario::parse(&SMALL.replacen(what, instead, 1)).unwrap_err().to_string();
        assert!(error.contains("line 29") && error.contains(says), "{instead}: {error}");
    }
}

#[test]
fn folders_are_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let load = |name: &str| {
        suite::load(&[at(name)]).map_err(|error| error.to_string().replace(&at("").display().to_string(), ""))
    };
    fs::create_dir_all(at("all/b/c")).unwrap();
    fs::create_dir(at("none")).unwrap();
    for name in ["all/z.toml", "all/a.toml", "all/b/c/d.toml"] {
        fs::write(at(name), SMALL).unwrap();
    }
    fs::write(at("all/README.md"), "no scenario").unwrap();
    let names: Vec<String> = load("all").unwrap().iter().map(suite::Entry::name).collect();
    assert_eq!(names, ["a", "d", "z"]);
    assert_eq!(load("none").unwrap_err(), "none: there is no scenario in this folder: a file whose name ends in .toml");
    assert!(load("gone").unwrap_err().starts_with("gone: No such file"));
    for name in ["all/a.toml", "all/z.toml"] {
        fs::write(at(name), SMALL.replace("brokers = 3", "brokers = 0")).unwrap();
    }
    assert_eq!(
        load("all").unwrap_err(),
        "all/a.toml: line 8: cluster.brokers must be from 1 to 9\nall/z.toml: line 8: cluster.brokers must be from 1 to 9"
    );
    let planted = SMALL.replace("[\"all\"]", "[\"all\"]\nplanted = \"stale_home\"\ncaught_by = \"hard-cap\"");
    fs::write(at("all/a.toml"), &planted).unwrap();
    fs::write(at("all/z.toml"), SMALL).unwrap();
    match load("all") {
        Ok(entries) => assert!(hostler_sim::CAN_PLANT && entries.len() == 3),
        Err(error) => assert!(
            error.starts_with("all/a.toml plants the fault \"stale_home\" in the program, and this one can't"),
            "{error}"
        ),
    }
    fs::write(at("all/a.toml"), planted.replace("stale_home", "stale_bread")).unwrap();
    assert!(
        load("all").unwrap_err().starts_with("all/a.toml: there is no fault \"stale_bread\" to plant; there are: ")
    );
}

#[test]
fn the_chapter_names_everything() {
    let chapter = fs::read_to_string(root().join("docs/simulations.md")).unwrap();
    let schema = serde_json::to_value(Scenario::schema()).unwrap();
    let actions = schema["$defs"]["Action"]["oneOf"].as_array().unwrap();
    let actions: Vec<&str> = actions.iter().map(|a| a["properties"]["do"]["const"].as_str().unwrap()).collect();
    assert!(actions.len() > 30, "{actions:?}");
    for name in actions.iter().chain(INVARIANTS).chain(marks::OWN) {
        assert!(chapter.contains(&format!("`{name}`")), "docs/simulations.md does not say what {name} is");
    }
}
