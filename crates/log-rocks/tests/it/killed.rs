//! A process that is killed: everything that it acknowledged is there, also while old events move into the archive.

use crate::folder;
use hostler_log::EventLog;
use hostler_log::testing::Chain;
use hostler_log_rocks::{ArchiveOptions, LogWriter, RocksLog};
use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;

/// In its environment: this process is the one to be killed, and this is its folder.
const FOLDER: &str = "HOSTLER_TEST_KILLED_FOLDER";
const FEEDS: u8 = 4;
/// Batches that one feed has under way at once.
const UNDER_WAY: usize = 8;
/// Small, so that each process is killed while it moves events.
const ARCHIVE: ArchiveOptions = ArchiveOptions { segment_events: 7, keep_events: 10 };

#[test]
fn acknowledged_events_survive_kill() {
    if let Some(folder) = env::var_os(FOLDER) {
        append_until_killed(Path::new(&folder));
        return;
    }
    let folder = folder();
    let mut acknowledged = [0_u64; FEEDS as usize];
    // Each process goes on where the one before was killed.
    for wanted in [1, 150, 400] {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "killed::acknowledged_events_survive_kill", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut acks = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let Some((feed, seq)) = line.strip_prefix("ack ").and_then(|rest| rest.split_once(' ')) else { continue };
            let (feed, seq): (usize, u64) = (feed.parse().unwrap(), seq.parse().unwrap());
            assert!(seq > acknowledged[feed], "in order");
            acknowledged[feed] = seq;
            acks += 1;
            if acks == wanted {
                // SIGKILL. What it printed before that is still read.
                child.kill().unwrap();
            }
        }
        let status = child.wait().unwrap();
        assert!(!status.success() && acks >= wanted, "{status}, {acks} acknowledged");

        let log = RocksLog::open_archiving(folder.path(), ARCHIVE).unwrap();
        for (feed, seq) in (1..=FEEDS).zip(acknowledged) {
            let mut chain = Chain::new(feed);
            let stored = log.read(chain.feed(), 1, usize::MAX).unwrap();
            assert!(stored.len() as u64 >= seq, "feed {feed} has {}, and {seq} were acknowledged", stored.len());
            assert_eq!(stored, chain.events(stored.len()), "feed {feed}");
        }
        drop(log);
    }
    // How far a killed process had come with that is a matter of luck; all three together moved something.
    assert!(std::fs::read_dir(folder.path().join("archive")).unwrap().count() > 0, "nothing was archived");
}

/// Appends batches of one to three events, and prints each that is durable.
fn append_until_killed(folder: &Path) {
    let log = RocksLog::open_archiving(folder, ARCHIVE).unwrap();
    let heads = log.heads();
    let writer = LogWriter::spawn(log, 1_024, |error| panic!("{error}")).unwrap();
    std::thread::scope(|scope| {
        for feed in 1..=FEEDS {
            let (handle, heads) = (writer.handle(), &heads);
            scope.spawn(move || {
                let mut chain = Chain::new(feed);
                let head = heads.0.get(&chain.feed()).map_or(0, |(seq, _)| *seq);
                chain.events(usize::try_from(head).unwrap());
                let (sender, answers) = mpsc::channel();
                for batch in 0.. {
                    let events = chain.events(batch % 3 + 1);
                    let (sender, seq) = (sender.clone(), chain.seq());
                    let done = Box::new(move |result: Result<(), _>| {
                        result.unwrap();
                        // One write, so that lines of several threads stay whole.
                        io::stdout().write_all(format!("ack {} {seq}\n", feed - 1).as_bytes()).unwrap();
                        sender.send(()).unwrap();
                    });
                    handle.try_append(events, done).unwrap();
                    if batch >= UNDER_WAY {
                        answers.recv().unwrap();
                    }
                }
            });
        }
    });
}
