//! A log whose disk fails on demand: for tests and the simulator.

use crate::{Checkpoint, EventLog, LogError, StateKey, Write};
use bytes::Bytes;
use hostler_events::{Frontier, StoredEvent};
use hostler_model::Feed;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// How a commit fails. Whatever it is, the log takes nothing more until [`FaultyLog::crash`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The sync fails, and nothing of the commit will be there after the crash. A write that was torn comes to the
    /// same: what is found half written is dropped by the recovery.
    Lost,
    /// The sync fails, and yet all of the commit will be there after the crash.
    Kept,
    /// The disk is full; nothing of the commit will be there after the crash.
    Full,
}

/// A log over another one, with a disk that can be told to fail. It has two copies of the log: what programs see, and
/// what is on the disk. They differ while [`FaultyLog::hold_back`] is on: then commits are seen at once but are lost at
/// a crash, unless [`FaultyLog::sync`] came first.
#[derive(Clone, Debug)]
pub struct FaultyLog<L> {
    seen: L,
    disk: L,
    /// What the disk lacks, in order.
    unsynced: Vec<Vec<Write>>,
    holds_back: bool,
    commits: u64,
    faults: BTreeMap<u64, Fault>,
    room_bytes: Option<usize>,
    stopped: bool,
}

impl<L: EventLog + Clone> FaultyLog<L> {
    /// A log that works, until it is told otherwise.
    #[must_use]
    pub fn new(log: L) -> Self {
        Self {
            seen: log.clone(),
            disk: log,
            unsynced: Vec::new(),
            holds_back: false,
            commits: 0,
            faults: BTreeMap::new(),
            room_bytes: None,
            stopped: false,
        }
    }

    /// Lets the nth commit from now fail; 1 is the next one.
    pub fn fail_nth(&mut self, nth: u64, fault: Fault) {
        self.faults.insert(self.commits.saturating_add(nth), fault);
    }

    /// The disk takes only so many bytes more; `None`: as many as come.
    pub fn set_room(&mut self, bytes: Option<usize>) {
        self.room_bytes = bytes;
    }

    /// Whether commits stay off the disk until [`FaultyLog::sync`].
    pub fn hold_back(&mut self, on: bool) {
        self.holds_back = on;
    }

    /// Brings to the disk what was held back.
    ///
    /// # Errors
    /// What the log below says.
    pub fn sync(&mut self) -> Result<(), LogError> {
        self.bring_to_disk(usize::MAX)
    }

    /// The process or the machine dies and starts again: what is not on the disk is lost. Of the commits that were
    /// held back, the disk had got to the first `reached`; the one after them may be torn, and is lost like the rest.
    ///
    /// # Errors
    /// What the log below says.
    pub fn crash(&mut self, reached: usize) -> Result<(), LogError> {
        self.bring_to_disk(reached)?;
        self.unsynced.clear();
        self.seen = self.disk.clone();
        self.stopped = false;
        Ok(())
    }

    fn bring_to_disk(&mut self, commits: usize) -> Result<(), LogError> {
        for writes in self.unsynced.drain(..commits.min(self.unsynced.len())) {
            self.disk.commit(&writes)?;
        }
        Ok(())
    }

    /// The fault that this commit meets.
    fn fault(&mut self, writes: &[Write]) -> Option<Fault> {
        self.commits = self.commits.saturating_add(1);
        if let Some(fault) = self.faults.remove(&self.commits) {
            return Some(fault);
        }
        if let Some(room) = &mut self.room_bytes {
            let bytes = writes.iter().map(Write::byte_count).sum();
            match room.checked_sub(bytes) {
                Some(left) => *room = left,
                None => return Some(Fault::Full),
            }
        }
        None
    }
}

impl<L: EventLog + Clone> EventLog for FaultyLog<L> {
    fn commit(&mut self, writes: &[Write]) -> Result<Vec<Result<(), LogError>>, LogError> {
        if self.stopped {
            return Err(LogError::Stopped);
        }
        let fault = self.fault(writes);
        if let Some(fault) = fault {
            self.stopped = true;
            if fault == Fault::Kept {
                self.unsynced.push(writes.to_vec());
                self.bring_to_disk(usize::MAX)?;
            }
            return Err(match fault {
                Fault::Full => LogError::Full("as the test wants it".into()),
                Fault::Lost | Fault::Kept => LogError::Io("as the test wants it".into()),
            });
        }
        let verdicts = self.seen.commit(writes)?;
        self.unsynced.push(writes.to_vec());
        if !self.holds_back {
            self.bring_to_disk(usize::MAX)?;
        }
        Ok(verdicts)
    }

