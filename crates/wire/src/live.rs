//! The connections of one endpoint that depend on the roster, so that a removal ends them at once.

use crate::close::CloseReason;
use crate::connection::Inner;
use crate::key::Fingerprint;
use crate::roster::Roster;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// Watches connections for as long as their endpoint or one of them lives. Holding them weakly, it keeps none open.
pub(crate) struct LiveConnections {
    list: Arc<List>,
    task: AbortHandle,
}

type List = Mutex<Vec<Weak<Inner>>>;

impl LiveConnections {
    /// Begins to enforce every change of the roster.
    pub(crate) fn follow(roster: Arc<Roster>, runtime: &Handle) -> Arc<Self> {
        let list = Arc::new(List::default());
        let watched = list.clone();
        let task = runtime.spawn(async move {
            let mut changes = roster.changes();
            loop {
                enforce(&watched, &roster);
                if changes.changed().await.is_err() {
                    return;
                }
            }
        });
        Arc::new(Self { list, task: task.abort_handle() })
    }

    /// Watches a connection. Its key must be asked for again *after* this: only then is no removal missed.
    pub(crate) fn watch(&self, connection: &Arc<Inner>) {
        let mut live = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        // Cleared whenever it would have to grow, so its size follows the number of open connections.
        if live.len() == live.capacity() {
            live.retain(|c| c.strong_count() > 0);
        }
        live.push(Arc::downgrade(connection));
    }
}

impl Drop for LiveConnections {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Closes every connection of a member whose key the roster does not hold any more.
fn enforce(list: &List, roster: &Roster) {
    let live: Vec<_> = {
        let mut live = list.lock().unwrap_or_else(PoisonError::into_inner);
        live.retain(|c| c.strong_count() > 0);
        live.iter().filter_map(Weak::upgrade).collect()
    };
    for connection in live {
        let identity = connection.identity();
        let Some(member) = identity.member else { continue };
        if !connection.is_closed() && !roster.holds(&member, &identity.key) {
            tracing::info!(%member, key = %Fingerprint::of(&identity.key), "its key was removed: closing its connection");
            connection.close(CloseReason::Removed);
        }
    }
}
