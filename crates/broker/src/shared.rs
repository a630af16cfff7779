//! What all actors of a broker share: the latest snapshot, the roster, and the links to the other brokers.

use crate::backend::Snapshot;
use crate::clock::Clock;
use crate::logons::Logons;
use futures::Stream;
use hostler_model::BrokerId;
use hostler_wire::messages::peer::{About, PeerFrame};
use hostler_wire::{CloseReason, Connection, MemberKey, Roster, TypedSender};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

/// Requests to other brokers that wait for an answer; more are refused.
const CALLS: usize = 16_384;

/// What all actors of a broker share.
pub(crate) struct Shared {
    /// This broker.
    pub(crate) me: BrokerId,
    /// Its key.
    pub(crate) key: Arc<MemberKey>,
    /// Who may connect.
    pub(crate) roster: Arc<Roster>,
    /// The clocks.
    pub(crate) clock: Clock,
    /// What carries the links' packets. Links are read on it, too: what comes need not go to another thread before it is
    /// known whom it is for.
    pub(crate) runtime: Handle,
    /// The broker as it is now.
    pub(crate) snapshot: watch::Sender<Arc<Snapshot>>,
    /// The links to the other brokers.
    pub(crate) peers: Peers,
    /// The logons that this broker decided.
    pub(crate) logons: Mutex<Logons>,
}

/// There is a new snapshot.
pub(crate) struct Changed;

impl Shared {
    /// This broker found a place for somebody.
    pub(crate) fn count_logon(&self) {
        self.logons.lock().unwrap_or_else(PoisonError::into_inner).count(self.clock.now().mono);
    }

    /// What this broker tells the others of itself.
    pub(crate) fn about(&self) -> About {
        let now = self.clock.now().mono;
        let logons_last_hour = self.logons.lock().unwrap_or_else(PoisonError::into_inner).last_hour(now);
        About { version: env!("CARGO_PKG_VERSION").to_string(), logons_last_hour }
    }

    /// Says when there is a new snapshot.
    pub(crate) fn changes(&self) -> impl Stream<Item = Changed> + use<> {
        futures::stream::unfold(self.snapshot.subscribe(), |mut changes| async move {
            changes.changed().await.ok().map(|()| (Changed, changes))
        })
    }
}

/// A link to another broker.
#[derive(Clone)]
pub(crate) struct PeerHandle {
    /// Tells this link from an earlier one.
    pub(crate) number: u64,
    /// For frames.
    pub(crate) sender: TypedSender<PeerFrame>,
    /// For datagrams, and to end it.
    pub(crate) connection: Connection,
}

/// The links to the other brokers, and what was asked over them.
#[derive(Default)]
pub(crate) struct Peers {
    links: Mutex<HashMap<BrokerId, PeerHandle>>,
    calls: Mutex<Calls>,
}

#[derive(Default)]
struct Calls {
    next: u64,
    waiting: HashMap<u64, Call>,
}

struct Call {
    to: BrokerId,
    answer: Option<oneshot::Sender<PeerFrame>>,
    working: Option<oneshot::Sender<()>>,
}

/// A question that was sent: first comes the word that it was taken up, or the answer at once.
pub(crate) struct Asked<'a> {
    peers: &'a Peers,
    number: u64,
    to: BrokerId,
    /// That it was taken up.
    working: oneshot::Receiver<()>,
    /// The answer.
    pub(crate) answer: oneshot::Receiver<PeerFrame>,
}

impl Asked<'_> {
    /// The answer, however long it takes, up to `latest`, but not from a broker that is silent: one that does not take
    /// the question up, or over whose link nothing comes any more.
    pub(crate) async fn answer_unless_silent(mut self, silence: Duration, latest: Duration) -> Option<PeerFrame> {
        tokio::select! {
            biased;
            answer = &mut self.answer => answer.ok(),
            working = timeout(silence, &mut self.working) => {
                working.ok()?.ok()?;
                let heard = || self.peers.packets_from(self.to);
                timeout(latest, while_heard(&mut self.answer, heard, silence)).await.ok()?
            }
        }
    }
}

