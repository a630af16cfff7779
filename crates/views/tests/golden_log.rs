//! A published log still means what it meant: the events in `schemas/golden/logs` get the lanes, and add up to the
//! views, that stand beside them, in whatever order they arrive. A golden file is never edited;
//! `HOSTLER_WRITE_GOLDEN=1` writes those that are missing.

#![allow(clippy::unwrap_used, missing_docs)]

mod kit;
mod two_masters;

use hostler_events::{AuthorKey, Hash, REGISTRY, StoredEvent};
use hostler_model::Feed;
use hostler_views::{Entry, Lane, Loaded, Note, State, Timeline, Views};
use kit::SITE;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

/// Counted up where the stored form of [`State`] changes: then digests differ, and the former file stays as it is.
/// Lanes and facts must not differ even then.
const STATE_FORM: u32 = 3;

fn file(ending: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/golden/logs")).join(format!("two-masters.{ending}"))
}

/// What a golden file holds; one that is missing is written first, where that is wanted.
fn golden(path: &Path, offer: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    if std::env::var_os("HOSTLER_WRITE_GOLDEN").is_some() && !path.exists() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, offer()).unwrap();
    }
    fs::read(path).unwrap_or_else(|error| {
        panic!("{} can't be read ({error}): HOSTLER_WRITE_GOLDEN=1 adds what is missing", path.display())
    })
}

/// Each stored event behind its length: four bytes, little endian.
fn write_log(events: &[StoredEvent]) -> Vec<u8> {
    let framed =
        |e: &StoredEvent| [&u32::try_from(e.bytes().len()).unwrap().to_le_bytes(), e.bytes().as_ref()].concat();
    events.iter().flat_map(framed).collect()
}

fn read_log(mut bytes: &[u8]) -> Vec<StoredEvent> {
    let mut events = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let (event, rest) = rest.split_at(usize::try_from(u32::from_le_bytes(*length)).unwrap());
        events.push(StoredEvent::parse(event.to_vec().into()).unwrap());
        bytes = rest;
    }
    assert!(bytes.is_empty(), "the log is cut off");
    events
}

/// The log, read (and written, where it is missing) once for all tests.
static LOG: LazyLock<Vec<StoredEvent>> =
    LazyLock::new(|| read_log(&golden(&file("log"), || write_log(&two_masters::history()))));

fn fold(events: &[StoredEvent], batch: usize) -> Views {
    let mut views = Views::default();
    for part in events.chunks(batch) {
        views.insert(part.iter().map(|e| Arc::new(Loaded::new(e))));
    }
    views
}

/// Lanes and facts, for people and for comparing.
fn describe(views: &Views) -> Value {
    let timeline = views.timeline(SITE).unwrap();
    let events: Vec<Value> = timeline.entries().iter().map(|entry| describe_entry(entry, timeline)).collect();
    json!({ "events": events, "state": describe_state(timeline.state()) })
}

fn describe_entry(entry: &Entry, timeline: &Timeline) -> Value {
    let place = |feed: Feed, seq: u64| format!("{}.{}/{seq}", feed.broker.0[0], feed.incarnation.ordinal);
    let known = |r: &hostler_events::EventRef| {
        assert_eq!(timeline.find(r.feed, r.seq).unwrap().reference, *r);
        place(r.feed, r.seq)
    };
    let header = &entry.loaded.header;
    let by = match &entry.lane {
        Lane::Superseded { by } => by.as_ref().map(known),
        Lane::Quarantined { by } => Some(known(by)),
        Lane::Applied | Lane::Orphaned => None,
    };
    let note = |note: &Note| match note {
        Note::Renamed { to } => format!("renamed to {to}"),
        Note::Overwrote { field, edit } => format!("field {field} overwrote {}", known(edit)),
        Note::AlreadyRemoved => "already removed".to_string(),
        Note::SettledNothing => "settled nothing".to_string(),
        Note::Unreadable => "unreadable".to_string(),
    };
    json!({
        "at": header.hlc.to_string(),
        "event": REGISTRY.iter().find(|k| k.id == header.kind).unwrap().name,
        "place": place(header.feed, header.seq),
        "epoch": [header.epoch.n, u64::from(header.epoch.broker.0[0])],
        "lane": entry.lane.name(),
        "by": by,
        "notes": entry.notes.iter().map(note).collect::<Vec<_>>(),
    })
}

