//! Bytes on the disk that are not what was written: found, and named by feed and place.

use crate::{all, collected, folder};
use hostler_events::StoredEvent;
use hostler_log::testing::Chain;
use hostler_log::{EventLog, LogError};
use hostler_log_rocks::{OpenError, RocksLog};
use hostler_model::Feed;
use rocksdb::{DB, Options};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The second of three feeds gets damaged at this place; it has five events.
const DAMAGED: u8 = 2;

#[test]
fn damaged_events_are_named() {
    let link = "it, or the event before it, has another hash than it should";
    let wrong_place = |event: &StoredEvent| format!("it says that it is event {}", event.reference());
    let chain = || Chain::new(DAMAGED).events(5);
    let feed = Chain::new(DAMAGED).feed();
    let mut fork = Chain::new(DAMAGED);
    fork.events(1);
    let other = fork.large(100);
    let header = "the event's header can't be read: can't decode: UnexpectedEnd { additional: 1 }";
    let cut = chain()[1].bytes().slice(..70);
    // (what, place, new bytes or none, which place is named, why, found when opening)
    type Case<'a> = (&'a str, u64, Option<Vec<u8>>, u64, String, bool);
    let cases: [Case; 7] = [
        ("missing", 3, None, 3, "it is missing".into(), false),
        ("empty", 2, Some(vec![]), 2, "an event of 0 bytes can't be: it has from 65 to 65536".into(), false),
        ("cut off", 2, Some(cut.to_vec()), 2, header.into(), false),
        ("another place's", 2, Some(chain()[3].bytes().to_vec()), 2, wrong_place(&chain()[3]), false),
        ("another event", 2, Some(other.bytes().to_vec()), 3, link.into(), false),
        (
            "the last one empty",
            5,
            Some(vec![]),
            5,
            "an event of 0 bytes can't be: it has from 65 to 65536".into(),
            true,
        ),
        ("the last but one is missing", 4, None, 4, "it is missing".into(), true),
    ];
    for (what, seq, bytes, named, why, at_open) in cases {
        let folder = folder();
        let mut log = RocksLog::open(folder.path()).unwrap();
        for broker in 1..=3 {
            log.append(&Chain::new(broker).events(5)).unwrap();
        }
        drop(log);
        damage(folder.path(), feed, seq, bytes);
        let error = LogError::Corrupt { feed, seq: named, why };
        match RocksLog::open(folder.path()) {
            Err(OpenError::Damaged(found)) => assert_eq!((found, true), (error, at_open), "{what}"),
            Err(other) => panic!("{what}: {other}"),
            Ok(log) => {
                assert!(!at_open, "{what}");
                assert_eq!(all(&log), Err(error.clone()), "{what}");
                assert_eq!(collected(&log), Err(error.clone()), "{what}");
                assert_eq!(log.read(feed, 1, usize::MAX), Err(error), "{what}");
                let healthy = Chain::new(3);
                assert_eq!(log.read(healthy.feed(), 1, usize::MAX), Ok(healthy.clone().events(5)), "{what}");
            }
        }
    }
}

fn damage(folder: &Path, feed: Feed, seq: u64, bytes: Option<Vec<u8>>) {
    let families = ["events", "checkpoints", "state"];
    let db = DB::open_cf(&Options::default(), folder.join("rocks"), families).unwrap();
    let mut key = feed.broker.0.to_vec();
    key.extend(feed.incarnation.ordinal.to_be_bytes());
    key.extend(feed.incarnation.random.to_be_bytes());
    key.extend(seq.to_be_bytes());
    let events = db.cf_handle("events").unwrap();
    assert!(db.get_cf(events, &key).unwrap().is_some());
    match bytes {
        Some(bytes) => db.put_cf(events, &key, bytes).unwrap(),
        None => db.delete_cf(events, &key).unwrap(),
    }
}

/// Three batches of two events; then the file that has the last writes is changed.
fn three_batches() -> (tempfile::TempDir, PathBuf, Vec<StoredEvent>) {
    let folder = folder();
    let mut log = RocksLog::open(folder.path()).unwrap();
    let events = Chain::new(1).events(6);
    for batch in events.chunks(2) {
        log.append(batch).unwrap();
    }
    drop(log);
    let journals = fs::read_dir(folder.path().join("rocks")).unwrap().map(|entry| entry.unwrap().path());
    let journal = journals
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .max_by_key(|path| path.metadata().unwrap().len())
        .unwrap();
    (folder, journal, events)
}

#[test]
fn a_torn_last_write_is_dropped_as_a_whole() {
    let batch_bytes = {
        let (_folder, journal, _) = three_batches();
        journal.metadata().unwrap().len() / 3
    };
    for cut in [1, 10, batch_bytes / 2, batch_bytes - 20] {
        let (folder, journal, events) = three_batches();
        let file = OpenOptions::new().write(true).open(&journal).unwrap();
        file.set_len(journal.metadata().unwrap().len() - cut).unwrap();
        let mut log = RocksLog::open(folder.path()).unwrap();
        assert_eq!(all(&log), Ok(events[..4].to_vec()), "{cut} bytes are missing");
        log.append(&events[4..]).unwrap();
        drop(log);
        assert_eq!(all(&RocksLog::open(folder.path()).unwrap()), Ok(events), "{cut} bytes were missing");
    }
}

#[test]
fn damage_in_the_middle_of_the_journal_is_no_torn_write() {
    let (folder, journal, _) = three_batches();
    let at = journal.metadata().unwrap().len() / 2;
    let file = File::options().read(true).write(true).open(&journal).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    let refusal = RocksLog::open(folder.path()).err().unwrap();
    assert!(matches!(&refusal, OpenError::Database { why, .. } if why.contains("Corruption")), "{refusal}");
}
