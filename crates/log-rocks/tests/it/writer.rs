//! The thread that writes: groups, order, limits, and what happens when the disk fails.

use crate::folder;
use bytes::Bytes;
use hostler_events::{Frontier, StoredEvent};
use hostler_log::testing::Chain;
use hostler_log::{Checkpoint, EventLog, Fault, FaultyLog, LogError, MemoryLog, StateKey, Write, limits};
use hostler_log_rocks::{Busy, Done, LogWriter, QUEUE_BYTES, RocksLog};
use hostler_model::Feed;
use std::ops::ControlFlow;
use std::sync::mpsc::{self, Receiver, Sender};

type Answer = (usize, Result<(), LogError>);

/// Callbacks that send what they were told, with the number of the write.
fn answering() -> (impl Fn(usize) -> Done, Receiver<Answer>) {
    let (sender, answers) = mpsc::channel();
    let done = move |number| -> Done {
        let sender = sender.clone();
        Box::new(move |result| sender.send((number, result)).unwrap())
    };
    (done, answers)
}

fn no_fatal(error: LogError) {
    panic!("{error}");
}

/// A log whose commits wait for a word, and tell how many writes they had.
struct Gated {
    log: MemoryLog,
    /// What every commit says after it was let through, if it has to fail.
    fail: Option<fn() -> LogError>,
    open: Receiver<()>,
    entered: Sender<usize>,
}

impl Gated {
    fn new() -> (Self, Sender<()>, Receiver<usize>) {
        let (opener, open) = mpsc::channel();
        let (entered, entries) = mpsc::channel();
        (Self { log: MemoryLog::new(), fail: None, open, entered }, opener, entries)
    }
}

impl EventLog for Gated {
    fn commit(&mut self, writes: &[Write]) -> Result<Vec<Result<(), LogError>>, LogError> {
        self.entered.send(writes.len()).unwrap();
        // Also when the test has let go.
        let _ = self.open.recv();
        match self.fail {
            Some(fail) => Err(fail()),
            None => self.log.commit(writes),
        }
    }
    fn heads(&self) -> Frontier {
        self.log.heads()
    }
    fn read(&self, feed: Feed, from_seq: u64, max_bytes: usize) -> Result<Vec<StoredEvent>, LogError> {
        self.log.read(feed, from_seq, max_bytes)
    }
    fn scan(&self, each: &mut dyn FnMut(StoredEvent) -> ControlFlow<()>) -> Result<(), LogError> {
        self.log.scan(each)
    }
    fn checkpoint_ids(&self) -> Result<Vec<u64>, LogError> {
        self.log.checkpoint_ids()
    }
    fn checkpoint(&self, id: u64) -> Result<Option<Checkpoint>, LogError> {
        self.log.checkpoint(id)
    }
    fn get_state(&self, key: StateKey) -> Result<Option<Bytes>, LogError> {
        self.log.get_state(key)
    }

    fn branch_count(&self) -> u64 {
        self.log.branch_count()
    }
}

#[test]
fn what_waits_shares_a_sync_up_to_the_limits() {
    let batches = |count: usize, size: usize| -> Vec<Write> {
        let mut chain = Chain::new(1);
        (0..count).map(|_| Write::Events(chain.events(size))).collect()
    };
    let large = |count: usize| -> Vec<Write> {
        let mut chain = Chain::new(1);
        (0..count).map(|_| Write::Events(vec![chain.large(60_000)])).collect()
    };
    let checkpoint = |bytes| Write::Checkpoint(Checkpoint { id: 1, bytes: vec![0; bytes].into() });
    let per_group = limits::GROUP_BYTES / 60_100;
    // The first write goes alone, as the thread waits for it; the others gather behind it. So many writes a commit:
    let cases = [
        ("few", batches(64, 1), vec![1, 63]),
        ("many events", batches(12, 250), vec![1, 4, 4, 3]),
        ("large events", large(per_group + 20), vec![1, per_group, 19]),
        (
            "something huge goes alone",
            [large(1), large(2), vec![checkpoint(limits::GROUP_BYTES * 2)], large(3)].concat(),
            vec![1, 2, 1, 3],
        ),
    ];
    for (what, writes, commits) in cases {
        let (log, open, entries) = Gated::new();
        let writer = LogWriter::spawn(log, writes.len(), no_fatal).unwrap();
        let (done, answers) = answering();
        let total = writes.len();
        let mut sizes = Vec::new();
        for (number, write) in writes.into_iter().enumerate() {
            writer.handle().try_write(write, done(number)).unwrap();
            if number == 0 {
                sizes.push(entries.recv().unwrap());
            }
        }
        drop(open);
        writer.close();
        sizes.extend(entries.iter());
        assert_eq!(sizes, commits, "{what}");
        drop(done);
        let expected: Vec<Answer> = (0..total).map(|number| (number, Ok(()))).collect();
        assert_eq!(answers.iter().collect::<Vec<_>>(), expected, "{what}: in order");
    }
}

