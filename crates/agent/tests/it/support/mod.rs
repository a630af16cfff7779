//! A site of brokers, and a session host, that do what a test says.

mod broker;
mod script;

pub(crate) use broker::{Broker, Link, list};
pub(crate) use script::Script;

use hostler_agent::{Agent, AgentConfig, AgentHandle};
use hostler_model::{BrokerId, Epoch, Hlc, HostId, ItemId, SeatId, SessionId, TicketId, UserName, Wall};
use hostler_seating::explanation::{Explanation, Reason};
use hostler_seating::report::{Origin, Report, SessionKind};
use hostler_seating::seat::{Door, Launch, Offer, TicketClaim};
use hostler_wire::MemberKey;
use hostler_wire::messages::agent::HostSettings;
use hostler_wire::messages::roster::BrokerList;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::timeout;

pub(crate) const HOST: HostId = HostId([77; 16]);
pub(crate) const ITEM: ItemId = ItemId([5; 16]);

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(10), future).await.expect("it takes too long")
}

pub(crate) fn agent_key() -> Arc<MemberKey> {
    Arc::new(MemberKey::from_seed(&[200; 32]))
}

pub(crate) fn epoch(n: u64) -> Epoch {
    Epoch { n, hlc: Hlc { wall: Wall(n), counter: 0 }, broker: BrokerId([1; 16]) }
}

pub(crate) fn settings() -> HostSettings {
    HostSettings { name: "rdsh-01".parse().unwrap(), drain: false, hard_cap: None, logon_slots: None }
}

pub(crate) fn user(name: &str) -> UserName {
    name.parse().unwrap()
}

pub(crate) fn offer(n: u8, name: &str) -> Offer {
    Offer {
        seat: SeatId([n; 16]),
        ticket: TicketId([n; 16]),
        user: user(name),
        item: ITEM,
        launch: Launch::Desktop,
        door: Door::Api,
        reattach: None,
        explanation: Arc::new(Explanation {
            at: Wall(u64::from(n)),
            broker: BrokerId([1; 16]),
            user: user(name),
            item: ITEM,
            host: HOST,
            reason: Reason::LowestScore,
            candidates: [].into(),
            excluded: [].into(),
            eligible: 1,
        }),
    }
}

pub(crate) fn claim(n: u8) -> TicketClaim {
    TicketClaim { ticket: TicketId([n; 16]), seat: SeatId([n; 16]), host: HOST }
}

/// Whose sessions a report has, and with which seat each began.
pub(crate) fn sessions(report: &Report) -> Vec<(String, Option<SeatId>)> {
    let seat = |origin: &Origin| match origin {
        Origin::Seat { seat, .. } => Some(*seat),
        Origin::Unbrokered => None,
    };
    report.sessions.iter().map(|s| (s.user.to_string(), seat(&s.origin))).collect()
}

/// One agent on one host.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) script: Script,
    pub(crate) brokers: BrokerList,
}

impl Site {
    pub(crate) fn new(brokers: BrokerList) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), script: Script::new(SessionKind::PerUser), brokers }
    }

    pub(crate) fn config(&self) -> AgentConfig {
        let folder = self.folder.path().join("agent");
        let mut config = AgentConfig::new(HOST, agent_key(), folder, self.brokers.clone());
        (config.hard_cap, config.logon_slots) = (Some(10), Some(10));
        (config.poll_ms, config.from) = (20, Some("127.0.0.1".parse().unwrap()));
        config
    }

    pub(crate) async fn start(&self) -> AgentHandle {
        Agent::start(self.config(), self.script.source()).await.unwrap()
    }
}

/// The usual beginning: one broker, one agent, linked, and the first report.
pub(crate) async fn linked() -> (Site, Broker, AgentHandle, Link, Report) {
    let mut broker = Broker::start(1).await;
    let site = Site::new(list(1, &[&broker]));
    let agent = site.start().await;
    let mut link = broker.link().await;
    link.welcome(settings(), site.brokers.clone());
    let report = link.report().await;
    (site, broker, agent, link, report)
}

/// The id of the one session that a report has.
pub(crate) fn only(report: &Report) -> SessionId {
    assert_eq!(report.sessions.len(), 1, "{report:?}");
    report.sessions[0].id
}