/// Waits for as long as the number that `heard` gives grows.
async fn while_heard<T>(answer: &mut oneshot::Receiver<T>, heard: impl Fn() -> u64, silence: Duration) -> Option<T> {
    let mut before = heard();
    loop {
        if let Ok(answer) = timeout(silence, &mut *answer).await {
            return answer.ok();
        }
        let now = heard();
        if now == before {
            return None;
        }
        before = now;
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.peers.calls().waiting.remove(&self.number);
    }
}

impl Peers {
    /// The link to a broker.
    #[must_use]
    pub(crate) fn get(&self, broker: BrokerId) -> Option<PeerHandle> {
        self.links().get(&broker).cloned()
    }

    /// How many packets have come over the link to a broker; 0 where there is none.
    pub(crate) fn packets_from(&self, broker: BrokerId) -> u64 {
        self.get(broker).map_or(0, |link| link.connection.packets_received())
    }

    /// A link is up; the one that it takes the place of.
    pub(crate) fn put(&self, broker: BrokerId, handle: PeerHandle) -> Option<PeerHandle> {
        self.links().insert(broker, handle)
    }

    /// A link is gone. False where a newer one has taken its place.
    pub(crate) fn remove(&self, broker: BrokerId, number: u64) -> bool {
        let mut links = self.links();
        if links.get(&broker).is_some_and(|h| h.number == number) {
            links.remove(&broker);
            // Whoever waits for an answer over it learns at once that none comes.
            self.calls().waiting.retain(|_, call| call.to != broker);
            return true;
        }
        false
    }

    /// Says something to all other brokers; nobody answers.
    pub(crate) fn tell_all(&self, frame: &PeerFrame) {
        for link in self.links().values() {
            // Whoever has no room learns it another way.
            let _ = link.sender.try_send(frame);
        }
    }

    /// Ends all links: this process is being stopped.
    pub(crate) fn close_all(&self) {
        for link in self.links().values() {
            link.connection.close(CloseReason::Stopping);
        }
    }

    /// Asks another broker. `None` where there is no link, or it has no room.
    pub(crate) fn ask(&self, to: BrokerId, frame: impl FnOnce(u64) -> PeerFrame) -> Option<Asked<'_>> {
        let link = self.get(to)?;
        let (answer_in, answer) = oneshot::channel();
        let (working_in, working) = oneshot::channel();
        let number = {
            let mut calls = self.calls();
            if calls.waiting.len() >= CALLS {
                return None;
            }
            calls.next += 1;
            let number = calls.next;
            calls.waiting.insert(number, Call { to, answer: Some(answer_in), working: Some(working_in) });
            number
        };
        let asked = Asked { peers: self, number, to, working, answer };
        link.sender.try_send(&frame(number)).ok()?;
        Some(asked)
    }

    /// An answer came.
    pub(crate) fn answered(&self, from: BrokerId, number: u64, frame: PeerFrame) {
        let mut calls = self.calls();
        if calls.waiting.get(&number).is_some_and(|c| c.to == from)
            && let Some(answer) = calls.waiting.remove(&number).and_then(|c| c.answer)
        {
            // Nobody waits any more where the asker gave up.
            let _ = answer.send(frame);
        }
    }

    /// A question was taken up.
    pub(crate) fn working(&self, from: BrokerId, number: u64) {
        if let Some(call) = self.calls().waiting.get_mut(&number).filter(|c| c.to == from)
            && let Some(working) = call.working.take()
        {
            let _ = working.send(());
        }
    }

    fn links(&self) -> std::sync::MutexGuard<'_, HashMap<BrokerId, PeerHandle>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const SILENCE: Duration = Duration::from_millis(20);

    #[actix::test]
    async fn an_answer_is_waited_for_while_anything_is_heard() {
        let (_answer_in, mut answer) = oneshot::channel::<u8>();
        let looks = Cell::new(0);
        let heard = || {
            looks.set(looks.get() + 1);
            looks.get().min(4)
        };
        assert_eq!(while_heard(&mut answer, heard, SILENCE).await, None);
        assert_eq!(looks.get(), 5, "the number grew four times, and then no more");
        let (answer_in, mut answer) = oneshot::channel();
        answer_in.send(7_u8).unwrap();
        assert_eq!(while_heard(&mut answer, || 0, SILENCE).await, Some(7));
        let (answer_in, mut answer) = oneshot::channel::<u8>();
        drop(answer_in);
        assert_eq!(while_heard(&mut answer, || 0, SILENCE).await, None);
    }
}
