//! A broker that welcomes the gateway and answers as the test says.

use hostler_events::payload::BrokerAddresses;
use hostler_model::{Address, BrokerId, GatewayId, MemberRole};
use hostler_wire::messages::gateway::{BrokerToGateway, GatewayToBroker, Route, TurnedAway};
use hostler_wire::messages::roster::{BrokerEntry, BrokerList};
use hostler_wire::{CloseReason, Endpoint, EndpointOptions, MemberKey, Roster, Service, Typed, TypedSender};
use std::sync::{Arc, Mutex};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// What a broker says to a request: nothing, or these.
pub(crate) type Answers = Arc<dyn Fn(&GatewayToBroker) -> Vec<BrokerToGateway> + Send + Sync>;

pub(crate) struct FakeBroker {
    pub(crate) entry: BrokerEntry,
    answers: Arc<Mutex<Answers>>,
    welcome: Arc<Mutex<Option<BrokerList>>>,
    links: Arc<Mutex<Vec<TypedSender<BrokerToGateway>>>>,
    pub(crate) heard: mpsc::UnboundedReceiver<GatewayToBroker>,
    /// Whom it lets in.
    pub(crate) roster: Arc<Roster>,
    endpoint: Endpoint,
}

impl FakeBroker {
    /// It answers nothing, and welcomes nobody until it has a list.
    pub(crate) fn start(number: u8, gateway: (&MemberKey, GatewayId)) -> Self {
        Self::start_at(number, gateway, "127.0.0.1:0")
    }

    pub(crate) fn start_at(number: u8, gateway: (&MemberKey, GatewayId), at: &str) -> Self {
        let key = Arc::new(MemberKey::from_seed(&[number; 32]));
        let roster = Arc::new(Roster::new());
        roster.set(MemberRole::Gateway, [(gateway.0.public(), gateway.1.0)]);
        let options = EndpointOptions {
            service: Service::Gateway,
            key: key.clone(),
            roster: roster.clone(),
            runtime: Handle::current(),
        };
        let (endpoint, mut arrivals) = Endpoint::listen(options, at.parse().unwrap()).unwrap();
        let at: Address = endpoint.local().unwrap().to_string().parse().unwrap();
        let addresses = BrokerAddresses { join: at.clone(), access: at.clone(), agent: at.clone(), peer: at };
        let id = BrokerId([number; 16]);
        let name = format!("b{number}").parse().unwrap();
        let entry = BrokerEntry { id, name, key: key.public(), addresses, enabled: true };
        let silent: Answers = Arc::new(|_| Vec::new());
        let (answers, welcome, links) = (Arc::new(Mutex::new(silent)), Arc::default(), Arc::default());
        let (hear, heard) = mpsc::unbounded_channel();
        let parts = (answers.clone(), Arc::clone(&welcome), Arc::clone(&links));
        tokio::spawn(async move {
            while let Some(connection) = arrivals.next().await {
                let (parts, hear) = (parts.clone(), hear.clone());
                tokio::spawn(async move {
                    let link = Typed::from(connection.accept_link().await.unwrap());
                    serve(link, parts, hear).await;
                });
            }
        });
        Self { entry, answers, welcome, links, heard, roster, endpoint }
    }

    pub(crate) fn answers(&self, answers: impl Fn(&GatewayToBroker) -> Vec<BrokerToGateway> + Send + Sync + 'static) {
        *self.answers.lock().unwrap() = Arc::new(answers);
    }

    /// Every request gets this.
    pub(crate) fn decides(&self, result: Result<Route, TurnedAway>) {
        self.answers(move |message| answer(message, result.clone()));
    }

    pub(crate) fn welcomes_with(&self, list: &BrokerList) {
        *self.welcome.lock().unwrap() = Some(list.clone());
    }

    /// Says something without being asked, on all links.
    pub(crate) fn says(&self, message: &BrokerToGateway) {
        self.links.lock().unwrap().retain(|link| link.try_send(message).is_ok());
    }

    /// The next message that is not about the gateway's load.
    pub(crate) async fn hears(&mut self) -> GatewayToBroker {
        loop {
            match self.heard.recv().await.unwrap() {
                GatewayToBroker::Load { .. } => {}
                message => return message,
            }
        }
    }

    pub(crate) async fn stop(self) -> BrokerEntry {
        self.endpoint.close(CloseReason::Stopping).await;
        self.entry
    }
}

type Parts = (Arc<Mutex<Answers>>, Arc<Mutex<Option<BrokerList>>>, Arc<Mutex<Vec<TypedSender<BrokerToGateway>>>>);

async fn serve(
    mut link: Typed<BrokerToGateway, GatewayToBroker>,
    (answers, welcome, links): Parts,
    hear: mpsc::UnboundedSender<GatewayToBroker>,
) {
    while let Ok(Some(message)) = link.recv().await {
        if matches!(message, GatewayToBroker::Hello { .. }) {
            let list = welcome.lock().unwrap().clone().unwrap();
            link.send(&BrokerToGateway::Welcome { version: "fake".into(), brokers: list }).await.unwrap();
            links.lock().unwrap().push(link.sender.clone());
        }
        let answers = answers.lock().unwrap().clone();
        for answer in answers(&message) {
            let _ = link.send(&answer).await;
        }
        let _ = hear.send(message);
    }
}

pub(crate) fn request(message: &GatewayToBroker) -> Option<u64> {
    match message {
        GatewayToBroker::Seat { request, .. } | GatewayToBroker::Take { request, .. } => Some(*request),
        _ => None,
    }
}

pub(crate) fn answer(message: &GatewayToBroker, result: Result<Route, TurnedAway>) -> Vec<BrokerToGateway> {
    request(message).into_iter().map(|request| BrokerToGateway::Answer { request, result: result.clone() }).collect()
}
