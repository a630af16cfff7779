//! Starts a broker: opens its log, its actors and its ports, and keeps links to the other brokers.

use crate::actors::agent_link::AgentLink;
use crate::actors::gateway_link::GatewayLink;
use crate::actors::node::{self, FromPeer, NodeActor, SaveViews};
use crate::actors::peer_link::PeerLink;
use crate::actors::site::SiteActor;
use crate::backup::{BackupSource, RESTORED};
use crate::clock::Clock;
use crate::config::BrokerConfig;
use crate::handle::Handle;
use crate::rest::RestOptions;
use crate::rotation::OwnKey;
use crate::shared::{Peers, Shared};
use crate::stored::Stored;
use crate::{join, rest};
use actix::{Actor, Addr, ArbiterHandle};
use hostler_events::AuthorKey;
use hostler_log::LogError;
use hostler_log_rocks::{LogWriter, OpenError, RocksLog};
use hostler_model::{Address, BrokerId, Feed, Incarnation};
use hostler_node::{Node, NodeConfig};
use hostler_seating::site::Site;
use hostler_wire::messages::peer::PeerFrame;
use hostler_wire::{
    Arrivals, CloseReason, ConnectError, Connection, Endpoint, EndpointError, EndpointOptions, Member, Roster, Service,
    Trust, Typed,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tracing::{info, warn};

/// Batches that wait for the log's thread.
const LOG_QUEUE: usize = 4_096;
/// Threads over which the links' actors are spread.
const LINK_ARBITERS: usize = 2;
/// How long after a failed try the next link to a broker is tried, in ms: doubling up to the last.
const RETRY_MS: (u64, u64) = (100, 1_000);
/// How long the broker that should dial may leave this one without a link before this one dials, in ms. Whoever was
/// removed while it was away is dialled by nobody any more, and learns of it by this.
const OTHER_SIDE_MS: u64 = 4_000;
/// How long a member that has connected may take to open its link, in ms.
const LINK_MS: u64 = 5_000;
/// How long a stop waits for the views to be stored, in ms.
const SAVE_MS: u64 = 5_000;

/// Why a broker does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A port can't be used.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// REST does not start.
    #[error("HTTPS on {at}/tcp does not start: {why}")]
    Rest {
        /// Where.
        at: std::net::SocketAddr,
        /// Why.
        why: String,
    },
    /// The system gives no thread, or no randomness.
    #[error("the system does not give what a broker needs: {0}")]
    System(String),
}

/// A running broker. Dropping it does not end it: see [`Broker::stop`].
pub struct Broker {
    handle: Arc<Handle>,
    shared: Arc<Shared>,
    node: Addr<NodeActor>,
    endpoints: Vec<Endpoint>,
    _peer_endpoint: Arc<Endpoint>,
    log: LogWriter,
    rest: actix_web::dev::ServerHandle,
    replaced: oneshot::Receiver<()>,
}

struct Starter {
    shared: Arc<Shared>,
    node: Addr<NodeActor>,
    site: Addr<SiteActor>,
    handle: Arc<Handle>,
    arbiters: Vec<ArbiterHandle>,
    next: AtomicU64,
}