    fn heads(&self) -> Frontier {
        self.seen.heads()
    }

    fn read(&self, feed: Feed, from_seq: u64, max_bytes: usize) -> Result<Vec<StoredEvent>, LogError> {
        self.seen.read(feed, from_seq, max_bytes)
    }

    fn scan(&self, each: &mut dyn FnMut(StoredEvent) -> ControlFlow<()>) -> Result<(), LogError> {
        self.seen.scan(each)
    }

    fn checkpoint_ids(&self) -> Result<Vec<u64>, LogError> {
        self.seen.checkpoint_ids()
    }

    fn checkpoint(&self, id: u64) -> Result<Option<Checkpoint>, LogError> {
        self.seen.checkpoint(id)
    }

    fn get_state(&self, key: StateKey) -> Result<Option<Bytes>, LogError> {
        self.seen.get_state(key)
    }

    fn branch_count(&self) -> u64 {
        self.seen.branch_count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Harness};
    use crate::testing::Chain;
    use crate::{LogError, MemoryLog};

    impl Harness for FaultyLog<MemoryLog> {
        fn log(&mut self) -> &mut dyn EventLog {
            self
        }

        fn reopen(&mut self) {
            self.crash(0).unwrap();
        }
    }

    #[test]
    fn conforms_while_nothing_fails() {
        conformance::check(|| FaultyLog::new(MemoryLog::new()));
    }

    #[test]
    fn faults() {
        let io = || LogError::Io("as the test wants it".into());
        let full = || LogError::Full("as the test wants it".into());
        // The third of five appends of one event each meets the fault; so many events are there after the crash.
        for (fault, error, left) in [(Fault::Lost, io(), 2), (Fault::Kept, io(), 3), (Fault::Full, full(), 2)] {
            let mut log = FaultyLog::new(MemoryLog::new());
            log.fail_nth(3, fault);
            let events = Chain::new(1).events(5);
            let answers: Vec<_> = events.chunks(1).map(|batch| log.append(batch)).collect();
            let stopped = || Err(LogError::Stopped);
            assert_eq!(answers, [Ok(()), Ok(()), Err(error), stopped(), stopped()], "{fault:?}");
            assert_eq!(log.count(), 2, "{fault:?}: what failed is not seen");
            log.crash(0).unwrap();
            assert_eq!(log.count(), left, "{fault:?}");
            assert_eq!(log.append(&events[2..]), Ok(()), "{fault:?}: it works again");
            assert_eq!(log.count(), 5, "{fault:?}");
        }
    }

    #[test]
    fn what_was_held_back_is_lost_at_a_crash() {
        // Of five appends the first is synced; the disk reaches so many of the others before the crash.
        for (reached, left) in [(0, 1), (1, 2), (3, 4), (9, 5)] {
            let mut log = FaultyLog::new(MemoryLog::new());
            log.hold_back(true);
            let events = Chain::new(1).events(5);
            log.append(&events[..1]).unwrap();
            log.sync().unwrap();
            for batch in events[1..].chunks(1) {
                log.append(batch).unwrap();
            }
            assert_eq!(log.count(), 5, "seen while the process lives");
            log.crash(reached).unwrap();
            assert_eq!(log.count(), left, "{reached}");
        }
    }

    #[test]
    fn a_small_disk_fills_up() {
        let events = Chain::new(1).events(3);
        let mut log = FaultyLog::new(MemoryLog::new());
        log.set_room(Some(events[0].bytes().len() + events[1].bytes().len()));
        assert_eq!(log.append(&events[..1]), Ok(()));
        assert_eq!(log.append(&events[1..]), Err(LogError::Full("as the test wants it".into())));
        log.crash(0).unwrap();
        log.set_room(None);
        assert_eq!(log.append(&events), Ok(()));
        assert_eq!(log.count(), 3);
    }
}
