//! Old events in files: where they are after a crash at any point, what is said of a damaged file, and that nobody
//! waits for the moving.

use crate::{all, collected, copy, folder};
use bytes::Bytes;
use hostler_events::StoredEvent;
use hostler_log::testing::{Chain, bytes_of};
use hostler_log::{EventLog, LogError};
use hostler_log_rocks::{ArchiveOptions, LogWriter, OpenError, RocksLog, SnapshotError};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const NEVER: ArchiveOptions = ArchiveOptions { segment_events: u64::MAX, keep_events: 1 };
const TENS: ArchiveOptions = ArchiveOptions { segment_events: 10, keep_events: 5 };

/// Two feeds of 37 and 12 events, with no archive yet.
fn before(folder: &Path) -> Vec<StoredEvent> {
    let mut log = RocksLog::open_archiving(folder, NEVER).unwrap();
    let events = [Chain::new(1).events(37), Chain::new(2).events(12)].concat();
    log.append(&events).unwrap();
    events
}

/// Moves all that is old.
fn archive(folder: &Path) {
    RocksLog::open_archiving(folder, TENS).unwrap().archive_now().unwrap();
}

fn archive_files(log: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(log.join("archive")) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn names(log: &Path) -> Vec<String> {
    archive_files(log).iter().map(|f| f.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn full_files_of_old_events_are_written() {
    let folder = folder();
    let events = before(folder.path());
    let mut log = RocksLog::open_archiving(folder.path(), TENS).unwrap();
    log.archive_now().unwrap();
    let feed = Chain::new(1).feed();
    let file = |first: u64| format!("{}.1-101-{first:012}.seg", feed.broker);
    // 37 events: 30 in files, as the newest 5 stay and 2 are no full file. The other feed has 7 old ones.
    assert_eq!(names(folder.path()), [file(1), file(11), file(21)]);
    assert_eq!(fs::read_to_string(folder.path().join("format")).unwrap(), "hostler log 2\n");
    assert_eq!(all(&log), Ok(events.clone()));
    assert_eq!(collected(&log), Ok(events.clone()));
    let size = events[0].bytes().len();
    for (from, count) in [(1, 3), (9, 4), (10, 25), (29, 2), (30, 2), (31, 7), (37, 1)] {
        let want = &events[from - 1..from - 1 + count];
        let bytes = want.iter().map(|e| e.bytes().len()).sum::<usize>().max(size);
        assert_eq!(log.read(feed, from as u64, bytes), Ok(want.to_vec()), "{count} from {from}");
    }
    // What is in files is known as before: the same events again, and another one in the place of one of them, which
    // begins a branch.
    assert_eq!(log.append(&events[..20]), Ok(()));
    let mut branch = Chain::new(1);
    branch.events(4);
    let others = [branch.large(100), branch.large(100)];
    assert!(matches!(log.append(&others[1..]), Err(LogError::Fork { seq: 6, .. })));
    assert_eq!(log.append(&others), Ok(()));
    drop(log);
    let log = RocksLog::open_archiving(folder.path(), TENS).unwrap();
    let places = [&events[4], &others[0], &events[5], &others[1], &events[6]].map(Clone::clone);
    let size = places.iter().map(|e| e.bytes().len()).sum();
    assert_eq!(log.read(feed, 5, size), Ok(places.to_vec()), "all events of a place are read, wherever they are");
    let whole = [&events[..], &others[..]].concat();
    assert_eq!((all(&log), collected(&log), log.count()), (Ok(whole.clone()), Ok(whole.clone()), whole.len() as u64));
    let mut walked = Vec::new();
    let each = &mut |_, _, bytes: Result<Bytes, LogError>| {
        walked.push(bytes.unwrap());
        ControlFlow::Continue(())
    };
    log.reader().walk(each).unwrap();
    assert_eq!(walked, bytes_of(&whole));
}

#[test]
fn a_crash_at_any_point_loses_and_doubles_nothing() {
    // (what, whether the database has the events of the files still, files that are there under another name, the
    // bytes that are there of the last file)
    type Case<'a> = (&'a str, bool, &'a [&'a str], Option<usize>);
    let cases: [Case; 6] = [
        ("before anything", true, &[], Some(0)),
        ("while the last file was written", true, &["seg.new"], Some(100)),
        ("before the last file got its name", true, &["seg.new"], None),
        ("before the database forgot the events of all files", true, &[], None),
        ("after that", false, &[], None),
        ("with a leftover of a later try", false, &["seg.new"], Some(300)),
    ];
    let folder = folder();
    let (start, end) = (folder.path().join("start"), folder.path().join("end"));
    let events = before(&start);
    copy(&start, &end);
    archive(&end);
    for (n, (what, in_database, renamed, cut)) in cases.into_iter().enumerate() {
        let crashed = folder.path().join(format!("crashed-{n}"));
        copy(if in_database { &start } else { &end }, &crashed);
        if in_database && cut != Some(0) {
            copy(&end.join("archive"), &crashed.join("archive"));
        }
        let file = archive_files(&crashed).pop();
        if let (Some(suffix), Some(file)) = (renamed.first(), &file) {
            let bytes = fs::read(file).unwrap();
            let name = file.with_extension(suffix);
            // After the last step a leftover stands beside the file itself.
            if in_database {
                fs::remove_file(file).unwrap();
            }
            fs::write(name, &bytes[..cut.unwrap_or(bytes.len())]).unwrap();
        }
        assert_eq!(all(&RocksLog::open_read_only(&crashed).unwrap()), Ok(events.clone()), "{what}: read only");
        for options in [NEVER, TENS] {
            let mut log = RocksLog::open_archiving(&crashed, options).unwrap();
            assert_eq!(all(&log), Ok(events.clone()), "{what}");
            log.archive_now().unwrap();
            assert_eq!(all(&log), Ok(events.clone()), "{what}: and after it went on");
            assert_eq!(log.count(), 49, "{what}");
        }
        assert_eq!(names(&crashed), names(&end), "{what}: in the end the same files");
        // The database has only what the files have not: without them, the first event is missing.
        fs::remove_dir_all(crashed.join("archive")).unwrap();
        let bare = RocksLog::open_read_only(&crashed).unwrap();
        assert!(matches!(all(&bare), Err(LogError::Corrupt { seq: 1, .. })), "{what}");
    }
}

#[test]
fn damaged_files_are_named() {
    type Harm = fn(&Path);
    let hash = "its hash is not that of its bytes";
    let cases: [(&str, Harm, &str, bool); 7] = [
        ("a bit of the events", |file| flip(file, 400), hash, false),
        ("a bit of the hash", |file| flip(file, fs::metadata(file).unwrap().len() as usize - 1), hash, false),
        ("a bit of a hash in the head", |file| flip(file, 70), "it does not follow the file before it", true),
        ("cut off", |file| fs::write(file, &fs::read(file).unwrap()[..500]).unwrap(), "bytes instead of", true),
        ("missing", |file| fs::remove_file(file).unwrap(), "it is missing", true),
        ("another one's", |file| fs::rename(other(file), file).unwrap(), "its name is not that of what", true),
        ("no archive file", |file| flip(file, 0), "it does not begin as an archive file does", true),
    ];
    for (what, harm, why, at_open) in cases {
        let folder = folder();
        before(folder.path());
        archive(folder.path());
        let file = archive_files(folder.path()).remove(1);
        harm(&file);
        let text = match RocksLog::open_read_only(folder.path()) {
            Err(OpenError::Damaged(error)) => {
                assert!(at_open, "{what}: {error}");
                error.to_string()
            }
            Err(error) => panic!("{what}: {error}"),
            Ok(log) => {
                assert!(!at_open, "{what}");
                let error = all(&log).unwrap_err();
                assert_eq!(collected(&log), Err(error.clone()), "{what}");
                let feed = Chain::new(1).feed();
                assert_eq!(log.read(feed, 12, 1), Err(error.clone()), "{what}");
                assert!(log.read(feed, 1, 1).is_ok() && log.read(feed, 21, 1).is_ok(), "{what}: the others are fine");
                // Whoever looks at everything is told which events are concerned, and gets the rest.
                let mut bad = Vec::new();
                let each = &mut |_, seq, bytes: Result<_, LogError>| {
                    bad.extend(bytes.err().map(|e| (seq, e)));
                    ControlFlow::Continue(())
                };
                log.reader().walk(each).unwrap();
                assert_eq!(bad, (11..=20).map(|seq| (seq, error.clone())).collect::<Vec<_>>(), "{what}");
                error.to_string()
            }
        };
        assert!(text.contains(why) && text.contains(file.to_str().unwrap()), "{what}: {text}");
    }
}

fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 1;
    fs::write(file, bytes).unwrap();
}

