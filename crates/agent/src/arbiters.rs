//! The threads that actors live on. They belong to the process, not to an agent: a thousand agents in one process must
//! not be a thousand threads more. They end with the process.

use crate::agent_error::AgentError;
use actix::{Arbiter, ArbiterHandle, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::{io, thread};

/// More would not help: the actors do little, and QUIC runs elsewhere.
const ARBITERS: usize = 4;

static THREADS: Mutex<Vec<ArbiterHandle>> = Mutex::new(Vec::new());
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// The arbiter for the next agent, in turn. The actors of one agent talk a lot with each other, so they share one.
pub(crate) fn next() -> Result<ArbiterHandle, AgentError> {
    let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    if threads.is_empty() {
        *threads = start().map_err(|error| AgentError::Thread { what: "actors", error })?;
    }
    let turn = NEXT.fetch_add(1, Ordering::Relaxed) % threads.len();
    Ok(threads[turn].clone())
}

fn start() -> io::Result<Vec<ArbiterHandle>> {
    let (started, wait) = mpsc::sync_channel(1);
    // Arbiters belong to a system of actors, which needs a thread of its own: the caller's may run something else.
    thread::Builder::new().name("agent-actors".into()).spawn(move || {
        let system = System::new();
        let count = thread::available_parallelism().map_or(1, usize::from).min(ARBITERS);
        let arbiters: io::Result<Vec<_>> = (0..count).map(|_| Arbiter::try_new().map(|a| a.handle())).collect();
        let failed = arbiters.is_err();
        if started.send(arbiters).is_ok() && !failed {
            // Nobody stops this system, so it returns only by an error, which has nobody to go to.
            let _ = system.run();
        }
    })?;
    wait.recv().map_err(io::Error::other)?
}
