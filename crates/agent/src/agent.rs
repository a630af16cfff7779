//! Starting and stopping an agent.

use crate::agent_error::AgentError;
use crate::arbiters;
use crate::broker_book::{self, BrokerBook};
use crate::broker_link::LinkContext;
use crate::config::AgentConfig;
use crate::disk::Disk;
use crate::host::{AwaitedBy, Begin, Host, HostParts, Stop};
use crate::key_links::HostLinks;
use crate::sources::SessionSource;
use crate::store::{Store, StoreError};
use crate::{load, source_thread, translate};
use actix::{Actor, Addr};
use hostler_model::{MemberRole, UserName};
use hostler_seating::admission::{Admission, AdmissionConfig, KeptSession};
use hostler_seating::seat::Offer;
use hostler_wire::messages::roster::BrokerList;
use hostler_wire::{Dialer, EndpointOptions, Roster, Service, rotate};
use std::future::Future;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinHandle, spawn_blocking};
use tokio::time::timeout;

/// How long the source's last call, and the last writing, may hold up the end, in ms.
const STOP_MS: u64 = 3_000;

/// Starts agents; see [`Agent::start`].
#[derive(Clone, Copy, Debug)]
pub struct Agent;

impl Agent {
    /// Starts an agent and returns when it has read its disk; it connects to its brokers from then on. The links run on
    /// the tokio runtime of the caller, which should have several threads. Many agents may run in one process.
    ///
    /// # Errors
    /// Where its data directory can't be used, it knows no broker, or the system gives no socket or thread.
    pub async fn start(config: AgentConfig, source: Box<dyn SessionSource>) -> Result<AgentHandle, AgentError> {
        let runtime = Handle::try_current().map_err(|_| AgentError::NoRuntime)?;
        let Restored { store, brokers, kept } = restore(&config).await?;
        let roster = Arc::new(Roster::new());
        roster.set(MemberRole::Broker, brokers.brokers.iter().map(|entry| (entry.key, entry.id.0)));
        let options = EndpointOptions {
            service: Service::Agent,
            key: config.key.clone(),
            roster: roster.clone(),
            runtime: runtime.clone(),
        };
        let dialer = Arc::new(Dialer::open(options, config.from)?);
        let machine = Admission::new(AdmissionConfig {
            host: config.host,
            kind: translate::kind(source.kind()),
            hard_cap: config.cap(load::memory_bytes()),
            logon_slots: config.slots(thread::available_parallelism().map_or(1, usize::from)),
        });
        let load = load::follow()?;
        let arbiter = arbiters::next()?;
        let (disk, writing) = Disk::start(store, &runtime);
        let (jobs, waiting) = mpsc::sync_channel(source_thread::JOBS);
        let (alive, ended) = oneshot::channel();
        let links = LinkContext { dialer: dialer.clone(), roster, runtime: runtime.clone() };
        let parts = HostParts {
            host: config.host,
            machine,
            book: BrokerBook::new(brokers),
            links,
            disk: disk.clone(),
            jobs,
            load,
            _alive: alive,
        };
        let host = Host::start_in_arbiter(&arbiter, move |_| Host::new(parts));
        // From here on everything ends when this is dropped.
        let rotating = config.key_ring.map(|ring| {
            let links = HostLinks(host.clone());
            let rotating = rotate(ring, config.host.0, config.key, dialer.clone(), links);
            runtime.spawn(rotating).abort_handle()
        });
        let mut handle = AgentHandle { host, dialer, disk, writing: Some(writing), source: None, ended, rotating };
        handle.host.send(Begin { kept }).await.map_err(|_| AgentError::Ended)?;
        let name = source.name();
        let thread = source_thread::start(source, config.poll_ms, waiting, handle.host.clone(), runtime);
        handle.source = Some(thread.map_err(|error| AgentError::Thread { what: "the session source", error })?);
        tracing::info!(host = %config.host, source = name, data_dir = %config.data_dir.display(), "the agent runs");
        Ok(handle)
    }
}

/// Runs an agent until `shutdown` is done.
///
/// # Errors
/// As [`Agent::start`], and where the agent's main actor ends by itself.
pub async fn run(
    config: AgentConfig,
    source: Box<dyn SessionSource>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), AgentError> {
    let mut agent = Agent::start(config, source).await?;
    let outcome = tokio::select! {
        () = shutdown => Ok(()),
        () = agent.ended() => Err(AgentError::Ended),
    };
    agent.stop().await;
    outcome
}

struct Restored {
    store: Store,
    brokers: BrokerList,
    kept: Vec<KeptSession>,
}

async fn restore(config: &AgentConfig) -> Result<Restored, AgentError> {
    let (folder, host, configured) = (config.data_dir.clone(), config.host, config.brokers.clone());
    let read = spawn_blocking(move || {
        let store = Store::open(&folder, host)?;
        let (brokers, kept) = (store.brokers()?, store.sessions()?);
        Ok::<_, StoreError>((store, brokers, kept))
    });
    let (store, stored, kept) = read.await.map_err(|_| AgentError::Ended)??;
    // What was told later is under an epoch at least as high; a higher one here means that the host has joined anew.
    let stored = stored.filter(|list| list.epoch >= configured.epoch && broker_book::nonsense(list).is_none());
    let brokers = stored.unwrap_or(configured);
    if broker_book::nonsense(&brokers).is_some() {
        return Err(AgentError::NoBrokers);
    }
    Ok(Restored { store, brokers, kept })
}

/// A running agent. Dropping it stops the agent without waiting for it.
pub struct AgentHandle {
    host: Addr<Host>,
    dialer: Arc<Dialer>,
    disk: Disk,
    writing: Option<JoinHandle<()>>,
    source: Option<oneshot::Receiver<()>>,
    ended: oneshot::Receiver<()>,
    rotating: Option<AbortHandle>,
}

impl AgentHandle {
    /// What a user who is logging on was promised: what to start for them, and why they are here. `None` where no seat
    /// is held for them, or the seat leads to a session that they have.
    pub async fn awaited(&self, user: &UserName) -> Option<Offer> {
        self.host.send(AwaitedBy { user: user.clone() }).await.ok().flatten()
    }

    /// Waits until the agent has ended by an error of its own.
    pub async fn ended(&mut self) {
        // Nothing is ever sent: the sender goes with the actor.
        let _ = (&mut self.ended).await;
    }

    /// Stops the agent: tells the brokers, and writes what is not on disk yet. The sessions stay.
    pub async fn stop(mut self) {
        // Fails only where it has ended already.
        let _ = self.host.send(Stop).await;
        self.dialer.close().await;
        if let Some(source) = self.source.take()
            && timeout(Duration::from_millis(STOP_MS), source).await.is_err()
        {
            tracing::warn!("the session source is still busy with its last call; it is left to itself");
        }
        self.disk.stop();
        if let Some(writing) = self.writing.take()
            && timeout(Duration::from_millis(STOP_MS), writing).await.is_err()
        {
            tracing::error!("the disk did not take what the agent keeps before it was stopped");
        }
    }
}

impl Drop for AgentHandle {
    fn drop(&mut self) {
        if let Some(rotating) = &self.rotating {
            rotating.abort();
        }
        self.host.do_send(Stop);
        self.disk.stop();
    }
}
