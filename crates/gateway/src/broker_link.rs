//! The link to one broker: it numbers the requests, knows which are under way, and says "busy" where there are too many.
//! Connecting, waiting and receiving is its session's. Whoever asks and whoever answers does it here at once, without a
//! task in between: that would cost more than the asking.

mod session;

pub(crate) use session::{Offer, SessionOptions};

use crate::brokers::{Ask, Brokers, LinkStatus};
use hostler_model::{BrokerId, Name, PublicKey};
use hostler_wire::TypedSender;
use hostler_wire::messages::gateway::{GatewayToBroker, Route, TurnedAway};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Requests that one broker may owe an answer to.
const UNDER_WAY: usize = 4_096;

/// What became of a request.
pub(crate) struct Reply {
    pub(crate) broker: BrokerId,
    pub(crate) outcome: Outcome,
}

pub(crate) enum Outcome {
    /// The broker's word, or "busy" where it did not even get to it.
    Decided(Box<Result<Route, TurnedAway>>),
    /// The broker takes longer, and will decide.
    Working,
    /// The link has ended, or there is none.
    Lost,
}

impl Outcome {
    fn busy() -> Self {
        Self::Decided(Box::new(Err(TurnedAway::Busy)))
    }
}

struct UnderWay {
    replies: mpsc::Sender<Reply>,
    works: bool,
}

/// See the module. Dropping it ends its session.
pub(crate) struct BrokerLink {
    broker: BrokerId,
    name: Name,
    brokers: Arc<Brokers>,
    status: Arc<LinkStatus>,
    state: Mutex<State>,
    session: JoinHandle<()>,
}

/// What is locked for a moment, and never while something is waited for.
#[derive(Default)]
struct State {
    sender: Option<TypedSender<GatewayToBroker>>,
    under_way: HashMap<u64, UnderWay>,
    last_request: u64,
    key_request: (u64, Option<oneshot::Sender<Result<(), String>>>),
}

impl BrokerLink {
    /// Starts its session on the runtime.
    pub(crate) fn start(
        options: SessionOptions,
        runtime: &Handle,
        brokers: Arc<Brokers>,
        status: Arc<LinkStatus>,
    ) -> Arc<Self> {
        let (broker, name) = (options.broker.id, options.broker.name.clone());
        Arc::new_cyclic(|link: &Weak<Self>| {
            let session = runtime.spawn(session::run(options, link.clone()));
            Self { broker, name, brokers, status, state: Mutex::default(), session }
        })
    }

    /// False where its session has panicked: nothing else ends it.
    pub(crate) fn runs(&self) -> bool {
        !self.session.is_finished()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reply(&self, to: &mpsc::Sender<Reply>, outcome: Outcome) {
        // Full never happens, since there is room for what each broker may say; closed: another one was faster.
        let _ = to.try_send(Reply { broker: self.broker, outcome });
    }

    /// Asks the broker. The outcome goes to `replies`; whoever does not want it any more drops the other end.
    pub(crate) fn request(&self, ask: &Ask, replies: &mpsc::Sender<Reply>) {
        if let Err(outcome) = self.start_request(ask, replies) {
            self.reply(replies, outcome);
        }
    }

    fn start_request(&self, ask: &Ask, replies: &mpsc::Sender<Reply>) -> Result<(), Outcome> {
        let mut state = self.state();
        let state = &mut *state;
        let Some(sender) = &state.sender else { return Err(Outcome::Lost) };
        if state.under_way.len() >= UNDER_WAY {
            state.under_way.retain(|_, request| !request.replies.is_closed());
        }
        if state.under_way.len() >= UNDER_WAY {
            return Err(Outcome::busy());
        }
        state.last_request += 1;
        match sender.try_send(&ask.message(state.last_request)) {
            Ok(()) => {
                state.under_way.insert(state.last_request, UnderWay { replies: replies.clone(), works: false });
                Ok(())
            }
            Err(e) => {
                tracing::debug!(broker = %self.name, error = %e, "a request was not sent");
                Err(Outcome::busy())
            }
        }
    }

    /// Tells the broker something, if it is connected and not busy; nobody waits for it.
    pub(crate) fn tell(&self, message: &GatewayToBroker) {
        if let Some(sender) = &self.state().sender
            && let Err(e) = sender.try_send(message)
        {
            tracing::debug!(broker = %self.name, error = %e, "a message was not sent");
        }
    }

    /// Asks the broker to put another key in the place of the gateway's.
    pub(crate) fn replace_key(&self, key: PublicKey, proof: Vec<u8>, answer: oneshot::Sender<Result<(), String>>) {
        let mut state = self.state();
        state.last_request += 1;
        let request = state.last_request;
        let sent = state.sender.as_ref().map(|s| s.try_send(&GatewayToBroker::ReplaceKey { request, key, proof }));
        // Where it was not sent, whoever asked learns it by the answer's end.
        state.key_request = (request, Some(answer).filter(|_| matches!(sent, Some(Ok(())))));
    }

    fn key_replaced(&self, request: u64, result: Result<(), String>) {
        let mut state = self.state();
        if state.key_request.0 == request
            && let Some(answer) = state.key_request.1.take()
        {
            // Whoever asked may have given up.
            let _ = answer.send(result);
        }
    }

    fn up(&self, sender: TypedSender<GatewayToBroker>) {
        self.state().sender = Some(sender);
        self.status.set_live(true);
        self.brokers.came_up();
    }

    fn down(&self) {
        self.status.set_live(false);
        let mut state = self.state();
        state.sender = None;
        state.key_request.1 = None;
        for request in std::mem::take(&mut state.under_way).into_values() {
            self.reply(&request.replies, Outcome::Lost);
        }
    }

    fn answer(&self, request: u64, result: Result<Route, TurnedAway>) {
        self.status.trust();
        let under_way = self.state().under_way.remove(&request);
        match under_way {
            Some(asked) => self.reply(&asked.replies, Outcome::Decided(Box::new(result))),
            None => tracing::debug!(broker = %self.name, request, "an answer that nobody waits for any more"),
        }
    }

    fn working(&self, request: u64) {
        self.status.trust();
        // Passed on once only: a broker must not be able to fill the queue in front of its own answer.
        if let Some(asked) = self.state().under_way.get_mut(&request)
            && !std::mem::replace(&mut asked.works, true)
        {
            self.reply(&asked.replies, Outcome::Working);
        }
    }
}

impl Drop for BrokerLink {
    fn drop(&mut self) {
        self.session.abort();
        self.down();
    }
}