/// The file after this one.
fn other(file: &Path) -> PathBuf {
    archive_files(file.parent().unwrap().parent().unwrap()).pop().unwrap()
}

#[test]
fn a_snapshot_is_a_log_of_its_own() {
    let folder = folder();
    let mut events = before(folder.path());
    let mut log = RocksLog::open_archiving(folder.path(), TENS).unwrap();
    log.archive_now().unwrap();
    let reader = log.reader();
    let snapshot = reader.snapshot().unwrap();
    assert!(matches!(reader.snapshot(), Err(SnapshotError::InUse)));
    let mut chain = Chain::new(3);
    log.append(&chain.events(40)).unwrap();
    log.archive_now().unwrap();
    assert_eq!(all(&RocksLog::open_read_only(snapshot.folder()).unwrap()), Ok(events.clone()), "as it was");
    let copied = folder.path().join("copied");
    copy(snapshot.folder(), &copied);
    let gone = snapshot.folder().to_owned();
    drop(snapshot);
    assert!(!gone.exists());
    assert_eq!(all(&RocksLog::open_archiving(&copied, TENS).unwrap()), Ok(events.clone()), "and to go on with");
    // What a process left that was killed meanwhile is removed.
    let killed = folder.path().join("killed");
    fs::create_dir(&killed).unwrap();
    for part in ["rocks", "archive"] {
        copy(&folder.path().join(part), &killed.join(part));
    }
    fs::copy(folder.path().join("format"), killed.join("format")).unwrap();
    fs::create_dir_all(killed.join("snapshot/rocks")).unwrap();
    events.extend(Chain::new(3).events(40));
    assert_eq!(all(&RocksLog::open_archiving(&killed, TENS).unwrap()), Ok(events));
    assert!(!killed.join("snapshot").exists());
}

