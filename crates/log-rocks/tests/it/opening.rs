use crate::{all, copy, folder};
use bytes::Bytes;
use hostler_log::testing::Chain;
use hostler_log::{EventLog, LogError, StateKey};
use hostler_log_rocks::{OpenError, RocksLog};
use std::fs;

#[test]
fn one_process_at_a_time() {
    let folder = folder();
    let path = folder.path().display().to_string();
    let log = RocksLog::open(folder.path()).unwrap();
    let refusal = RocksLog::open(folder.path()).err().unwrap();
    let process = std::process::id();
    assert!(matches!(refusal, OpenError::Locked { .. }));
    assert_eq!(
        refusal.to_string(),
        format!(
            "the log in {path} is held by another process (number {process}): stop that one first, or use another \
             data folder"
        )
    );
    let reader = log.reader();
    drop(log);
    assert!(matches!(RocksLog::open(folder.path()), Err(OpenError::Locked { .. })), "a reader holds it as well");
    drop(reader);
    RocksLog::open(folder.path()).unwrap();
}

#[test]
fn formats() {
    let folder = folder();
    let path = folder.path().display().to_string();
    let stamp = folder.path().join("format");
    drop(RocksLog::open(folder.path()).unwrap());
    assert_eq!(fs::read_to_string(&stamp).unwrap(), "hostler log 1\n");
    let damaged = format!(
        "the format stamp {path}/format is damaged: check the disk, and restore this file from a backup of the log"
    );
    let cases = [
        (
            "hostler log 3\n",
            format!("the log in {path} has format 3, and this program knows 2: install the release that wrote it"),
        ),
        ("", damaged.clone()),
        ("hostler log x\n", damaged.clone()),
        (&"1".repeat(100), damaged),
    ];
    for (text, message) in cases {
        fs::write(&stamp, text).unwrap();
        assert_eq!(RocksLog::open(folder.path()).err().unwrap().to_string(), message);
        assert_eq!(RocksLog::open_read_only(folder.path()).err().unwrap().to_string(), message);
    }
    fs::remove_file(&stamp).unwrap();
    let no_log =
        format!("{path} is no log: it has other files and no format stamp; name the right folder, or an empty one");
    assert_eq!(RocksLog::open(folder.path()).err().unwrap().to_string(), no_log);
    assert!(!stamp.exists());
}

#[test]
fn folders() {
    let folder = folder();
    // A start that was cut off before the stamp was in place is begun again.
    let begun = folder.path().join("begun");
    fs::create_dir(&begun).unwrap();
    fs::write(begun.join("format.new"), "hos").unwrap();
    RocksLog::open(&begun).unwrap();
    // Missing folders are made, for writing only.
    let deep = folder.path().join("a/b/c");
    assert!(matches!(RocksLog::open_read_only(&deep), Err(OpenError::Folder { .. })));
    assert!(!deep.exists());
    RocksLog::open(&deep).unwrap();
    // Something else is in the way.
    let file = folder.path().join("file");
    fs::write(&file, "text").unwrap();
    assert!(matches!(RocksLog::open(&file), Err(OpenError::Folder { .. })));
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert!(matches!(RocksLog::open_read_only(&empty), Err(OpenError::NotALog { .. })));
}

#[test]
fn a_copy_of_a_running_log_can_be_read() {
    let folder = folder();
    let (original, replica) = (folder.path().join("original"), folder.path().join("copy"));
    let mut log = RocksLog::open(&original).unwrap();
    let mut chain = Chain::new(1);
    let events = chain.events(20);
    log.append(&events).unwrap();
    log.put_state(StateKey::Votes, Bytes::from_static(b"v")).unwrap();
    copy(&original, &replica);
    log.append(&chain.events(5)).unwrap();

    let mut read = RocksLog::open_read_only(&replica).unwrap();
    let again = RocksLog::open_read_only(&replica).unwrap();
    for copy in [&read, &again] {
        assert_eq!(all(copy), Ok(events.clone()));
        assert_eq!(copy.get_state(StateKey::Votes), Ok(Some(Bytes::from_static(b"v"))));
    }
    assert_eq!(read.append(&chain.events(1)), Err(LogError::ReadOnly));
    assert_eq!(read.put_state(StateKey::Votes, Bytes::new()), Err(LogError::ReadOnly));
    assert_eq!(log.count(), 25);
}
