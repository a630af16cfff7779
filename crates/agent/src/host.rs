//! The actor of the host: it holds the machine that judges, `hostler_seating::admission`, hands it what happens, and
//! carries out what it says. It decides nothing about seats, tickets or sessions itself.

mod answer;
mod brokers;
mod keys;
mod messages;
mod orders;

pub(crate) use messages::{
    AskForKey, AwaitedBy, Begin, FromBroker, GetLinks, LinkId, Looked, OrderDone, Purpose, SeenEpoch, Stop,
};

use crate::broker_book::BrokerBook;
use crate::broker_link::{BrokerLink, LinkContext};
use crate::clock::Clock;
use crate::disk::Disk;
use crate::load::MachineLoad;
use crate::source_thread::Job;
use actix::{Actor, ActorContext, AsyncContext, Context, Handler, MessageResult, SpawnHandle};
use hostler_model::limits::SESSIONS_PER_HOST;
use hostler_model::{BrokerId, Epoch, HostId, SessionId};
use hostler_seating::admission::{Admission, AdmissionInput};
use hostler_wire::messages::agent::{AgentToBroker, BrokerToAgent};
use hostler_wire::messages::roster::{BrokerEntry, BrokerList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// Messages that may wait for the host.
const MAILBOX: usize = 1_024;
/// How often the host sees to what no message tells it, in ms: links that have ended by an error of their own.
const CARE_MS: u64 = 1_000;
/// The shortest time that the machine is left alone, in ms.
const REST_MS: u64 = 5;
/// Strangers that are remembered as told.
const STRANGERS: usize = SESSIONS_PER_HOST;

/// What the host's actor is made of.
pub(crate) struct HostParts {
    pub(crate) host: HostId,
    pub(crate) machine: Admission,
    pub(crate) book: BrokerBook,
    pub(crate) links: LinkContext,
    pub(crate) disk: Disk,
    pub(crate) jobs: SyncSender<Job>,
    pub(crate) load: watch::Receiver<MachineLoad>,
    /// Gone when the actor has ended, however that came about.
    pub(crate) _alive: oneshot::Sender<()>,
}

/// The actor.
pub(crate) struct Host {
    parts: HostParts,
    clock: Clock,
    /// The list that the links are those of: the book's, once it is on disk.
    followed: BrokerList,
    links: BTreeMap<BrokerId, Linked>,
    timer: Option<SpawnHandle>,
    /// Strangers that the brokers were told of, and whether they were ended.
    strangers: BTreeMap<SessionId, bool>,
    /// The last request for another key, and who waits for the answer.
    key_request: (u64, Option<oneshot::Sender<Result<(), String>>>),
}

/// A broker of the site and the actor of the link to it.
struct Linked {
    entry: BrokerEntry,
    link: actix::Addr<BrokerLink>,
    /// Under which epoch it spoke last, and on which connection.
    stands_at: (u64, Epoch),
}

impl Host {
    pub(crate) fn new(parts: HostParts) -> Self {
        let followed = parts.book.list().clone();
        Self {
            parts,
            clock: Clock::start(),
            followed,
            links: BTreeMap::new(),
            timer: None,
            strangers: BTreeMap::new(),
            key_request: (0, None),
        }
    }

    /// Hands something to the machine and carries out what comes out. Answers go where the question came from.
    fn judge(&mut self, input: AdmissionInput, asked: Option<Asked>, ctx: &mut Context<Self>) {
        let load = *self.parts.load.borrow();
        let now = self.clock.now();
        self.parts.machine.handle(now, AdmissionInput::Load { cpu: load.cpu, memory: load.memory });
        self.parts.machine.handle(now, input);
        while let Some(output) = self.parts.machine.poll() {
            self.carry_out(output, asked);
        }
        self.arm(ctx);
    }

    fn arm(&mut self, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        if let Some(at) = self.parts.machine.deadline() {
            let wait_ms = at.since(self.clock.now().mono).max(REST_MS);
            let tick = |act: &mut Self, ctx: &mut Context<Self>| act.judge(AdmissionInput::Tick, None, ctx);
            self.timer = Some(ctx.run_later(Duration::from_millis(wait_ms), tick));
        }
    }
}

/// Who waits for an answer, and for which.
#[derive(Clone, Copy, Debug)]
struct Asked {
    link: LinkId,
    /// The request's number, where it has one.
    request: u64,
}

impl Actor for Host {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.run_interval(Duration::from_millis(CARE_MS), |act, ctx| act.care_for_links(ctx));
        self.care_for_links(ctx);
    }
}

