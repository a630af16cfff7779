//! The registry of event types in `schemas/` says what the code does, and numbers and names are used once.

#![allow(clippy::unwrap_used, missing_docs)]

use hostler_events::{Class, DecodeEventError, Event, OnUnknown, REGISTRY, kind, kind_named};
use std::collections::BTreeSet;

struct Row {
    id: u16,
    name: String,
    versions: Vec<u16>,
    class: Class,
    on_unknown: OnUnknown,
}

/// The rows of the registry, and the numbers that must not be used again.
fn published() -> (Vec<Row>, Vec<u16>) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/registry.toml");
    let table: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let keys: Vec<&str> = table.keys().map(String::as_str).collect();
    assert_eq!(keys, ["event", "tombstoned"]);
    let rows = table["event"].as_array().unwrap().iter().map(row).collect();
    (rows, numbers(&table["tombstoned"]))
}

fn row(value: &toml::Value) -> Row {
    let row = value.as_table().unwrap();
    let keys: BTreeSet<&str> = row.keys().map(String::as_str).collect();
    assert_eq!(keys, BTreeSet::from(["class", "id", "name", "on_unknown", "versions"]), "{row:?}");
    Row {
        id: number(&row["id"]),
        name: row["name"].as_str().unwrap().to_string(),
        versions: numbers(&row["versions"]),
        class: row["class"].clone().try_into().unwrap(),
        on_unknown: row["on_unknown"].clone().try_into().unwrap(),
    }
}

fn number(value: &toml::Value) -> u16 {
    value.as_integer().unwrap().try_into().unwrap()
}

fn numbers(value: &toml::Value) -> Vec<u16> {
    value.as_array().unwrap().iter().map(number).collect()
}

#[test]
fn the_registry_is_what_the_code_does() {
    let (rows, tombstoned) = published();
    let known: Vec<u16> = REGISTRY.iter().map(|k| k.id).collect();
    assert_eq!(rows.iter().map(|r| r.id).collect::<Vec<_>>(), known, "schemas/registry.toml and the code");
    for (row, kind) in rows.iter().zip(REGISTRY) {
        let want = (kind.id, kind.name, kind.class, kind.on_unknown);
        assert_eq!((row.id, row.name.as_str(), row.class, row.on_unknown), want);
        let versions: Vec<u16> = (1..=kind.version).collect();
        assert_eq!(row.versions, versions, "versions of {}", kind.name);
    }
    for id in tombstoned {
        assert!(!known.contains(&id), "type {id} is tombstoned and used again");
    }
}

#[test]
fn every_version_is_read_and_no_other() {
    for k in REGISTRY {
        for version in 1..=k.version {
            // The empty payload is that of a type without fields, and nonsense for the others, but never unknown.
            let unknown = Event::read(k.id, version, &[]).is_err_and(|e| e.is_unknown());
            assert!(!unknown, "version {version} of {} is not read", k.name);
        }
        for version in [0, k.version + 1] {
            let error = Event::read(k.id, version, &[]).unwrap_err();
            assert!(matches!(error, DecodeEventError::Version { name, .. } if name == k.name), "{error}");
        }
    }
    let used: BTreeSet<u16> = REGISTRY.iter().map(|k| k.id).collect();
    for id in (0..=u16::MAX).filter(|id| !used.contains(id)) {
        assert!(matches!(Event::read(id, 1, &[]), Err(DecodeEventError::Kind(k)) if k == id));
        assert_eq!(kind(id), None);
    }
}

#[test]
fn numbers_and_names_are_unique_and_numbers_sorted() {
    assert!(REGISTRY.is_sorted_by(|a, b| a.id < b.id), "the numbers are not in order, or one is there twice");
    let names: BTreeSet<&str> = REGISTRY.iter().map(|k| k.name).collect();
    assert_eq!(names.len(), REGISTRY.len(), "a name is there twice");
    for k in REGISTRY {
        assert_eq!((kind(k.id), kind_named(k.name)), (Some(k), Some(k)));
        assert!(k.name.chars().all(|c| c.is_ascii_lowercase() || c == '.' || c == '_'), "{} is no name", k.name);
    }
}
