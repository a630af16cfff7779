//! The stored forms stay what they are: the bytes in `schemas/golden` are read as the values that they were written
//! from, and written as the same bytes. A golden file is never edited; `HOSTLER_WRITE_GOLDEN=1` writes those that are
//! missing.

#![allow(clippy::unwrap_used, missing_docs)]

mod samples;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use hostler_events::{Event, Header, Kind, REGISTRY, StoredEvent, codec};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The bytes of one named value.
type Line = (String, Vec<u8>);

fn folder(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/golden")).join(name)
}

fn event_file(kind: &Kind, version: u16, ending: &str) -> PathBuf {
    folder("events").join(format!("{}-{}-v{version}.{ending}", kind.id, kind.name))
}

/// Writes a golden file that is missing, where that is wanted.
fn offer(path: &Path, text: &str) {
    if std::env::var_os("HOSTLER_WRITE_GOLDEN").is_some() && !path.exists() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn golden(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| {
        panic!("{} can't be read ({error}): `cargo xtask schemas --write` adds what is missing", path.display())
    })
}

/// One value a line: its name, and its bytes in hexadecimal.
fn write_lines(lines: &[Line]) -> String {
    lines.iter().map(|(case, bytes)| format!("{case} {}\n", HEXLOWER.encode(bytes))).collect()
}

fn read_lines(text: &str) -> Vec<Line> {
    let line = |line: &str| {
        let (case, hex) = line.split_once(' ').unwrap();
        (case.to_string(), HEXLOWER.decode(hex.as_bytes()).unwrap())
    };
    text.lines().map(line).collect()
}

fn write_json(values: impl IntoIterator<Item = (String, Value)>) -> String {
    let values: Map<String, Value> = values.into_iter().map(|(case, value)| (case, readable(value))).collect();
    format!("{}\n", serde_json::to_string_pretty(&values).unwrap())
}

/// Compares values, not text: the order of fields may depend on how serde_json was built.
fn check_json(path: &Path, want: &str) {
    let values = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(values(&golden(path)), values(want), "{} shows other values", path.display());
}

/// Keys and hashes as hexadecimal: nobody reads 32 numbers.
fn readable(value: Value) -> Value {
    match value {
        Value::Array(list) => {
            let byte = |v: &Value| v.as_u64().and_then(|n| u8::try_from(n).ok());
            match list.iter().map(byte).collect::<Option<Vec<u8>>>() {
                Some(bytes) if bytes.len() == 32 => Value::String(HEXLOWER.encode(&bytes)),
                _ => list.into_iter().map(readable).collect(),
            }
        }
        Value::Object(fields) => fields.into_iter().map(|(key, v)| (key, readable(v))).collect(),
        other => other,
    }
}

fn event_json(event: &Event) -> Value {
    serde_json::to_value(event).unwrap()
}

/// A header as JSON; a frontier as a list, since JSON's keys are text.
fn header_json(header: &Header) -> Value {
    let mut value = serde_json::to_value(Header { frontier: None, ..header.clone() }).unwrap();
    if let Some(frontier) = &header.frontier {
        value["frontier"] =
            frontier.0.iter().map(|(feed, (seq, hash))| json!({ "feed": feed, "seq": seq, "hash": hash })).collect();
    }
    value
}

#[test]
fn every_version_of_every_event_has_a_golden_file_that_fits_and_there_are_no_others() {
    let mut wanted = BTreeSet::new();
    for kind in REGISTRY {
        for version in 1..=kind.version {
            check_event(kind, version);
            wanted.extend(["hex", "json"].map(|ending| event_file(kind, version, ending)));
        }
    }
    let found: BTreeSet<PathBuf> = fs::read_dir(folder("events")).unwrap().map(|f| f.unwrap().path()).collect();
    assert_eq!(found, wanted);
    for sample in samples::samples() {
        let known = sample.event.kind();
        assert!((1..=known.version).contains(&sample.version), "{} of {}", sample.case, known.name);
    }
}

