//! The actor for one broker: it numbers the requests, knows which are under way, and says "busy" where there are too
//! many. Connecting, waiting and receiving is its session's, which runs on the runtime of the sockets.

mod session;

pub(crate) use session::{Offer, SessionOptions};

use crate::brokers::{Ask, Brokers, LinkStatus};
use actix::{Actor, AsyncContext, Context, Handler, Message};
use hostler_model::{BrokerId, PublicKey};
use hostler_wire::TypedSender;
use hostler_wire::messages::gateway::{GatewayToBroker, Route, TurnedAway};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

/// Messages that wait for this actor.
pub(crate) const MAILBOX: usize = 1_024;
/// Requests that one broker may owe an answer to.
const UNDER_WAY: usize = 4_096;

/// Asks the broker.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Request {
    pub(crate) ask: Arc<Ask>,
    /// Where the answer goes; whoever does not want it any more drops the other end.
    pub(crate) replies: mpsc::Sender<Reply>,
}

/// What became of a request.
pub(crate) struct Reply {
    pub(crate) broker: BrokerId,
    pub(crate) outcome: Outcome,
}

pub(crate) enum Outcome {
    /// The broker's word, or "busy" where it did not even get to it.
    Decided(Result<Route, TurnedAway>),
    /// The broker takes longer, and will decide.
    Working,
    /// The link has ended, or there is none.
    Lost,
}

/// Tells the broker something.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Tell(pub(crate) GatewayToBroker);

/// Asks the broker to put another key in the place of the gateway's.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct ReplaceKey {
    pub(crate) key: PublicKey,
    pub(crate) proof: Vec<u8>,
    pub(crate) answer: oneshot::Sender<Result<(), String>>,
}

/// The broker says what became of that.
#[derive(Message)]
#[rtype(result = "()")]
struct KeyReplaced {
    request: u64,
    result: Result<(), String>,
}

/// The session has a link.
#[derive(Message)]
#[rtype(result = "()")]
struct Up(TypedSender<GatewayToBroker>);

/// The session's link has ended.
#[derive(Message)]
#[rtype(result = "()")]
struct Down;

/// The broker answers.
#[derive(Message)]
#[rtype(result = "()")]
struct Answer {
    request: u64,
    result: Result<Route, TurnedAway>,
}

/// The broker takes longer.
#[derive(Message)]
#[rtype(result = "()")]
struct Working(u64);

struct UnderWay {
    replies: mpsc::Sender<Reply>,
    works: bool,
}

/// See the module.
pub(crate) struct BrokerLink {
    options: SessionOptions,
    runtime: Handle,
    brokers: Arc<Brokers>,
    status: Arc<LinkStatus>,
    sender: Option<TypedSender<GatewayToBroker>>,
    under_way: HashMap<u64, UnderWay>,
    last_request: u64,
    key_request: (u64, Option<oneshot::Sender<Result<(), String>>>),
    session: Option<AbortHandle>,
}

impl BrokerLink {
    pub(crate) fn new(
        options: SessionOptions,
        runtime: Handle,
        brokers: Arc<Brokers>,
        status: Arc<LinkStatus>,
    ) -> Self {
        let (sender, session) = (None, None);
        Self {
            options,
            runtime,
            brokers,
            status,
            sender,
            under_way: HashMap::new(),
            last_request: 0,
            key_request: (0, None),
            session,
        }
    }

    fn reply(&self, to: &mpsc::Sender<Reply>, outcome: Outcome) {
        // Full never happens, since there is room for what each broker may say; closed: another one was faster.
        let _ = to.try_send(Reply { broker: self.options.broker.id, outcome });
    }

    fn start_request(&mut self, request: &Request) -> Result<(), Outcome> {
        let Some(sender) = &self.sender else { return Err(Outcome::Lost) };
        if self.under_way.len() >= UNDER_WAY {
            self.under_way.retain(|_, request| !request.replies.is_closed());
        }
        if self.under_way.len() >= UNDER_WAY {
            return Err(Outcome::Decided(Err(TurnedAway::Busy)));
        }
        self.last_request += 1;
        match sender.try_send(&request.ask.message(self.last_request)) {
            Ok(()) => {
                self.under_way.insert(self.last_request, UnderWay { replies: request.replies.clone(), works: false });
                Ok(())
            }
            Err(e) => {
                tracing::debug!(broker = %self.options.broker.name, error = %e, "a request was not sent");
                Err(Outcome::Decided(Err(TurnedAway::Busy)))
            }
        }
    }

