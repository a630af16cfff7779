//! What REST needs of the running broker. The actors implement it; the tests of REST have one of their own.

use futures::future::BoxFuture;
use hostler_events::{Actor, Class, EventRef, Frontier, Hash, StoredEvent};
use hostler_model::{Address, BrokerId, Epoch, GatewayId, HostId, SessionId, SiteId, Thing, Wall};
use hostler_node::{Alarm, Command, CommandError, Lag, Outcome};
use hostler_seating::explanation::Explanation;
use hostler_seating::report::Session;
use hostler_seating::seat::{NoSeat, Placement, SeatRequest};
use hostler_views::{Broker, Entry, State, Views};
use hostler_wire::MemberKey;
use hostler_wire::messages::agent::SessionOrder;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The broker as it is now: the views, and what is known of the others at this moment.
#[derive(Clone)]
pub struct Snapshot {
    /// This broker.
    pub me: BrokerId,
    /// Its site.
    pub site_id: SiteId,
    /// The main site's state: the farm's name, administrators, settings.
    pub main: Arc<State>,
    /// This site's state.
    pub site: Arc<State>,
    /// Every site's state, this one's and the main one's too.
    pub sites: BTreeMap<SiteId, Arc<State>>,
    /// The master and its epoch, as far as this broker knows.
    pub master: Option<(BrokerId, Epoch)>,
    /// Since when it has been the master without a break.
    pub master_since: Option<Wall>,
    /// For every feed the last event on the disk.
    pub durable: Frontier,
    /// What is known of every broker of the farm.
    pub brokers: BTreeMap<BrokerId, BrokerNow>,
    /// Where those brokers are whose joining is from the future by this one's clock.
    pub held_brokers: BTreeMap<BrokerId, Address>,
    /// Gateways whose link is up, and how many connections each carries.
    pub gateways: BTreeMap<GatewayId, u32>,
    /// What an administrator should know, the worst first.
    pub alarms: Vec<Alarm>,
    /// Events that are in the views.
    pub events: u64,
    /// Why this broker is no member any more, where it is none.
    pub removal: Option<String>,
}

impl Snapshot {
    /// This broker's look at a site, which may be another than its own: the views have all of it, and of what only the
    /// site's own brokers know there is nothing.
    #[must_use]
    pub fn of_site(self: &Arc<Self>, site_id: SiteId) -> Arc<Self> {
        if site_id == self.site_id {
            return self.clone();
        }
        let site = self.sites.get(&site_id).cloned().unwrap_or_default();
        let master = site.master.as_ref().map(|m| (m.epoch.broker, m.epoch));
        let gateways = BTreeMap::new();
        Arc::new(Self { site_id, site, master, master_since: None, gateways, ..(**self).clone() })
    }

    /// Digest of the views. It is computed here, since it takes as long as the views are large.
    #[must_use]
    pub fn digest(&self) -> Hash {
        hostler_views::digest_of(self.sites.iter().map(|(site, state)| (site, &**state)))
    }

    /// The site's name.
    #[must_use]
    pub fn site_name(&self) -> String {
        self.main.sites.get(&self.site_id).map_or_else(|| self.site_id.short(), |s| s.name.to_string())
    }

    /// A broker that is or was a member of any site.
    #[must_use]
    pub fn broker(&self, id: BrokerId) -> Option<&Broker> {
        self.site.brokers.get(&id).or_else(|| self.sites.values().find_map(|s| s.brokers.get(&id)))
    }
}

/// What is known of a broker at this moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BrokerNow {
    /// Whether it is alive, this broker included.
    pub alive: bool,
    /// What it lacks of what is on this broker's disk; for this broker, of what is on any other's.
    pub lag: Lag,
    /// How far its clock is behind this broker's, in ms.
    pub clock_behind_ms: i64,
    /// Its program's version, once it has told it.
    pub version: Option<String>,
    /// Logons that it decided within the last hour.
    pub logons_last_hour: u32,
}

/// A host as seating sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostNow {
    /// The host.
    pub host: HostId,
    /// What the site machine knows of it; `None` before its first report.
    pub view: Option<hostler_seating::site::HostView>,
}

/// A session, and where it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionNow {
    /// The host.
    pub host: HostId,
    /// The session.
    pub session: Session,
}

/// Why the log can't be read further.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BackendError {
    /// Too much to do.
    #[error("this broker is busy; try again in a moment")]
    Busy,
    /// No such session, or its host is gone.
    #[error("there is no session {0}; list them with: hostler session list")]
    NoSession(SessionId),
    /// Its host does not answer.
    #[error("the session's host does not answer")]
    HostSilent,
    /// The host could not do it.
    #[error("the host could not do it: {0}")]
    Host(String),
    /// The log can't be read.
    #[error("the log can't be read: {0}")]
    Log(String),
}