fn check_event(kind: &Kind, version: u16) {
    let samples = samples::of(kind.id, version);
    // A type without fields has one value only.
    let empty = samples.iter().all(|s| s.event.payload().unwrap().is_empty());
    assert!(samples.len() >= 2 || (empty && samples.len() == 1), "{} v{version} needs two samples", kind.name);
    let cases: BTreeSet<&str> = samples.iter().map(|s| s.case).collect();
    assert_eq!(cases.len(), samples.len(), "{} v{version} has two samples of one name", kind.name);

    let (hex, values) = (event_file(kind, version, "hex"), event_file(kind, version, "json"));
    let today = kind.version == version;
    let json = write_json(samples.iter().map(|s| (s.case.to_string(), event_json(&s.event))));
    if today {
        let lines: Vec<Line> = samples.iter().map(|s| (s.case.to_string(), s.event.payload().unwrap())).collect();
        offer(&hex, &write_lines(&lines));
        offer(&values, &json);
    }
    let lines = read_lines(&golden(&hex));
    let found: Vec<&str> = lines.iter().map(|(case, _)| case.as_str()).collect();
    assert_eq!(found, samples.iter().map(|s| s.case).collect::<Vec<_>>(), "values of {}", hex.display());
    for (sample, (case, bytes)) in samples.iter().zip(&lines) {
        let event = Event::read(kind.id, version, bytes).unwrap();
        assert_eq!(event, sample.event, "{case} of {} is read as something else", hex.display());
        if today {
            assert_eq!(event.payload().unwrap(), *bytes, "{case} of {} is written otherwise", hex.display());
        }
    }
    // The values of older versions are there as they were written; what they are today is in the samples.
    if today {
        check_json(&values, &json);
    } else {
        golden(&values);
    }
}

#[test]
fn the_header_has_a_golden_file_that_fits() {
    let file = |ending| folder("headers").join(format!("format-{}.{ending}", Header::FORMAT));
    let headers = samples::headers();
    let lines: Vec<Line> =
        headers.iter().map(|(case, header)| ((*case).to_string(), codec::encode(header).unwrap())).collect();
    let json = write_json(headers.iter().map(|(case, header)| ((*case).to_string(), header_json(header))));
    offer(&file("hex"), &write_lines(&lines));
    offer(&file("json"), &json);
    let golden_lines = read_lines(&golden(&file("hex")));
    assert_eq!(golden_lines, lines, "headers are written otherwise");
    for ((case, header), (_, bytes)) in headers.iter().zip(&golden_lines) {
        assert_eq!(codec::decode::<Header>(bytes).unwrap(), *header, "the header {case} is read as something else");
    }
    check_json(&file("json"), &json);
}

#[test]
fn a_stored_event_of_every_class_has_a_golden_file_that_fits() {
    let key = samples::key(2).public();
    for (class, event, sealed) in samples::stored() {
        let file = |ending| folder("stored").join(format!("{class}-{}.{ending}", Header::FORMAT));
        let (header, hash) = (header_json(sealed.header()), HEXLOWER.encode(&sealed.hash().0));
        let facts = [("header", header), ("event", event_json(&event)), ("hash", json!(hash)), ("key", json!(key))];
        let json = write_json(facts.map(|(fact, value)| (fact.to_string(), value)));
        offer(&file("hex"), &write_lines(&[("stored".to_string(), sealed.bytes().to_vec())]));
        offer(&file("json"), &json);

        let (_, bytes) = read_lines(&golden(&file("hex"))).remove(0);
        let stored = StoredEvent::parse(Bytes::from(bytes)).unwrap();
        stored.verify(&key).unwrap();
        assert_eq!(stored.event().unwrap(), event);
        if stored.header().version == event.kind().version {
            assert_eq!(stored, sealed, "a {class} event is written, signed or hashed otherwise");
            check_json(&file("json"), &json);
        }
    }
}