impl Broker {
    /// Starts a broker. To be called inside an actix system; `runtime` is a multi-threaded one, for the sockets.
    ///
    /// # Errors
    /// Where its log or one of its ports can't be used.
    pub async fn start(config: BrokerConfig, runtime: tokio::runtime::Handle) -> Result<Self, StartError> {
        let log = RocksLog::open(config.data_dir.join("log"))?;
        let reader = log.reader();
        let Stored { events, saved } = Stored::read(&reader)?;
        let writer = LogWriter::spawn(log, LOG_QUEUE, |error| node::fatal(&error.to_string()))
            .map_err(|e| StartError::System(e.to_string()))?;
        let clock = Clock::default();
        let shared = Arc::new(Shared {
            me: config.me,
            key: config.key.clone(),
            roster: Arc::new(Roster::new()),
            clock,
            runtime: runtime.clone(),
            snapshot: watch::Sender::new(node::empty_snapshot(config.me, config.site)),
            peers: Peers::default(),
            logons: Mutex::default(),
        });
        let known_peers = || config.trusted.iter().filter(|t| t.enabled);
        let node_config = NodeConfig {
            me: config.me,
            site: config.site,
            key: AuthorKey::from_secret(config.key.secret()),
            trusted: config.trusted.iter().map(|t| (t.id, t.key)).collect(),
            incarnation: incarnation(config.me, reader.heads().0.keys())?,
            seed: random()?,
            unread: Vec::new(),
        };
        let (node, no_use) = Node::resume(node_config, events, saved, clock.now());
        if let Some(why) = no_use {
            warn!(%why, "a checkpoint is passed over, and everything was folded again");
        }
        let mut first_snapshot = shared.snapshot.subscribe();
        let trusted = known_peers().map(|t| (t.id, t.key)).collect();
        let backups = BackupSource {
            reader: reader.clone(),
            data_dir: config.data_dir.clone(),
            config_file: config.config_file.clone(),
        };
        let mut node = NodeActor::new(node, config.site, trusted, shared.clone(), writer.handle(), reader);
        let mark = config.data_dir.join(RESTORED);
        if mark.exists() {
            node = node.restored(mark);
        }
        let node = NodeActor::start_in_arbiter(&actix::Arbiter::new().handle(), move |_| node);
        // Nobody is let in before the roster is there, and the site's machine begins with the hosts that the log has: with
        // none it would have none to wait for.
        let _ = first_snapshot.changed().await;
        let machine = Site::new(config.me, random()?);
        let (of_site, of_node) = (shared.clone(), node.clone());
        let site = SiteActor::start_in_arbiter(&actix::Arbiter::new().handle(), move |_| {
            SiteActor::new(machine, of_site, of_node)
        });
        let handle = Arc::new(Handle::new(shared.clone(), node.clone(), site.clone(), backups));
        let arbiters = (0..LINK_ARBITERS).map(|_| actix::Arbiter::new().handle()).collect();
        let saves_views = node.clone();
        let starter = Arc::new(Starter {
            shared: shared.clone(),
            node,
            site,
            handle: handle.clone(),
            arbiters,
            next: AtomicU64::new(1),
        });
        let options = |service| EndpointOptions {
            service,
            key: config.key.clone(),
            roster: shared.roster.clone(),
            runtime: runtime.clone(),
        };
        let (join_endpoint, joins) = Endpoint::listen(options(Service::Join), config.listen.join)?;
        let (gateway_endpoint, gateways) = Endpoint::listen(options(Service::Gateway), config.listen.access)?;
        let (agent_endpoint, agents) = Endpoint::listen(options(Service::Agent), config.listen.agent)?;
        let (peer_endpoint, peers) = Endpoint::listen(options(Service::Peer), config.listen.peer)?;
        let at = config.listen.access;
        let no_rest = |why: String| StartError::Rest { at, why };
        let listener = std::net::TcpListener::bind(at).map_err(|e| no_rest(e.to_string()))?;
        let server =
            rest::serve(handle.clone(), listener, RestOptions::default()).map_err(|e| no_rest(e.to_string()))?;
        let rest = server.handle();
        actix::spawn(server);
        runtime.spawn(join::serve(joins, handle.clone()));
        runtime.spawn(starter.clone().welcome(gateways));
        runtime.spawn(starter.clone().welcome(agents));
        runtime.spawn(starter.clone().welcome(peers));
        let peer_endpoint = Arc::new(peer_endpoint);
        let known = known_peers().map(|t| (t.id, t.peer.clone())).collect();
        runtime.spawn(starter.dial_peers(peer_endpoint.clone(), known));
        info!(
            broker = %config.me.short(), join = %config.listen.join, access = %config.listen.access,
            agent = %config.listen.agent, peer = %config.listen.peer, "broker is up"
        );
        let endpoints = vec![join_endpoint, gateway_endpoint, agent_endpoint];
        let (done, replaced) = oneshot::channel();
        if let Some(ring) = config.key_ring {
            let from = Some(config.listen.peer.ip()).filter(|ip| !ip.is_unspecified());
            let own = OwnKey { ring, handle: handle.clone(), shared: shared.clone(), runtime: runtime.clone(), from };
            runtime.spawn(async move {
                own.watch().await;
                // Whoever runs the broker may have gone away.
                let _ = done.send(());
            });
        }
        let node = saves_views;
        Ok(Self { handle, shared, node, endpoints, _peer_endpoint: peer_endpoint, log: writer, rest, replaced })
    }

    /// Waits until this broker's key was replaced: it must be stopped and started again, with the new one.
    pub async fn key_replaced(&mut self) {
        if (&mut self.replaced).await.is_err() {
            // Nobody looks after the key.
            std::future::pending::<()>().await;
        }
    }

    /// What requests do.
    #[must_use]
    pub fn handle(&self) -> &Arc<Handle> {
        &self.handle
    }

    /// Closes the ports, tells the other sides so, stores the views, and closes the log. The process should end after that.
    pub async fn stop(self) {
        self.rest.stop(false).await;
        self.shared.peers.close_all();
        for endpoint in self.endpoints {
            endpoint.close(CloseReason::Done).await;
        }
        // So that the next start need not fold what this one has folded. Not at any price: it can do that.
        let saved = self.node.send(SaveViews);
        if tokio::time::timeout(Duration::from_millis(SAVE_MS), saved).await.is_err() {
            warn!("the views are not stored in time; the next start takes longer");
        }
        self.log.close();
    }
}

impl Starter {
    fn arbiter(&self, number: u64) -> &ArbiterHandle {
        let count = self.arbiters.len().max(1);
        &self.arbiters[usize::try_from(number).unwrap_or(0) % count]
    }

    /// Starts an actor for every link that others open.
    async fn welcome(self: Arc<Self>, mut arrivals: Arrivals) {
        while let Some(connection) = arrivals.next().await {
            let me = self.clone();
            tokio::spawn(async move {
                if let Err(error) = me.start_link(connection).await {
                    warn!(%error, "a member's link does not start");
                }
            });
        }
    }