    fn lose(&mut self) {
        self.status.set_live(false);
        self.sender = None;
        self.key_request.1 = None;
        for request in std::mem::take(&mut self.under_way).into_values() {
            self.reply(&request.replies, Outcome::Lost);
        }
    }
}

impl Actor for BrokerLink {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // Weak, so that this actor ends when it is on no list any more.
        let session = session::run(self.options.clone(), ctx.address().downgrade());
        self.session = Some(self.runtime.spawn(session).abort_handle());
    }
}

/// However the actor ends, by a panic as well.
impl Drop for BrokerLink {
    fn drop(&mut self) {
        if let Some(session) = &self.session {
            session.abort();
        }
        self.lose();
    }
}

impl Handler<Request> for BrokerLink {
    type Result = ();

    fn handle(&mut self, request: Request, _: &mut Context<Self>) {
        if let Err(outcome) = self.start_request(&request) {
            self.reply(&request.replies, outcome);
        }
    }
}

impl Handler<Tell> for BrokerLink {
    type Result = ();

    fn handle(&mut self, Tell(message): Tell, _: &mut Context<Self>) {
        if let Some(sender) = &self.sender
            && let Err(e) = sender.try_send(&message)
        {
            tracing::debug!(broker = %self.options.broker.name, error = %e, "a message was not sent");
        }
    }
}

impl Handler<ReplaceKey> for BrokerLink {
    type Result = ();

    fn handle(&mut self, ReplaceKey { key, proof, answer }: ReplaceKey, _: &mut Context<Self>) {
        self.last_request += 1;
        let request = self.last_request;
        let sent = self.sender.as_ref().map(|s| s.try_send(&GatewayToBroker::ReplaceKey { request, key, proof }));
        // Where it was not sent, whoever asked learns it by the answer's end.
        self.key_request = (request, Some(answer).filter(|_| matches!(sent, Some(Ok(())))));
    }
}

impl Handler<KeyReplaced> for BrokerLink {
    type Result = ();

    fn handle(&mut self, KeyReplaced { request, result }: KeyReplaced, _: &mut Context<Self>) {
        if self.key_request.0 == request
            && let Some(answer) = self.key_request.1.take()
        {
            // Whoever asked may have given up.
            let _ = answer.send(result);
        }
    }
}

impl Handler<Up> for BrokerLink {
    type Result = ();

    fn handle(&mut self, Up(sender): Up, _: &mut Context<Self>) {
        self.sender = Some(sender);
        self.status.set_live(true);
        self.brokers.came_up();
    }
}

impl Handler<Down> for BrokerLink {
    type Result = ();

    fn handle(&mut self, Down: Down, _: &mut Context<Self>) {
        self.lose();
    }
}

impl Handler<Answer> for BrokerLink {
    type Result = ();

    fn handle(&mut self, answer: Answer, _: &mut Context<Self>) {
        self.status.trust();
        match self.under_way.remove(&answer.request) {
            Some(request) => self.reply(&request.replies, Outcome::Decided(answer.result)),
            None => {
                let broker = &self.options.broker.name;
                tracing::debug!(%broker, request = answer.request, "an answer that nobody waits for any more");
            }
        }
    }
}

impl Handler<Working> for BrokerLink {
    type Result = ();

    fn handle(&mut self, Working(number): Working, _: &mut Context<Self>) {
        self.status.trust();
        let broker = self.options.broker.id;
        // Passed on once only: a broker must not be able to fill the queue in front of its own answer.
        if let Some(request) = self.under_way.get_mut(&number)
            && !std::mem::replace(&mut request.works, true)
        {
            let _ = request.replies.try_send(Reply { broker, outcome: Outcome::Working });
        }
    }
}