#[test]
fn a_full_queue_is_busy() {
    let (log, open, entries) = Gated::new();
    let writer = LogWriter::spawn(log, 2, no_fatal).unwrap();
    let handle = writer.handle();
    let (done, answers) = answering();
    let mut chain = Chain::new(1);
    handle.try_append(chain.events(1), done(0)).unwrap();
    entries.recv().unwrap();
    handle.try_append(chain.events(1), done(1)).unwrap();
    let value = Bytes::from(vec![0; limits::STATE_BYTES]);
    let huge = Checkpoint { id: 1, bytes: vec![0; QUEUE_BYTES].into() };
    assert_eq!(handle.try_put_checkpoint(huge.clone(), done(9)), Err(Busy::Full { waiting: 1 }), "too many bytes");
    handle.try_put_state(StateKey::Clock, value, done(2)).unwrap();
    assert_eq!(handle.try_append(chain.events(1), done(9)), Err(Busy::Full { waiting: 2 }), "too many writes");
    open.send(()).unwrap();
    assert_eq!(entries.recv().unwrap(), 2);
    handle.try_put_checkpoint(huge, done(3)).unwrap();
    drop(open);
    writer.close();
    assert_eq!(handle.try_append(vec![], done(9)), Err(Busy::Stopped), "closed");
    drop(done);
    assert_eq!(answers.iter().collect::<Vec<_>>(), [(0, Ok(())), (1, Ok(())), (2, Ok(())), (3, Ok(()))]);
}

#[test]
fn a_refused_batch_does_not_hinder_the_others() {
    let folder = folder();
    let log = RocksLog::open(folder.path()).unwrap();
    let reader = log.reader();
    let writer = LogWriter::spawn(log, 16, no_fatal).unwrap();
    let (mut a, mut b) = (Chain::new(1), Chain::new(2));
    let (of_a, of_b) = (a.events(4), b.events(2));
    let mut fork = Chain::new(1);
    fork.events(1);
    fork.large(100);
    let other = fork.large(100);
    let (done, answers) = answering();
    let batches = [&of_a[..2], &of_a[3..], std::slice::from_ref(&other), &of_b[..], &of_a[1..]];
    for (number, batch) in batches.into_iter().enumerate() {
        writer.handle().try_append(batch.to_vec(), done(number)).unwrap();
    }
    let gap = LogError::Gap { feed: a.feed(), have: 2, got: 4 };
    let forked = LogError::Fork { feed: a.feed(), seq: 2, have: of_a[1].hash(), got: other.header().previous };
    let expected = [(0, Ok(())), (1, Err(gap)), (2, Err(forked)), (3, Ok(())), (4, Ok(()))];
    assert_eq!(answers.iter().take(5).collect::<Vec<_>>(), expected);
    // Who was answered can read it, from any thread.
    assert_eq!(reader.read(a.feed(), 1, usize::MAX), Ok(of_a));
    assert_eq!(reader.count(), 6);
    drop(reader);
    writer.close();
    assert_eq!(RocksLog::open(folder.path()).unwrap().count(), 6);
}

#[test]
fn an_error_of_the_disk_ends_it() {
    let mut log = FaultyLog::new(MemoryLog::new());
    log.fail_nth(2, Fault::Lost);
    let (fatal, fatals) = mpsc::channel();
    let writer = LogWriter::spawn(log, 16, move |error| fatal.send(error).unwrap()).unwrap();
    let handle = writer.handle();
    let (done, answers) = answering();
    let mut chain = Chain::new(1);
    let io = || LogError::Io("as the test wants it".into());
    for (number, expected) in [Ok(()), Err(io())].into_iter().enumerate() {
        handle.try_append(chain.events(1), done(number)).unwrap();
        assert_eq!(answers.recv(), Ok((number, expected)));
    }
    assert_eq!(handle.try_append(chain.events(1), done(2)), Err(Busy::Stopped));
    writer.close();
    assert_eq!(fatals.iter().collect::<Vec<_>>(), [io()], "said once");
}

#[test]
fn what_waits_when_the_disk_fails_is_answered() {
    let panicked = || LogError::Io("the thread that writes it panicked".into());
    let full = || LogError::Full("really".into());
    for (fail, error) in [(full as fn() -> LogError, full()), (|| panic!("a planted panic"), panicked())] {
        let (mut log, open, entries) = Gated::new();
        log.fail = Some(fail);
        let (fatal, fatals) = mpsc::channel();
        let writer = LogWriter::spawn(log, 16, move |error| fatal.send(error).unwrap()).unwrap();
        let (done, answers) = answering();
        let mut chain = Chain::new(1);
        writer.handle().try_append(chain.events(1), done(0)).unwrap();
        entries.recv().unwrap();
        writer.handle().try_append(chain.events(1), done(1)).unwrap();
        drop((open, done));
        let expected = [(0, Err(error.clone())), (1, Err(LogError::Stopped))];
        assert_eq!(answers.iter().collect::<Vec<_>>(), expected);
        assert_eq!(fatals.iter().collect::<Vec<_>>(), [error]);
        assert_eq!(writer.handle().try_append(vec![], Box::new(|_| ())), Err(Busy::Stopped));
    }
}

#[test]
fn a_panic_in_a_callback_stops_nothing() {
    let writer = LogWriter::spawn(MemoryLog::new(), 16, no_fatal).unwrap();
    let (done, answers) = answering();
    let mut chain = Chain::new(1);
    writer.handle().try_append(chain.events(1), Box::new(|_| panic!("a planted panic"))).unwrap();
    writer.handle().try_append(chain.events(1), done(1)).unwrap();
    assert_eq!(answers.recv(), Ok((1, Ok(()))));
}
