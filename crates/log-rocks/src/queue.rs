//! What waits for the writer: bounded in number and in bytes, handed out in groups.

use crate::{Busy, Done};
use hostler_log::{Write, limits};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes that may wait. Something larger may wait alone.
pub const QUEUE_BYTES: usize = 64 * 1024 * 1024;

/// One write, and whom to tell about it.
pub(crate) struct Job {
    pub(crate) write: Write,
    pub(crate) done: Done,
}

pub(crate) struct Queue {
    capacity: usize,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), waiting: Mutex::default(), changed: Condvar::new() }
    }

    pub(crate) fn push(&self, job: Job) -> Result<(), Busy> {
        let bytes = job.write.byte_count();
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(Busy::Stopped);
        }
        let too_many_bytes = !waiting.jobs.is_empty() && waiting.bytes.saturating_add(bytes) > QUEUE_BYTES;
        if waiting.jobs.len() >= self.capacity || too_many_bytes {
            return Err(Busy::Full { waiting: waiting.jobs.len() });
        }
        waiting.bytes = waiting.bytes.saturating_add(bytes);
        waiting.jobs.push_back(job);
        drop(waiting);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for something to do; then as much of it as may share one sync. `None` when the queue is closed and empty.
    pub(crate) fn next_group(&self) -> Option<Vec<Job>> {
        let mut waiting = self.lock();
        while waiting.jobs.is_empty() {
            if waiting.closed {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let (mut group, mut events, mut bytes) = (Vec::new(), 0_usize, 0_usize);
        while let Some(job) = waiting.jobs.front() {
            events = events.saturating_add(job.write.event_count());
            let size = job.write.byte_count();
            bytes = bytes.saturating_add(size);
            if !group.is_empty() && (events > limits::GROUP_EVENTS || bytes > limits::GROUP_BYTES) {
                break;
            }
            waiting.bytes = waiting.bytes.saturating_sub(size);
            group.extend(waiting.jobs.pop_front());
        }
        Some(group)
    }

    /// Takes nothing more; what waits is still handed out.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Takes nothing more, and gives back what waits.
    pub(crate) fn abandon(&self) -> VecDeque<Job> {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.bytes = 0;
        std::mem::take(&mut waiting.jobs)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
