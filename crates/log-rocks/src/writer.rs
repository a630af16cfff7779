//! The one thread that writes the log. While one sync runs, writes gather; the next sync is for all of them (group
//! commit, as in DeWitt et al., "Implementation Techniques for Main Memory Database Systems", 1984).

use crate::Busy;
use crate::queue::{Job, Queue};
use bytes::Bytes;
use hostler_events::StoredEvent;
use hostler_log::{Checkpoint, EventLog, LogError, StateKey, Write};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use tracing::{error, trace};

/// Told what became of a write, when it is durable or refused. Called on the writer's thread: it only passes the word
/// on, and never waits.
pub type Done = Box<dyn FnOnce(Result<(), LogError>) + Send>;

/// Told, once, that the log can't be used any more. The process should end.
pub type Fatal = Box<dyn FnOnce(LogError) + Send>;

/// Owns the thread. When it is dropped, what waits is still written.
pub struct LogWriter {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

/// Hands writes to the thread; for everyone, and cheap to clone.
#[derive(Clone)]
pub struct LogHandle {
    queue: Arc<Queue>,
}

impl LogWriter {
    /// Starts the thread. At most `capacity` writes wait for it. `fatal` is told where the disk fails; nothing is
    /// written after that.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn spawn(
        log: impl EventLog + 'static,
        capacity: usize,
        fatal: impl FnOnce(LogError) + Send + 'static,
    ) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(capacity));
        let jobs = Arc::clone(&queue);
        let run = move || run(log, &jobs, Box::new(fatal));
        let thread = thread::Builder::new().name("log-writer".into()).spawn(run)?;
        Ok(Self { queue, thread: Some(thread) })
    }

    /// Something to hand writes over with.
    #[must_use]
    pub fn handle(&self) -> LogHandle {
        LogHandle { queue: Arc::clone(&self.queue) }
    }

    /// Takes nothing more, waits until everything that was taken is written, and closes the log.
    pub fn close(self) {
        // The work is done by drop.
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take()
            // A callback may own the writer: the thread can't wait for itself.
            && thread.thread().id() != thread::current().id()
            && thread.join().is_err()
        {
            error!("the log's thread ended with a panic");
        }
    }
}

impl LogHandle {
    /// Appends events. `done` is called when they are durable, or refused; of several calls from one thread, in that
    /// order.
    ///
    /// # Errors
    /// Where too much waits already, or the log has stopped.
    pub fn try_append(&self, events: Vec<StoredEvent>, done: Done) -> Result<(), Busy> {
        self.try_write(Write::Events(events), done)
    }

    /// Stores a checkpoint.
    ///
    /// # Errors
    /// As for [`LogHandle::try_append`].
    pub fn try_put_checkpoint(&self, checkpoint: Checkpoint, done: Done) -> Result<(), Busy> {
        self.try_write(Write::Checkpoint(checkpoint), done)
    }

    /// Stores a small durable value.
    ///
    /// # Errors
    /// As for [`LogHandle::try_append`].
    pub fn try_put_state(&self, key: StateKey, bytes: Bytes, done: Done) -> Result<(), Busy> {
        self.try_write(Write::State(key, bytes), done)
    }

    /// Stores whatever it is.
    ///
    /// # Errors
    /// As for [`LogHandle::try_append`].
    pub fn try_write(&self, write: Write, done: Done) -> Result<(), Busy> {
        self.queue.push(Job { write, done })
    }
}

/// What the thread does, until the queue is closed or the disk fails.
fn run(mut log: impl EventLog, queue: &Queue, fatal: Fatal) {
    while let Some(group) = queue.next_group() {
        let (writes, dones): (Vec<Write>, Vec<Done>) = group.into_iter().map(|job| (job.write, job.done)).unzip();
        match commit(&mut log, &writes) {
            Ok(verdicts) => {
                trace!(writes = writes.len(), "group written");
                // A log that gave too few verdicts would be wrong; nobody may wait for ever because of it.
                let mut verdicts = verdicts.into_iter();
                dones.into_iter().for_each(|done| tell(done, verdicts.next().unwrap_or(Err(LogError::Stopped))));
            }
            Err(why) => {
                error!(error = %why, "the log has stopped");
                let waiting = queue.abandon();
                // First the word that ends the process: no answer is needed for that, and none may delay it.
                let _ = catch_unwind(AssertUnwindSafe(|| fatal(why.clone())));
                dones.into_iter().for_each(|done| tell(done, Err(why.clone())));
                waiting.into_iter().for_each(|job| tell(job.done, Err(LogError::Stopped)));
                return;
            }
        }
    }
}

/// A panic in the log is an error of the disk to everybody else: nobody knows what was written.
fn commit(log: &mut impl EventLog, writes: &[Write]) -> Result<Vec<Result<(), LogError>>, LogError> {
    catch_unwind(AssertUnwindSafe(|| log.commit(writes)))
        .unwrap_or_else(|_| Err(LogError::Io("the thread that writes it panicked".into())))
}

/// A panic in a callback is its owner's trouble and no reason to stop the log.
fn tell(done: Done, result: Result<(), LogError>) {
    if catch_unwind(AssertUnwindSafe(|| done(result))).is_err() {
        error!("a callback of the log panicked");
    }
}
