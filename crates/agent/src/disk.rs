//! Writing in the background: an fsync must not hold up an actor. What changes again before it was written is written
//! once, as it is last. What can't be written is tried again.

use crate::once::OncePerCause;
use crate::store::{Store, StoreError};
use hostler_model::SessionId;
use hostler_model::limits::SESSIONS_PER_HOST;
use hostler_seating::admission::KeptSession;
use hostler_wire::messages::roster::BrokerList;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

/// Sessions whose files wait to be written or removed: those that live, and those that ended while the disk was full.
const WAITING: usize = 4 * SESSIONS_PER_HOST;
/// When what failed is tried again, in ms.
const AGAIN_MS: u64 = 2_000;

#[derive(Default)]
struct Waiting {
    /// What to keep; `None` is to be removed.
    sessions: BTreeMap<SessionId, Option<Box<KeptSession>>>,
    brokers: Option<BrokerList>,
    /// Who wants to know when the brokers were tried.
    tried: Vec<oneshot::Sender<()>>,
    stopping: bool,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

impl Shared {
    /// No step leaves it half changed, so a panic elsewhere does not spoil it.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What hands things to the writing task. When the last clone is gone the task goes on until [`Disk::stop`].
#[derive(Clone)]
pub(crate) struct Disk(Arc<Shared>);

impl Disk {
    pub(crate) fn start(store: Store, runtime: &Handle) -> (Self, JoinHandle<()>) {
        let shared = Arc::new(Shared::default());
        let task = runtime.spawn(write(shared.clone(), Arc::new(store)));
        (Self(shared), task)
    }

    pub(crate) fn keep(&self, session: Box<KeptSession>) {
        self.put(session.session, Some(session));
    }

    pub(crate) fn forget(&self, session: SessionId) {
        self.put(session, None);
    }

    fn put(&self, session: SessionId, content: Option<Box<KeptSession>>) {
        let mut waiting = self.0.waiting();
        if waiting.sessions.len() >= WAITING && !waiting.sessions.contains_key(&session) {
            tracing::error!(%session, "too much waits for the disk; what is kept of this session is not up to date");
            return;
        }
        waiting.sessions.insert(session, content);
        drop(waiting);
        self.0.wake.notify_one();
    }

    /// Writes the list, and says when it was written or could not be.
    pub(crate) fn keep_brokers(&self, list: BrokerList) -> oneshot::Receiver<()> {
        let (tried, wait) = oneshot::channel();
        let mut waiting = self.0.waiting();
        waiting.brokers = Some(list);
        waiting.tried.push(tried);
        drop(waiting);
        self.0.wake.notify_one();
        wait
    }

    /// What waits is tried once more; then the task ends.
    pub(crate) fn stop(&self) {
        self.0.waiting().stopping = true;
        self.0.wake.notify_one();
    }
}

async fn write(shared: Arc<Shared>, store: Arc<Store>) {
    let mut cause = OncePerCause::default();
    loop {
        let (sessions, brokers, tried, stopping) = {
            let mut waiting = shared.waiting();
            let taken = std::mem::take(&mut *waiting);
            waiting.stopping = taken.stopping;
            (taken.sessions, taken.brokers, taken.tried, taken.stopping)
        };
        if sessions.is_empty() && brokers.is_none() {
            if stopping {
                return;
            }
            shared.wake.notified().await;
            continue;
        }
        let store = store.clone();
        let done = spawn_blocking(move || try_all(&store, sessions, brokers)).await;
        for waits in tried {
            // Who waited may have gone.
            let _ = waits.send(());
        }
        // A panic in there: there is nothing left that could be tried again.
        let Ok(left) = done else { continue };
        let Some(error) = left.error else {
            if cause.clear() {
                tracing::info!("the agent's disk can be written again");
            }
            continue;
        };
        if cause.is_new(&error.to_string()) {
            tracing::error!(%error, "the agent can't keep what must outlive it; it goes on and tries again");
        }
        {
            let mut waiting = shared.waiting();
            // What came meanwhile is newer.
            for (session, content) in left.sessions {
                waiting.sessions.entry(session).or_insert(content);
            }
            waiting.brokers = waiting.brokers.take().or(left.brokers);
            if waiting.stopping {
                return;
            }
        }
        // Woken by the end, too, or by something that can be written: removing works on a full disk.
        let _ = timeout(Duration::from_millis(AGAIN_MS), shared.wake.notified()).await;
    }
}

/// What could not be done.
#[derive(Default)]
struct Left {
    sessions: BTreeMap<SessionId, Option<Box<KeptSession>>>,
    brokers: Option<BrokerList>,
    error: Option<StoreError>,
}

fn try_all(
    store: &Store,
    sessions: BTreeMap<SessionId, Option<Box<KeptSession>>>,
    brokers: Option<BrokerList>,
) -> Left {
    let mut left = Left::default();
    if let Some(list) = brokers
        && let Err(error) = store.keep_brokers(&list)
    {
        (left.brokers, left.error) = (Some(list), Some(error));
    }
    for (id, content) in sessions {
        let done = match &content {
            Some(session) => store.keep_session(session),
            None => store.forget_session(id),
        };
        if let Err(error) = done {
            left.sessions.insert(id, content);
            left.error.get_or_insert(error);
        }
    }
    left
}