fn describe_state(state: &State) -> Value {
    let first = |id: &[u8; 16]| id[0];
    let master = state.master.as_ref().unwrap();
    json!({
        "farm": state.farm,
        "sites": state.sites.values().map(|s| &s.name).collect::<Vec<_>>(),
        "founder": state.founder.map(|b| first(&b.0)),
        "master": { "broker": first(&master.epoch.broker.0), "epoch": master.epoch.n },
        "order": state.order.iter().map(|b| first(&b.0)).collect::<Vec<_>>(),
        "brokers": state.brokers.values().map(|b| json!([b.name, b.enabled, b.removed])).collect::<Vec<_>>(),
        "settings": state.settings,
        "policies": state.policies.iter().map(|(key, v)| json!([key, v.value])).collect::<Vec<_>>(),
        "admins": state.admins.values().map(|a| json!([a.name, a.enabled, a.grants])).collect::<Vec<_>>(),
        "items": state.items.values().map(|i| json!([i.name.value, i.launch.value, i.default.value])).collect::<Vec<_>>(),
        "hosts": state.hosts.values().map(|h| json!([h.name.value, h.drain.value, h.hard_cap.value])).collect::<Vec<_>>(),
        "users": state.user_names().map(hostler_model::UserName::as_str).collect::<Vec<_>>(),
        "groups": state.groups.values().map(|g| json!([g.name.value, g.members.value.len()])).collect::<Vec<_>>(),
        "tokens": state.tokens.values().map(|t| json!([t.role, t.used.is_some(), t.revoked])).collect::<Vec<_>>(),
        "settled": state.settled.iter().map(|(r, s)| {
            json!([r.feed.broker.0[0], r.seq, if s.reapplied { "reapplied" } else { "discarded" }])
        }).collect::<Vec<_>>(),
    })
}

#[test]
fn the_log_means_what_it_meant() {
    let views = fold(&LOG, LOG.len());
    let today = describe(&views);
    let want = golden(&file("views.json"), || format!("{}\n", serde_json::to_string_pretty(&today).unwrap()).into());
    let want: Value = serde_json::from_slice(&want).unwrap();
    let (want_events, events) = (want["events"].as_array().unwrap(), today["events"].as_array().unwrap());
    for (event, want) in events.iter().zip(want_events) {
        assert_eq!(event, want);
    }
    assert_eq!(today, want);

    let digest = views.digest().to_string();
    let want = golden(&file(&format!("digest-{STATE_FORM}.txt")), || format!("{digest}\n").into());
    assert_eq!(format!("{digest}\n").into_bytes(), want, "{digest}: the state's stored form differs, see STATE_FORM");
}

#[test]
fn every_lane_and_note_is_in_it() {
    let views = fold(&LOG, LOG.len());
    let entries = views.timeline(SITE).unwrap().entries();
    for lane in ["applied", "superseded", "quarantined", "orphaned"] {
        assert!(entries.iter().any(|e| e.lane.name() == lane), "nothing is {lane}");
    }
    let has = |wanted: fn(&Note) -> bool| entries.iter().any(|e| e.notes.iter().any(wanted));
    assert!(has(|n| matches!(n, Note::Renamed { .. })) && has(|n| matches!(n, Note::Overwrote { .. })));
    assert!(has(|n| matches!(n, Note::AlreadyRemoved)) && has(|n| matches!(n, Note::SettledNothing)));
}

#[test]
fn the_order_of_arrival_makes_no_difference() {
    let want = fold(&LOG, LOG.len());
    let mut by_time = LOG.clone();
    by_time.sort_by_key(|e| e.header().hlc);
    let backwards: Vec<StoredEvent> = by_time.iter().rev().cloned().collect();
    for (name, order) in [("as stored", &*LOG), ("by time", &by_time), ("backwards", &backwards)] {
        for batch in [1, 2, 7, 1_000] {
            let got = fold(order, batch);
            assert_eq!(got.digest(), want.digest(), "{name}, batches of {batch}");
            assert_eq!(describe(&got), describe(&want), "{name}, batches of {batch}");
        }
    }
}

#[test]
fn every_feed_is_whole_and_signed() {
    let mut heads: HashMap<Feed, (u64, Hash)> = HashMap::new();
    for event in LOG.iter() {
        let header = event.header();
        let head = heads.entry(header.feed).or_insert((0, Hash::ZERO));
        assert_eq!((header.seq, header.previous), (head.0 + 1, head.1), "{}", event.reference());
        *head = (header.seq, event.hash());
        event.verify(&AuthorKey::from_secret(&[header.feed.broker.0[0]; 32]).public()).unwrap();
        assert!(event.event().is_ok());
    }
    assert_eq!(heads.len(), 5, "three brokers, one of them in two incarnations, and one that was never let in");
}