impl Handler<Begin> for Host {
    type Result = ();
    fn handle(&mut self, Begin { kept }: Begin, ctx: &mut Self::Context) {
        self.judge(AdmissionInput::Restore(kept), None, ctx);
    }
}

impl Handler<SeenEpoch> for Host {
    type Result = MessageResult<SeenEpoch>;
    fn handle(&mut self, SeenEpoch: SeenEpoch, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.parts.book.epoch())
    }
}

impl Handler<FromBroker> for Host {
    type Result = ();
    fn handle(&mut self, FromBroker { link, message }: FromBroker, ctx: &mut Self::Context) {
        let asked = |request| Some(Asked { link, request });
        match message {
            BrokerToAgent::Welcome { settings, brokers, .. } => {
                self.brokers(link, brokers, ctx);
                self.settings(link, settings, ctx);
                self.judge(AdmissionInput::ReportNow, None, ctx);
            }
            BrokerToAgent::Settings(settings) => self.settings(link, settings, ctx),
            BrokerToAgent::Brokers(list) => self.brokers(link, list, ctx),
            BrokerToAgent::Offer(offer) => self.judge(AdmissionInput::Offer(offer), asked(0), ctx),
            BrokerToAgent::Release { seat } => self.judge(AdmissionInput::Release { seat }, None, ctx),
            BrokerToAgent::Take { request, claim, issued } => {
                self.judge(AdmissionInput::Take { claim, issued }, asked(request), ctx);
            }
            BrokerToAgent::Order { request, session, order } => {
                self.order(Asked { link, request }, session, order);
            }
            BrokerToAgent::KeyReplaced { request, epoch, result } => self.key_replaced(link, request, epoch, result),
            BrokerToAgent::Explain { request, session } => {
                let explanation = self.parts.machine.explanation(session).cloned().map(Box::new);
                self.answer(link, AgentToBroker::Explained { request, explanation });
            }
        }
    }
}

impl Handler<Looked> for Host {
    type Result = ();
    fn handle(&mut self, Looked { sessions, logons_in_flight }: Looked, ctx: &mut Self::Context) {
        self.judge(AdmissionInput::Found { sessions, logons_in_flight }, None, ctx);
    }
}

impl Handler<OrderDone> for Host {
    type Result = ();
    fn handle(&mut self, OrderDone { purpose, result }: OrderDone, _: &mut Self::Context) {
        match purpose {
            Purpose::Order { link, request } => self.answer(link, AgentToBroker::Done { request, result }),
            Purpose::Stranger { session, user, expected } => {
                self.tell_stranger(session, user, Some(expected), result.is_ok());
            }
        }
    }
}

impl Handler<AwaitedBy> for Host {
    type Result = MessageResult<AwaitedBy>;
    fn handle(&mut self, AwaitedBy { user }: AwaitedBy, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.parts.machine.awaited(&user).cloned())
    }
}

impl Handler<Stop> for Host {
    type Result = ();
    fn handle(&mut self, Stop: Stop, ctx: &mut Self::Context) {
        for (_, linked) in std::mem::take(&mut self.links) {
            linked.link.do_send(Stop);
        }
        ctx.stop();
    }
}

impl Host {
    /// To one broker, if the connection is still the one on which it asked.
    fn answer(&self, link: LinkId, message: AgentToBroker) {
        let Some(linked) = self.links.get(&link.broker) else { return };
        linked.say(Some(link.connection), Arc::new(message));
    }

    fn tell_all(&self, message: AgentToBroker) {
        let message = Arc::new(message);
        for linked in self.links.values() {
            linked.say(None, message.clone());
        }
    }
}