/// What part of the log is wanted: the latest events, the newest last.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogQuery {
    /// How many at most.
    pub limit: usize,
    /// Only what came after this event arrived here; for following.
    pub after: Option<EventRef>,
    /// Of which site; this broker's own if `None`.
    pub site: Option<SiteId>,
    /// Only these.
    pub filter: LogFilter,
}

/// Which events are wanted; all where nothing is said.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogFilter {
    /// Wanted by this one.
    pub actor: Option<Actor>,
    /// Touching one of these.
    pub things: Option<Vec<Thing>>,
    /// Of this class.
    pub class: Option<Class>,
    /// In this lane.
    pub lane: Option<String>,
    /// Of this type, by its number.
    pub kind: Option<u16>,
    /// Not before.
    pub since: Option<Wall>,
    /// Not after.
    pub until: Option<Wall>,
}

impl LogFilter {
    fn keeps(&self, entry: &Entry) -> bool {
        let header = &entry.loaded.header;
        let is = |wanted: Option<bool>| wanted.unwrap_or(true);
        is(self.actor.map(|actor| header.actor == actor))
            && is(self.things.as_ref().map(|things| header.touches.iter().any(|t| things.contains(t))))
            && is(self.class.map(|class| header.class == class))
            && is(self.lane.as_ref().map(|lane| entry.lane.name() == lane))
            && is(self.kind.map(|kind| header.kind == kind))
            && is(self.since.map(|since| header.hlc.wall >= since))
            && is(self.until.map(|until| header.hlc.wall <= until))
    }
}

impl LogQuery {
    /// What is wanted of a site's events.
    #[must_use]
    pub fn of(&self, entries: &[Entry]) -> Vec<Entry> {
        let after = |e: &Entry| self.after.is_some_and(|a| a == e.loaded.reference);
        let from = entries.iter().rposition(after).map_or(0, |at| at + 1);
        let wanted = entries[from..].iter().rev().filter(|e| self.filter.keeps(e)).take(self.limit);
        let mut wanted: Vec<Entry> = wanted.cloned().collect();
        wanted.reverse();
        wanted
    }
}

/// Something that looks at the views.
pub type Look = Box<dyn FnOnce(&Views) + Send>;

/// A backup, piece by piece.
pub type BackupPieces = tokio::sync::mpsc::Receiver<std::io::Result<bytes::Bytes>>;

/// What REST needs of the running broker.
pub trait Backend: Send + Sync + 'static {
    /// The broker as it is now. Cheap.
    fn snapshot(&self) -> Arc<Snapshot>;
    /// This broker's key: it signs tickets and logons to the administration.
    fn key(&self) -> &MemberKey;
    /// The present moment.
    fn wall(&self) -> Wall;
    /// Carries out a command in a site, which may be another than this broker's.
    fn command(&self, actor: Actor, site: SiteId, command: Command) -> BoxFuture<'_, Result<Outcome, CommandError>>;
    /// Finds a place: on the user's home broker.
    fn seat(&self, request: SeatRequest) -> BoxFuture<'_, Result<Box<Placement>, NoSeat>>;
    /// All hosts, as seating sees them.
    fn hosts(&self) -> BoxFuture<'_, Result<Vec<HostNow>, BackendError>>;
    /// All sessions.
    fn sessions(&self) -> BoxFuture<'_, Result<Vec<SessionNow>, BackendError>>;
    /// Does something with a session.
    fn order(&self, session: SessionId, order: SessionOrder) -> BoxFuture<'_, Result<(), BackendError>>;
    /// Why a session is where it is; `None` where it had no seat.
    fn explain(&self, session: SessionId) -> BoxFuture<'_, Result<Option<Explanation>, BackendError>>;
    /// A backup of this broker. What goes wrong on the way is the last piece.
    ///
    /// # Errors
    /// Where none can be begun.
    fn backup(&self) -> Result<BackupPieces, BackendError>;
    /// Looks at the views as they are now. It holds everything else up, so what takes long is done with what it found.
    fn look(&self, look: Look) -> BoxFuture<'_, Result<(), BackendError>>;
    /// Hands over all stored events in the order of feed and place, until it is told to stop. It blocks: for threads
    /// that may.
    ///
    /// # Errors
    /// Where the log can't be read.
    fn scan(&self, each: &mut dyn FnMut(StoredEvent) -> ControlFlow<()>) -> Result<(), BackendError>;
    /// A part of this site's log, in its order.
    fn log(&self, query: LogQuery) -> BoxFuture<'_, Result<Vec<Entry>, BackendError>>;
}
