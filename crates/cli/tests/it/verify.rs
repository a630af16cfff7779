//! `hostler log verify` and its like on whole logs, by the program itself: no broker runs.

use super::damage::{export, id_of, in_order};
use hostler_events::StoredEvent;
use hostler_log::export::Export;
use hostler_log::{EventLog, limits};
use hostler_log_rocks::RocksLog;
use hostler_model::{Feed, Incarnation, Mono, Now};
use hostler_node::testing::{SITE, history, secret};
use hostler_node::{Node, NodeConfig};
use hostler_views::Loaded;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

/// The size that the rate is measured on.
const EVENTS: usize = 100_000;
const PROMOTIONS: usize = 12;
/// Signatures that are checked in a second, on two cores, where the program is built for use.
const SIGNATURES_PER_S: u64 = 50_000;

fn hostler(arguments: &[&str], path: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hostler")).args(arguments).arg(path).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

/// The digest that a running broker has of these events.
fn digest_of_a_node(events: &[StoredEvent]) -> String {
    let author = hostler_events::AuthorKey::from_secret(&secret(2));
    let me = id_of(&author.public());
    let incarnation = Incarnation { ordinal: 1, random: 2 };
    assert!(events.iter().any(|e| e.header().feed == Feed { broker: me, incarnation }));
    let config =
        NodeConfig { me, site: SITE, key: author, trusted: vec![], incarnation, seed: [1; 32], unread: vec![] };
    let wall = events.iter().map(|e| e.header().hlc.wall).max().unwrap();
    let loaded = events.iter().map(|e| Arc::new(Loaded::new(e))).collect();
    let mut node = Node::new(config, loaded, Now { wall, mono: Mono(0) });
    node.digest().to_string()
}

#[test]
fn a_large_log_is_verified_at_the_rate_that_was_promised() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.log");
    let events = in_order(history(EVENTS, PROMOTIONS, id_of));
    std::fs::write(&file, export(&events)).unwrap();
    let output = hostler(&["log", "verify", "--json"], &file);
    let report = json(&output);
    assert!(output.status.success() && report["good"] == true, "{report}");
    assert_eq!(report["events"], events.len());
    assert!(events.len() > EVENTS - 20, "{}", events.len());
    assert_eq!(report["digest"], digest_of_a_node(&events), "the views are those of a running broker");
    assert_eq!(report["digest"], report["stored_digest"]);
    let rate = report["signatures_per_s"].as_u64().unwrap();
    println!("{rate} signatures/s");
    // Unoptimised it is slower by a known factor, and other tests run beside it.
    let least = if cfg!(debug_assertions) { SIGNATURES_PER_S / 10 } else { SIGNATURES_PER_S };
    assert!(rate >= least, "{rate} signatures/s");
    let masters = json(
        &Command::new(env!("CARGO_BIN_EXE_hostler"))
            .args(["log", "promotions", "--json", "--from"])
            .arg(&file)
            .output()
            .unwrap(),
    );
    assert_eq!(masters.as_array().unwrap().len(), PROMOTIONS + 1);
}

#[test]
fn a_data_directory_is_verified_and_read_and_what_is_wrong_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let events = in_order(history(600, 5, id_of));
    let directory = folder.path().join("copy");
    {
        let mut log = RocksLog::open(directory.join("broker/log")).unwrap();
        events.chunks(limits::GROUP_EVENTS).for_each(|part| log.append(part).unwrap());
    }
    let digest = digest_of_a_node(&events);
    let output = hostler(&["log", "verify", "--json"], &directory);
    assert!(output.status.success(), "{output:?}");
    assert_eq!((json(&output)["digest"].as_str(), json(&output)["good"].as_bool()), (Some(&*digest), Some(true)));
    let text = String::from_utf8(hostler(&["log", "verify"], &directory).stdout).unwrap();
    assert!(text.contains("Every event is there, in its place, and signed by the broker that wrote it."), "{text}");

    // From the directory into a file, which says the same.
    let file = folder.path().join("out.log");
    let output = hostler(&["log", "export", "--from", directory.to_str().unwrap()], &file);
    assert!(output.status.success(), "{output:?}");
    let exported = Export::read(&std::fs::read(&file).unwrap().into()).unwrap();
    assert_eq!(exported.trailer.unwrap().digest.to_string(), digest);
    let again = hostler(&["log", "export", "--from", directory.to_str().unwrap()], &file);
    assert_eq!(again.status.code(), Some(2), "no file is written over: {again:?}");

    // What both say about the past is the same.
    let moment = "2023-11-14T22:14:00Z";
    for arguments in [
        vec!["log", "promotions"],
        vec!["log", "superseded"],
        vec!["log", "at", moment],
        vec!["log", "diff", moment, "2023-11-14 22:15"],
        vec!["log", "show", "b2/3"],
    ] {
        let run = |from: &Path| {
            let arguments = [&arguments[..], &["--json", "--from"]].concat();
            let output = hostler(&arguments, from);
            assert!(output.status.success(), "{arguments:?}: {output:?}");
            let people = hostler(&[&arguments[..arguments.len() - 2], &["--from"]].concat(), from);
            assert!(people.status.success() && !people.stdout.is_empty(), "{people:?}");
            json(&output)
        };
        assert_eq!(run(&directory), run(&file), "{arguments:?}");
    }

    // One bit of the file.
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 4;
    let bent = folder.path().join("bent.log");
    std::fs::write(&bent, bytes).unwrap();
    let output = hostler(&["log", "verify", "--json"], &bent);
    let report = json(&output);
    assert_eq!((output.status.code(), report["good"].as_bool()), (Some(1), Some(false)), "{report}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("this log is not what was written"), "{output:?}");
    assert!(report["findings"][0]["text"].is_string() && report["affected"]["events"].is_u64(), "{report}");

    // Something else.
    let none = folder.path().join("none");
    std::fs::write(&none, "hello").unwrap();
    let output = hostler(&["log", "verify"], &none);
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && why.contains("does not begin like an export of a Hostler log"), "{why}");
}
