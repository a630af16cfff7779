//! The thread on which the actors live. There are as many as brokers, and they do little: one thread is enough, and
//! keeps them off the runtime that carries the clients' bytes.

use actix::{Actor, Addr, Context};
use actix_rt::{ArbiterHandle, System};
use std::io;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

/// The thread did not come up.
#[derive(Debug, thiserror::Error)]
#[error("the thread for the links to the brokers could not be started: {0}")]
pub struct ActorThreadError(#[from] io::Error);

/// Runs actors until it is dropped.
pub(crate) struct ActorThread {
    system: System,
    arbiter: ArbiterHandle,
    thread: Option<JoinHandle<()>>,
}

impl ActorThread {
    pub(crate) fn start() -> Result<Self, ActorThreadError> {
        let (up, started) = mpsc::sync_channel(1);
        let thread = thread::Builder::new().name("broker-links".into()).spawn(move || {
            let runner = System::new();
            let system = System::current();
            let arbiter = system.arbiter().clone();
            if up.send((system, arbiter)).is_ok()
                && let Err(e) = runner.run()
            {
                tracing::error!(error = %e, "the thread of the links to the brokers ended");
            }
        })?;
        // An error means that the thread panicked before it came here.
        let (system, arbiter) = started.recv().map_err(io::Error::other)?;
        Ok(Self { system, arbiter, thread: Some(thread) })
    }

    /// Starts an actor whose mailbox takes this many messages.
    pub(crate) fn spawn<A: Actor<Context = Context<A>> + Send>(
        &self,
        mailbox: usize,
        actor: impl FnOnce(&mut Context<A>) -> A + Send + 'static,
    ) -> Addr<A> {
        A::start_in_arbiter(&self.arbiter, move |ctx| {
            ctx.set_mailbox_capacity(mailbox);
            actor(ctx)
        })
    }
}

impl Drop for ActorThread {
    fn drop(&mut self) {
        self.system.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the links to the brokers had panicked");
        }
    }
}
