//! A broker that says what a test wants it to say.

use super::{HOST, agent_key, epoch, soon};
use hostler_events::payload::BrokerAddresses;
use hostler_model::{Address, BrokerId, Epoch, HostId, MemberRole, PublicKey, SeatId};
use hostler_seating::report::Report;
use hostler_seating::seat::{Offer, Refusal, TicketClaim, TicketRefusal};
use hostler_wire::messages::agent::{AgentToBroker, BrokerToAgent, HostSettings, SessionOrder};
use hostler_wire::messages::roster::{BrokerEntry, BrokerList};
use hostler_wire::{Arrivals, CloseReason, Endpoint, EndpointOptions, MemberKey, Roster, Service, Typed};
use std::sync::Arc;
use tokio::runtime::Handle;

/// A list of these brokers under the epoch `n`.
pub(crate) fn list(n: u64, brokers: &[&Broker]) -> BrokerList {
    BrokerList {
        epoch: epoch(n),
        changed: Default::default(),
        brokers: brokers.iter().map(|b| b.entry.clone()).collect(),
    }
}

/// It listens; links come one after the other.
pub(crate) struct Broker {
    pub(crate) entry: BrokerEntry,
    /// Whom it lets in.
    pub(crate) roster: Arc<Roster>,
    arrivals: Arrivals,
    _endpoint: Endpoint,
}

impl Broker {
    /// One that knows the agent of the tests.
    pub(crate) async fn start(n: u8) -> Self {
        Self::start_for(n, vec![(agent_key().public(), HOST)]).await
    }

    pub(crate) async fn start_for(n: u8, agents: Vec<(PublicKey, HostId)>) -> Self {
        let key = Arc::new(MemberKey::from_seed(&[n; 32]));
        let roster = Arc::new(Roster::new());
        roster.set(MemberRole::Agent, agents.into_iter().map(|(key, host)| (key, host.0)));
        let public = key.public();
        let options =
            EndpointOptions { service: Service::Agent, key, roster: roster.clone(), runtime: Handle::current() };
        let (endpoint, arrivals) = Endpoint::listen(options, "127.0.0.1:0".parse().unwrap()).unwrap();
        let at: Address = endpoint.local().unwrap().to_string().parse().unwrap();
        let addresses = BrokerAddresses { join: at.clone(), access: at.clone(), agent: at.clone(), peer: at };
        let (id, name) = (BrokerId([n; 16]), format!("b{n}").parse().unwrap());
        let entry = BrokerEntry { id, name, key: public, addresses, enabled: true };
        Self { entry, roster, arrivals, _endpoint: endpoint }
    }

    /// The next link; the agent has said hello on it.
    pub(crate) async fn link(&mut self) -> Link {
        let connection = soon(self.arrivals.next()).await.unwrap();
        let mut typed = Typed::from(soon(connection.accept_link()).await.unwrap());
        match soon(typed.recv()).await.unwrap() {
            Some(AgentToBroker::Hello { host, epoch, version }) => {
                assert_eq!(version, env!("CARGO_PKG_VERSION"));
                Link { typed, host, epoch, request: 0 }
            }
            other => panic!("no hello, but {other:?}"),
        }
    }
}

/// A link, from a broker's side.
pub(crate) struct Link {
    pub(crate) typed: Typed<BrokerToAgent, AgentToBroker>,
    /// From the agent's hello.
    pub(crate) host: HostId,
    pub(crate) epoch: Epoch,
    request: u64,
}

impl Link {
    pub(crate) fn say(&self, message: BrokerToAgent) {
        self.typed.try_send(&message).unwrap();
    }

    pub(crate) fn welcome(&self, settings: HostSettings, brokers: BrokerList) {
        self.say(BrokerToAgent::Welcome { version: "9.9.9".into(), settings, brokers });
    }

    pub(crate) fn cut(&self) {
        self.typed.connection().close(CloseReason::Stopping);
    }

    /// Reads on until something is what is waited for.
    pub(crate) async fn until<T>(&mut self, mut wanted: impl FnMut(AgentToBroker) -> Option<T>) -> T {
        let found = async {
            loop {
                let message = self.typed.recv().await.unwrap().expect("the agent ended the link");
                if let Some(found) = wanted(message) {
                    return found;
                }
            }
        };
        soon(found).await
    }

    pub(crate) async fn ended(&mut self) -> String {
        let end = async {
            loop {
                match self.typed.recv().await {
                    Ok(Some(_)) => {}
                    Ok(None) => return "finished".to_string(),
                    Err(error) => return error.to_string(),
                }
            }
        };
        soon(end).await
    }

    pub(crate) async fn report(&mut self) -> Report {
        self.report_where(|_| true).await
    }

    pub(crate) async fn report_where(&mut self, mut wanted: impl FnMut(&Report) -> bool) -> Report {
        self.until(|message| match message {
            AgentToBroker::Report(report) if wanted(&report) => {
                assert_eq!(report.check(), Ok(()));
                Some(*report)
            }
            _ => None,
        })
        .await
    }

    pub(crate) async fn offer(&mut self, offer: Offer) -> Result<(), Refusal> {
        let wanted: SeatId = offer.seat;
        self.say(BrokerToAgent::Offer(Box::new(offer)));
        self.until(|message| match message {
            AgentToBroker::Verdict { seat, verdict } if seat == wanted => Some(verdict),
            _ => None,
        })
        .await
    }

    pub(crate) async fn take(&mut self, claim: TicketClaim) -> Result<(), TicketRefusal> {
        self.request += 1;
        let asked = self.request;
        self.say(BrokerToAgent::Take { request: asked, claim, issued: hostler_model::Wall(u64::MAX) });
        self.until(|message| match message {
            AgentToBroker::Taken { request, result } if request == asked => Some(result),
            _ => None,
        })
        .await
    }

    /// Gives an order and does not wait.
    pub(crate) fn give(&mut self, session: hostler_model::SessionId, order: SessionOrder) -> u64 {
        self.request += 1;
        self.say(BrokerToAgent::Order { request: self.request, session, order });
        self.request
    }

    pub(crate) async fn order(&mut self, session: hostler_model::SessionId, order: SessionOrder) -> Result<(), String> {
        let asked = self.give(session, order);
        self.done(asked).await
    }

    pub(crate) async fn done(&mut self, asked: u64) -> Result<(), String> {
        self.until(|message| match message {
            AgentToBroker::Done { request, result } if request == asked => Some(result),
            _ => None,
        })
        .await
    }

    pub(crate) async fn explain(
        &mut self,
        session: hostler_model::SessionId,
    ) -> Option<hostler_seating::explanation::Explanation> {
        self.request += 1;
        let asked = self.request;
        self.say(BrokerToAgent::Explain { request: asked, session });
        self.until(|message| match message {
            AgentToBroker::Explained { request, explanation } if request == asked => Some(explanation),
            _ => None,
        })
        .await
        .map(|explanation| *explanation)
    }

    pub(crate) async fn fenced(&mut self) -> Epoch {
        self.until(|message| match message {
            AgentToBroker::Fenced { epoch } => Some(epoch),
            _ => None,
        })
        .await
    }
}
