//! Session hosts' agents: the real ones, as the program `hostler` runs them, but many in this process. What sessions
//! they find is the measurement's.

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use hostler_agent::sources::{FoundSession, Listing, SessionKind, SessionSource, SessionState, SourceError};
use hostler_agent::{Agent, AgentConfig, AgentHandle};
use hostler_model::{HostId, Name};
use hostler_wire::messages::join::{JoinAs, JoinRefusal, JoinRequest, Joined};
use hostler_wire::messages::roster::BrokerList;
use hostler_wire::{
    CloseReason, Endpoint, EndpointOptions, JoinToken, MemberKey, Roster, Service, Trust, Typed, exporter, proof,
};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::rest::Rest;

/// A broker takes in no more than 16 new members at a time.
const AT_ONCE: usize = 12;
/// How long joining may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What all agents of a measurement have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostSpec {
    /// The most sessions on a host.
    pub(crate) hard_cap: u32,
    /// Logons at the same time.
    pub(crate) logon_slots: u32,
    /// How often an agent looks at its sessions, in ms.
    pub(crate) poll_ms: u64,
    /// Where agents connect from.
    pub(crate) from: Ipv4Addr,
}

/// A host that has joined, and the sessions on it.
pub(crate) struct BenchHost {
    /// Its name.
    pub(crate) name: String,
    /// Its sessions, which the agent finds.
    pub(crate) sessions: Sessions,
    key: Arc<MemberKey>,
    brokers: BrokerList,
    agent: Option<AgentHandle>,
}

impl BenchHost {
    /// Starts its agent.
    pub(crate) async fn start(&mut self, folder: &Path, spec: HostSpec) -> Result<()> {
        let (id, key) = (HostId(self.key.fingerprint().0), self.key.clone());
        let mut config = AgentConfig::new(id, key, folder.join("agents").join(&self.name), self.brokers.clone());
        config.hard_cap = Some(spec.hard_cap);
        config.logon_slots = Some(spec.logon_slots);
        config.poll_ms = spec.poll_ms;
        config.from = Some(IpAddr::V4(spec.from));
        self.agent = Some(Agent::start(config, Box::new(self.sessions.clone())).await?);
        Ok(())
    }

    /// Ends its agent without a word, as a host does that lost its power.
    pub(crate) fn drop_agent(&mut self) {
        self.agent = None;
    }

    /// Ends its agent in order.
    pub(crate) async fn stop(&mut self) {
        if let Some(agent) = self.agent.take() {
            agent.stop().await;
        }
    }
}

/// Makes hosts members, and starts their agents.
pub(crate) async fn raise(rest: &Rest, folder: &Path, at: &[SocketAddr], spec: HostSpec) -> Result<Vec<BenchHost>> {
    let joined = at.iter().enumerate().map(|(number, at)| async move {
        let said = rest.post(number, "tokens", &json!({ "role": "agent" })).await?;
        let token: JoinToken = said["token"].as_str().context("the broker's answer has no token")?.parse()?;
        let mut host = join(format!("host-{number:04}"), *at, token, spec.from).await?;
        host.start(folder, spec).await?;
        Ok(host)
    });
    stream::iter(joined).buffer_unordered(AT_ONCE).try_collect().await
}

async fn join(host: String, at: SocketAddr, token: JoinToken, from: Ipv4Addr) -> Result<BenchHost> {
    let key = Arc::new(MemberKey::generate()?);
    let name: Name = host.parse()?;
    let options = EndpointOptions {
        service: Service::Join,
        key: key.clone(),
        roster: Arc::new(Roster::new()),
        runtime: Handle::current(),
    };
    let endpoint = Endpoint::dialer(options, Some(IpAddr::V4(from)))?;
    let connection = endpoint.connect(&token.address, Trust::Pinned(token.issuer)).await?;
    let mut link: Typed<JoinRequest, Result<Joined, JoinRefusal>> = connection.open_link().await?.into();
    let request = JoinRequest {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        token: token.id,
        join_as: JoinAs::Agent(at.to_string().parse()?),
        name,
        key: key.public(),
        proof: proof(&token.secret, &exporter(&connection)?, &key.public()).to_bytes(),
    };
    link.send(&request).await?;
    let answer = timeout(PATIENCE, link.recv()).await.context("a join was not answered in time")??;
    let joined = answer.context("a join was not answered")??;
    connection.close(CloseReason::Done);
    endpoint.close(CloseReason::Done).await;
    Ok(BenchHost { name: host, sessions: Sessions::default(), key, brokers: joined.brokers, agent: None })
}

/// Sessions of one host, which begin and end as the measurement wants.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions(Arc<Mutex<Listing>>);

impl Sessions {
    /// A session begins; it ends a logon, where one is in flight.
    pub(crate) fn begin(&self, key: String, user: String) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let session = FoundSession {
            key,
            user,
            item: None,
            state: SessionState::Active,
            started_at_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            display: None,
            command: None,
            window_manager: None,
        };
        self.with(|listing| listing.sessions.push(session));
    }

    /// All sessions are gone.
    pub(crate) fn clear(&self) {
        self.with(|listing| listing.sessions.clear());
    }

    fn with<T>(&self, act: impl FnOnce(&mut Listing) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SessionSource for Sessions {
    fn name(&self) -> &'static str {
        "benchmark"
    }

    fn kind(&self) -> SessionKind {
        SessionKind::PerUser
    }

    fn list(&mut self) -> Result<Listing, SourceError> {
        Ok(self.with(|listing| listing.clone()))
    }

    fn disconnect(&mut self, _: &FoundSession) -> Result<(), SourceError> {
        Ok(())
    }

    fn log_off(&mut self, session: &FoundSession) -> Result<(), SourceError> {
        self.with(|listing| listing.sessions.retain(|other| other.key != session.key));
        Ok(())
    }

    fn message(&mut self, _: &FoundSession, _: &str) -> Result<(), SourceError> {
        Ok(())
    }
}