/// The thread moves events while others append and read, and everybody sees every event once.
#[test]
fn events_move_while_others_append_and_read() {
    let folder = folder();
    let log = RocksLog::open_archiving(folder.path(), ArchiveOptions { segment_events: 50, keep_events: 20 }).unwrap();
    let reader = log.reader();
    let writer = LogWriter::spawn(log, 1_024, |error| panic!("{error}")).unwrap();
    let handle = writer.handle();
    let events = Chain::new(1).events(3_000);
    let feed = Chain::new(1).feed();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for batch in events.chunks(10) {
                let (sender, durable) = mpsc::channel();
                let done = Box::new(move |result: Result<(), LogError>| sender.send(result).unwrap());
                handle.try_append(batch.to_vec(), done).unwrap();
                durable.recv().unwrap().unwrap();
            }
        });
        let mut seen = 0;
        while seen < events.len() {
            let mut scanned = Vec::new();
            reader
                .scan(&mut |event| {
                    scanned.push(event);
                    ControlFlow::Continue(())
                })
                .unwrap();
            assert!(scanned.len() >= seen && scanned == events[..scanned.len()]);
            seen = scanned.len();
            let from = seen / 2 + 1;
            let read = reader.read(feed, from as u64, usize::MAX).unwrap();
            assert!(events[from - 1..].starts_with(&read));
        }
    });
    // More than one batch of events, and feeds that begin within one.
    handle.try_append(Chain::new(2).events(900), Box::new(|result| result.unwrap())).unwrap();
    handle.try_append(Chain::new(3).events(900), Box::new(|result| result.unwrap())).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while archive_files(folder.path()).iter().filter(|f| f.extension().is_some_and(|e| e == "seg")).count() < 93 {
        assert!(Instant::now() < deadline, "the thread moves what is old: {:?}", names(folder.path()));
        std::thread::yield_now();
    }
    drop(writer);
    let want = [events, Chain::new(2).events(900), Chain::new(3).events(900)].concat();
    assert!(reader.collect(|event| event).unwrap() == want);
}
