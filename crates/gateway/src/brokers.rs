//! Asking the brokers of the site: one of those that are connected, in turn, and another one when it does not answer.
//! Who the brokers are is the `broker_keeper`'s; a link to one is a `broker_link`.

use crate::broker_link::{BrokerLink, Outcome, Reply};
use crate::metrics::{Metrics, count};
use hostler_model::{Address, BrokerId, HostId, limits};
use hostler_seating::seat::NoSeat;
use hostler_wire::messages::gateway::{GatewayToBroker, Route, TurnedAway};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// How long a broker may be silent before another is asked as well, in ms: it says that it works on a request after
/// [`limits::WORKING_WAIT_MS`], and the rest is for the way there and back. When two brokers die at once, somebody waits
/// for both of them here, and then for the one that is asked to pass them over.
pub(crate) const ANSWER_WAIT_MS: u64 = limits::WORKING_WAIT_MS + 150;
/// How long a decision may take in all, in ms, waiting for a broker to be connected included.
const DECISION_MS: u64 = 4_000;
/// The same where a broker has said that it works on it, in ms: the user may be waiting for room.
const WORKING_MS: u64 = 60_000;
/// For how long a broker that owes an answer is asked last, in ms. After that its link has ended, if it is dead.
const SUSPECT_MS: u64 = hostler_wire::MEMBER_IDLE_MS as u64;

/// Replies that wait to be looked at; each broker sends two at most.
const REPLIES: usize = 4 * limits::BROKERS_PER_SITE;

/// What a client wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ask {
    /// The open door.
    Seat { user: String, client: IpAddr, avoid: Vec<HostId> },
    /// A ticket.
    Take { ticket: Vec<u8>, client: IpAddr },
}

impl Ask {
    pub(crate) fn message(&self, request: u64) -> GatewayToBroker {
        match self.clone() {
            Self::Seat { user, client, avoid } => GatewayToBroker::Seat { request, user, client, avoid },
            Self::Take { ticket, client } => GatewayToBroker::Take { request, ticket, client },
        }
    }
}

/// Why no broker decided.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Undecided {
    #[error("no broker was connected for {DECISION_MS} ms: see the log for why")]
    NotConnected,
    #[error("none of the {0} brokers that were asked decided in time")]
    Silent(usize),
    #[error("none of the {0} brokers that were asked could take the request now; the last one said: {1}")]
    Busy(usize, TurnedAway),
}

/// What is known about a link without locking it.
#[derive(Default)]
pub(crate) struct LinkStatus {
    live: AtomicBool,
    suspect_until: Mutex<Option<Instant>>,
}

impl LinkStatus {
    pub(crate) fn set_live(&self, live: bool) {
        self.live.store(live, Ordering::Release);
        self.trust();
    }

    pub(crate) fn is_live(&self) -> bool {
        self.live.load(Ordering::Acquire)
    }

