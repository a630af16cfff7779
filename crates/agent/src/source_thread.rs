//! The thread of the session source. Its calls block, and may be slow or fail; nothing else waits for them.

use crate::host::{Host, Looked, OrderDone};
use crate::once::OncePerCause;
use crate::sources::{FoundSession, Listing, SessionSource, SourceError};
use crate::translate;
use actix::{Addr, Message};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use std::{io, thread};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::Span;

/// Orders that wait for the source.
pub(crate) const JOBS: usize = 256;
/// How often a look in which nothing changed is passed on all the same, in ms: strangers are ended again by it.
const PASS_ON_MS: u64 = 1_000;
/// The shortest pause between two looks, in ms.
const PAUSE_MS: u64 = 10;

/// What the source is to do.
pub(crate) struct Job {
    /// The source's name for the session.
    pub(crate) key: String,
    pub(crate) act: Act,
    /// For whom; handed back with the result.
    pub(crate) purpose: crate::host::Purpose,
    pub(crate) span: Span,
}

/// What can be done with a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Act {
    Disconnect,
    LogOff,
    Message(String),
}

/// Starts the thread. It ends when the sender of jobs is gone or the host's actor has ended; the receiver tells when.
pub(crate) fn start(
    source: Box<dyn SessionSource>,
    poll_ms: u64,
    jobs: Receiver<Job>,
    host: Addr<Host>,
    runtime: Handle,
) -> io::Result<oneshot::Receiver<()>> {
    let (ended, wait) = oneshot::channel();
    let pause = Duration::from_millis(poll_ms.max(PAUSE_MS));
    let mut worker =
        Worker { source, host, runtime, pause, seen: Vec::new(), passed_on: None, cause: OncePerCause::default() };
    thread::Builder::new().name("agent-source".into()).spawn(move || {
        worker.work(&jobs);
        drop(worker);
        drop(ended);
    })?;
    Ok(wait)
}

struct Worker {
    source: Box<dyn SessionSource>,
    host: Addr<Host>,
    runtime: Handle,
    pause: Duration,
    /// The last look.
    seen: Vec<FoundSession>,
    /// What was passed on last, and when.
    passed_on: Option<(Looked, Instant)>,
    cause: OncePerCause,
}

impl Worker {
    fn work(&mut self, jobs: &Receiver<Job>) {
        let mut look_at = Instant::now();
        loop {
            let wait = look_at.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                if !self.look() {
                    return;
                }
                look_at = Instant::now() + self.pause;
                continue;
            }
            match jobs.recv_timeout(wait) {
                Ok(job) => {
                    if !self.carry_out(job) {
                        return;
                    }
                    // What it changed is to be seen at once.
                    look_at = Instant::now();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// False where nobody is there any more to tell.
    fn look(&mut self) -> bool {
        let source = &mut self.source;
        let Listing { sessions, logons_in_flight } = match guarded(|| source.list()) {
            Ok(listing) => listing,
            Err(error) => {
                if self.cause.is_new(&error) {
                    tracing::error!(source = self.source.name(), %error, "the sessions of this host can't be listed");
                }
                return self.host.connected();
            }
        };
        if self.cause.clear() {
            tracing::info!(source = self.source.name(), "the sessions of this host can be listed again");
        }
        let looked = Looked { sessions: sessions.iter().map(translate::session).collect(), logons_in_flight };
        self.seen = sessions;
        let same = |(last, at): &(Looked, Instant)| *last == looked && at.elapsed() < Duration::from_millis(PASS_ON_MS);
        if self.passed_on.as_ref().is_some_and(same) {
            return self.host.connected();
        }
        self.passed_on = Some((looked.clone(), Instant::now()));
        self.tell(looked)
    }

    fn carry_out(&mut self, job: Job) -> bool {
        let Job { key, act, purpose, span } = job;
        let result = span.in_scope(|| {
            let Some(session) = self.seen.iter().find(|session| session.key == key) else {
                return Err("the session has just ended; list the sessions again".to_string());
            };
            let source = &mut self.source;
            let result = guarded(|| match &act {
                Act::Disconnect => source.disconnect(session),
                Act::LogOff => source.log_off(session),
                Act::Message(text) => source.message(session, text),
            });
            match &result {
                Ok(()) => tracing::info!(?key, user = ?session.user, "carried out"),
                Err(error) => tracing::warn!(?key, user = ?session.user, %error, "could not be carried out"),
            }
            result
        });
        self.tell(OrderDone { purpose, result })
    }

    /// Waits where the host's actor is busy: looks are of no use faster than it takes them.
    fn tell<M>(&self, message: M) -> bool
    where
        M: Message<Result = ()> + Send + 'static,
        Host: actix::Handler<M>,
    {
        self.runtime.block_on(self.host.send(message)).is_ok()
    }
}

/// A source that panics has failed at this call, and is asked again.
fn guarded<T>(call: impl FnOnce() -> Result<T, SourceError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("the session source failed by an error of its own; see what it printed".to_string()),
    }
}