    async fn start_link(&self, connection: Connection) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let Some(member) = connection.identity().member else { return Ok(()) };
        let link = tokio::time::timeout(Duration::from_millis(LINK_MS), connection.accept_link()).await??;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let arbiter = self.arbiter(number);
        match member {
            Member::Broker(id) => self.start_peer(id, number, connection, link.into()),
            Member::Gateway(id) => {
                let (shared, node, handle) = (self.shared.clone(), self.node.clone(), self.handle.clone());
                let link: Typed<_, _> = link.into();
                GatewayLink::start_in_arbiter(arbiter, move |_| GatewayLink::new(id, link, shared, node, handle));
            }
            Member::Agent(id) => {
                let (shared, site, node) = (self.shared.clone(), self.site.clone(), self.node.clone());
                let link: Typed<_, _> = link.into();
                AgentLink::start_in_arbiter(arbiter, move |_| AgentLink::new(id, number, link, shared, site, node));
            }
        }
        Ok(())
    }

    fn start_peer(&self, peer: BrokerId, number: u64, connection: Connection, link: Typed<PeerFrame, PeerFrame>) {
        let (shared, node, handle) = (self.shared.clone(), self.node.clone(), self.handle.clone());
        PeerLink::start_in_arbiter(self.arbiter(number), move |_| {
            PeerLink::new(peer, number, connection, link, shared, node, handle)
        });
    }

    /// Keeps a link to every other broker. Of two brokers the one with the lower id dials; the other one where no link
    /// comes about by that.
    async fn dial_peers(self: Arc<Self>, endpoint: Arc<Endpoint>, known: HashMap<BrokerId, Address>) {
        let mut changes = self.shared.snapshot.subscribe();
        let mut dialling: HashMap<BrokerId, tokio::task::JoinHandle<()>> = HashMap::new();
        loop {
            let targets = self.targets(&known);
            dialling.retain(|id, task| {
                let keep = targets.contains_key(id) && !task.is_finished();
                if !keep {
                    task.abort();
                }
                keep
            });
            for id in targets.into_keys() {
                let (me, endpoint, known) = (self.clone(), endpoint.clone(), known.clone());
                dialling.entry(id).or_insert_with(|| tokio::spawn(me.keep_link(id, endpoint, known)));
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn targets(&self, known: &HashMap<BrokerId, Address>) -> HashMap<BrokerId, Address> {
        let snapshot = self.shared.snapshot.borrow().clone();
        let mut targets: HashMap<BrokerId, Address> = snapshot.farm_members().map(|m| (m.id, m.peer.clone())).collect();
        targets.extend(snapshot.held_brokers.iter().map(|(id, at)| (*id, at.clone())));
        if targets.is_empty() {
            targets.clone_from(known);
        }
        targets.remove(&self.shared.me);
        targets
    }

    async fn keep_link(self: Arc<Self>, peer: BrokerId, endpoint: Arc<Endpoint>, known: HashMap<BrokerId, Address>) {
        let mut wait_ms = RETRY_MS.0;
        let mut said = String::new();
        loop {
            if let Some(link) = self.shared.peers.get(peer) {
                link.connection.closed().await;
                wait_ms = RETRY_MS.0;
            }
            if peer < self.shared.me {
                tokio::time::sleep(Duration::from_millis(OTHER_SIDE_MS)).await;
                if self.shared.peers.get(peer).is_some() {
                    continue;
                }
            }
            if let Some(address) = self.targets(&known).get(&peer) {
                match self.dial(peer, &endpoint, address).await {
                    Ok(()) => said.clear(),
                    Err(error) => {
                        if matches!(error.downcast_ref(), Some(ConnectError::KeyRefused { .. })) {
                            self.node.do_send(FromPeer::Refused(peer));
                        }
                        // Said once for each cause, not at every try.
                        let text = error.to_string();
                        if text != said {
                            warn!(peer = %peer.short(), "{text}");
                            said = text;
                        }
                        wait_ms = (wait_ms * 2).min(RETRY_MS.1);
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        }
    }

    async fn dial(
        &self,
        peer: BrokerId,
        endpoint: &Endpoint,
        address: &Address,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let connection = endpoint.connect(address, Trust::Broker(peer)).await?;
        let link = connection.open_link().await?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.start_peer(peer, number, connection, link.into());
        Ok(())
    }
}

/// The incarnation in which this broker wrote last; the first for one that has not written yet.
fn incarnation<'a>(me: BrokerId, feeds: impl Iterator<Item = &'a Feed>) -> Result<Incarnation, StartError> {
    if let Some(last) = feeds.filter(|f| f.broker == me).map(|f| f.incarnation).max() {
        return Ok(last);
    }
    let random: [u8; 32] = random()?;
    let mut first = [0; 8];
    first.copy_from_slice(&random[..8]);
    Ok(Incarnation { ordinal: 1, random: u64::from_le_bytes(first) })
}

fn random() -> Result<[u8; 32], StartError> {
    use rand::TryRng;
    let mut bytes = [0; 32];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes).map_err(|e| StartError::System(e.to_string()))?;
    Ok(bytes)
}