    /// It has shown that it lives.
    pub(crate) fn trust(&self) {
        *self.suspect_until.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn suspect(&self) {
        let until = Instant::now() + Duration::from_millis(SUSPECT_MS);
        *self.suspect_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    fn is_suspect(&self) -> bool {
        self.suspect_until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }
}

/// A broker of the list, with its link.
#[derive(Clone)]
pub(crate) struct LinkHandle {
    pub(crate) id: BrokerId,
    pub(crate) access: Address,
    pub(crate) enabled: bool,
    pub(crate) link: Arc<BrokerLink>,
    pub(crate) status: Arc<LinkStatus>,
}

impl LinkHandle {
    /// The lower, the earlier it is asked. One that is not enabled may have been by now.
    fn rank(&self) -> u8 {
        match (self.enabled, self.status.is_suspect()) {
            (true, false) => 0,
            (true, true) => 1,
            (false, _) => 2,
        }
    }
}

/// A broker that was asked and has not decided.
struct Owing {
    broker: BrokerId,
    status: Arc<LinkStatus>,
    /// It said that it works on it.
    works: bool,
}

/// The brokers.
pub(crate) struct Brokers {
    links: RwLock<Arc<[LinkHandle]>>,
    turn: AtomicUsize,
    live: watch::Sender<u64>,
    metrics: Arc<Metrics>,
}

impl Brokers {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { links: RwLock::new(Arc::new([])), turn: AtomicUsize::new(0), live: watch::Sender::new(0), metrics }
    }

    pub(crate) fn links(&self) -> Arc<[LinkHandle]> {
        self.links.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_links(&self, links: Vec<LinkHandle>) {
        *self.links.write().unwrap_or_else(PoisonError::into_inner) = links.into();
    }

    /// A link has come up: who waits for one looks again.
    pub(crate) fn came_up(&self) {
        self.live.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// How many brokers are connected.
    pub(crate) fn connected(&self) -> usize {
        self.links().iter().filter(|l| l.status.is_live()).count()
    }

    /// Tells a broker something, if it is connected and not busy; nobody waits for it.
    pub(crate) fn tell(&self, broker: BrokerId, message: &GatewayToBroker) {
        if let Some(to) = self.links().iter().find(|l| l.id == broker) {
            to.link.tell(message);
        }
    }

    /// Asks until a broker has decided. One that does not answer in time is not given up: whoever decides first counts,
    /// and a seat that nobody takes expires. One that says that it works on it is waited for.
    pub(crate) async fn decide(&self, ask: Ask) -> Result<(BrokerId, Result<Route, TurnedAway>), Undecided> {
        let begin = Instant::now();
        let latest = begin + Duration::from_millis(WORKING_MS);
        let mut deadline = begin + Duration::from_millis(DECISION_MS);
        let (sender, mut replies) = mpsc::channel(REPLIES);
        let mut live = self.live.subscribe();
        let (mut asked, mut owing, mut busy) = (Vec::<BrokerId>::new(), Vec::<Owing>::new(), None);
        loop {
            let works = owing.iter().any(|o| o.works);
            match if works { None } else { self.next(&asked) } {
                Some(next) => {
                    asked.push(next.id);
                    next.link.request(&ask, &sender);
                    owing.push(Owing { broker: next.id, status: next.status, works: false });
                }
                None if owing.is_empty() => {
                    if let Some(last) = busy {
                        return Err(Undecided::Busy(asked.len(), last));
                    }
                }
                None => {}
            }
            let patience = Instant::now() + Duration::from_millis(ANSWER_WAIT_MS);
            tokio::select! {
                Some(Reply { broker, outcome }) = replies.recv() => {
                    if matches!(outcome, Outcome::Working) {
                        owing.iter_mut().filter(|o| o.broker == broker).for_each(|o| o.works = true);
                        deadline = latest;
                        continue;
                    }
                    owing.retain(|o| o.broker != broker);
                    if !owing.iter().any(|o| o.works) {
                        deadline = deadline.min(Instant::now() + Duration::from_millis(DECISION_MS));
                    }
                    match outcome {
                        Outcome::Decided(result) => match *result {
                            // Another broker may be able to do what this one can't.
                            Err(why) if is_passing(&why) => busy = Some(why),
                            result => return Ok((broker, result)),
                        },
                        // It may come back, and then it may be asked again.
                        Outcome::Lost => asked.retain(|id| *id != broker),
                        Outcome::Working => {}
                    }
                }
                _ = live.changed(), if owing.is_empty() => {}
                () = sleep_until(if works { deadline } else { patience.min(deadline) }) => {
                    for late in owing.iter().filter(|o| !o.works) {
                        late.status.suspect();
                        count(&self.metrics.broker_timeouts);
                    }
                    if Instant::now() >= deadline {
                        return Err(match (asked.len(), busy) {
                            (0, _) => Undecided::NotConnected,
                            (n, Some(why)) if owing.is_empty() => Undecided::Busy(n, why),
                            (n, _) => Undecided::Silent(n),
                        });
                    }
                }
            }
        }
    }

    /// The next broker to ask: in turn, the better ones first.
    fn next(&self, asked: &[BrokerId]) -> Option<LinkHandle> {
        let links = self.links();
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let in_turn = (0..links.len()).filter_map(|i| links.get(first.wrapping_add(i) % links.len()));
        in_turn.filter(|l| l.status.is_live() && !asked.contains(&l.id)).min_by_key(|l| l.rank()).cloned()
    }
}

/// Whether another broker may decide otherwise.
fn is_passing(why: &TurnedAway) -> bool {
    matches!(why, TurnedAway::NotServing | TurnedAway::Busy | TurnedAway::NoSeat(NoSeat::Busy))
}
