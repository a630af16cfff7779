//! What a request does, whichever door it came through: find the user's home broker, ask the site, present a ticket.

use crate::actors::node::{DoCommand, LookAt, NodeActor, ReadLog};
use crate::actors::site::{
    Decide, ExplainSession, GetHosts, GetSessions, OrderSession, SiteActor, TakeTicket, Unreachable,
};
use crate::backend::{Backend, BackendError, BackupPieces, HostNow, LogQuery, Look, SessionNow, Snapshot};
use crate::backup::{BackupSource, Manifest};
use crate::shared::Shared;
use actix::Addr;
use ed25519_dalek::VerifyingKey;
use futures::future::BoxFuture;
use hostler_brokering::serving;
use hostler_events::{Actor, StoredEvent};
use hostler_model::{BrokerId, HostId, SeatId, SessionId, SiteId, UserName, Wall, limits};
use hostler_node::{Command, CommandError, Lag, Outcome};
use hostler_rdp::{SignedTicket, Ticket, UserMatch, hinted_name, match_user};
use hostler_seating::explanation::Explanation;
use hostler_seating::home::home_order;
use hostler_seating::seat::{Door, NoSeat, Placement, SeatRequest, TicketClaim, TicketRefusal};
use hostler_views::Entry;
use hostler_wire::MemberKey;
use hostler_wire::messages::agent::SessionOrder;
use hostler_wire::messages::gateway::{GatewayToBroker, Route, TurnedAway};
use hostler_wire::messages::peer::PeerFrame;
use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tracing::{info, warn};

/// How long another broker may be silent.
const HOME_WAIT: Duration = Duration::from_millis(limits::HOME_BROKER_WAIT_MS);
/// How long a home broker that has taken a request up may take: the site's own limits are below that.
const DECISION: Duration = Duration::from_secs(120);
/// How long this broker may be behind the others at most before what it does not know counts as unknown, in ms.
const CATCH_UP_MS: u64 = 60_000;

/// What a request does.
pub struct Handle {
    shared: Arc<Shared>,
    node: Addr<NodeActor>,
    site: Addr<SiteActor>,
    backups: BackupSource,
}

impl Handle {
    /// For the broker with these actors.
    #[must_use]
    pub(crate) fn new(
        shared: Arc<Shared>,
        node: Addr<NodeActor>,
        site: Addr<SiteActor>,
        backups: BackupSource,
    ) -> Self {
        Self { shared, node, site, backups }
    }

    /// What a gateway's client gets.
    pub(crate) async fn answer_gateway(&self, message: GatewayToBroker) -> Result<Route, TurnedAway> {
        let snapshot = self.snapshot();
        if !serving_now(&snapshot).contains(&self.shared.me) {
            return Err(TurnedAway::NotServing);
        }
        match message {
            GatewayToBroker::Seat { user, client, avoid, .. } => {
                let user = known_user(&snapshot, &user).map_err(|why| unless_behind(why, own_lag(&snapshot)))?;
                let request = SeatRequest { user, item: None, client: Some(client), door: Door::Open, avoid };
                let placement = self.find_seat(request).await?;
                self.route(&placement)
            }
            GatewayToBroker::Take { ticket, .. } => self.take(&ticket, true).await,
            _ => Err(TurnedAway::NotServing),
        }
    }

    /// What another broker of the site asked for. A broker of another site has nothing to ask here: each seats its own
    /// site's users.
    pub(crate) async fn answer_peer(&self, from: BrokerId, frame: PeerFrame) -> Option<PeerFrame> {
        if !self.snapshot().site.order.contains(&from) {
            return None;
        }
        Some(match frame {
            // Who asks may not have heard yet that this broker takes no work any more.
            PeerFrame::Seat { request, .. } if !serving_now(&self.snapshot()).contains(&self.shared.me) => {
                PeerFrame::Seated { request, result: Err(NoSeat::Busy) }
            }
            PeerFrame::Seat { request, seat } => PeerFrame::Seated { request, result: self.decide(*seat).await },
            PeerFrame::Take { request, ticket } => {
                PeerFrame::Taken { request, result: self.take(&ticket, false).await }
            }
            _ => return None,
        })
    }

    /// A gateway could not reach a host. The seat was given out by the user's home broker, so all are told.
    pub(crate) fn unreachable(&self, host: HostId, seat: SeatId) {
        self.unreachable_here(host, seat);
        // Brokers of other sites pass it over: they don't know the host.
        self.shared.peers.tell_all(&PeerFrame::Unreachable { host, seat });
    }

    /// Another broker's gateway could not reach a host.
    pub(crate) fn unreachable_here(&self, host: HostId, seat: SeatId) {
        if self.snapshot().site.hosts.contains_key(&host) {
            self.site.do_send(Unreachable(host, seat));
        }
    }

    /// The signed ticket for a placement.
    #[must_use]
    pub fn ticket(&self, placement: &Placement) -> SignedTicket {
        let ticket = Ticket {
            id: placement.ticket,
            user: hostler_rdp::UserTag::of(&placement.user),
            item: placement.item,
            host: placement.host,
            seat: placement.seat,
            issuer: self.shared.me,
            issued_at: self.wall(),
        };
        ticket.sign(&ed25519_dalek::SigningKey::from_bytes(self.shared.key.secret()))
    }

    async fn decide(&self, request: SeatRequest) -> Result<Box<Placement>, NoSeat> {
        let decided = self.site.send(Decide(request)).await.unwrap_or(Err(NoSeat::Busy));
        decided.map_err(|why| unless_behind(why, own_lag(&self.snapshot())))
    }

    /// Asks the user's home broker; where it does not answer in time, or decides nothing, the next in the hash decides.
    async fn find_seat(&self, request: SeatRequest) -> Result<Box<Placement>, NoSeat> {
        let serving = serving_now(&self.snapshot());
        let packets = |broker| self.shared.peers.packets_from(broker);
        let (begin, heard) = (Instant::now(), serving.iter().map(|id| (*id, packets(*id))).collect::<HashMap<_, _>>());
        // Of several that died at once, only the first is waited for: the others were silent meanwhile.
        let is_silent = |broker| begin.elapsed() >= HOME_WAIT && heard.get(&broker) == Some(&packets(broker));
        for home in home_order(&request.user, &serving) {
            let result = if home == self.shared.me {
                Some(self.decide(request.clone()).await)
            } else if is_silent(home) {
                None
            } else {
                self.ask_home(home, &request).await
            };
            match result {
                // One that has just started, or has too much to do, decides nothing: the next one can.
                Some(Err(NoSeat::Busy)) | None => {
                    info!(home = %home.short(), user = ?request.user.as_str(), "home broker passed over");
                }
                Some(result) => return result,
            }
        }
        Err(NoSeat::Busy)
    }

    /// `None` where the broker does not take the request up in time, falls silent, or goes away.
    async fn ask_home(&self, home: BrokerId, request: &SeatRequest) -> Option<Result<Box<Placement>, NoSeat>> {
        let seat = Box::new(request.clone());
        let asked = self.shared.peers.ask(home, |request| PeerFrame::Seat { request, seat })?;
        match asked.answer_unless_silent(HOME_WAIT, DECISION).await? {
            PeerFrame::Seated { result, .. } => Some(result),
            _ => None,
        }
    }

    fn route(&self, placement: &Placement) -> Result<Route, TurnedAway> {
        let snapshot = self.snapshot();
        let host = snapshot.site.hosts.get(&placement.host).ok_or(TurnedAway::NotServing)?;
        Ok(Route {
            host: placement.host,
            address: host.address.value.clone(),
            seat: placement.seat,
            user: Some(placement.user.clone()),
        })
    }

    /// Presents a ticket to its host's agent: over this broker's link, or over another broker's.
    async fn take(&self, token: &[u8], ask_others: bool) -> Result<Route, TurnedAway> {
        let signed = Ticket::parse(token).map_err(|_| TicketRefusal::Forged)?;
        let snapshot = self.snapshot();
        let issuer = snapshot.site.brokers.get(&signed.unverified().issuer).filter(|b| !b.removed);
        let key = issuer.and_then(|b| VerifyingKey::from_bytes(&b.key.0).ok()).ok_or(TicketRefusal::Forged)?;
        let ticket = signed.verify(&key).map_err(|_| TicketRefusal::Forged)?;
        let host = snapshot.site.hosts.get(&ticket.host).ok_or(TicketRefusal::HostUnreachable)?;
        let claim = TicketClaim { ticket: ticket.id, seat: ticket.seat, host: ticket.host };
        let route = Route { host: ticket.host, address: host.address.value.clone(), seat: ticket.seat, user: None };
        let here = self.site.send(TakeTicket(claim, ticket.issued_at)).await.ok().flatten();
        match here {
            Some(Ok(())) => return Ok(route),
            Some(Err(why)) if why != TicketRefusal::HostUnreachable => {
                warn!(ticket = %ticket.id.short(), %why, "ticket refused");
                return Err(why.into());
            }
            _ => {}
        }
        for peer in serving_now(&snapshot).into_iter().filter(|b| ask_others && *b != self.shared.me) {
            let bytes = token.to_vec();
            let Some(mut asked) = self.shared.peers.ask(peer, |request| PeerFrame::Take { request, ticket: bytes })
            else {
                continue;
            };
            match timeout(HOME_WAIT, &mut asked.answer).await {
                Ok(Ok(PeerFrame::Taken {
                    result: Err(TurnedAway::Ticket(TicketRefusal::HostUnreachable)), ..
                })) => {}
                Ok(Ok(PeerFrame::Taken { result, .. })) => return result,
                _ => {}
            }
        }
        Err(TicketRefusal::HostUnreachable.into())
    }
}

impl Backend for Handle {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.snapshot.borrow().clone()
    }

    fn key(&self) -> &MemberKey {
        &self.shared.key
    }

    fn wall(&self) -> Wall {
        self.shared.clock.now().wall
    }

    fn command(&self, actor: Actor, site: SiteId, command: Command) -> BoxFuture<'_, Result<Outcome, CommandError>> {
        let message = DoCommand { actor, site, command };
        Box::pin(async move { self.node.send(message).await.unwrap_or(Err(CommandError::Busy)) })
    }

    fn seat(&self, request: SeatRequest) -> BoxFuture<'_, Result<Box<Placement>, NoSeat>> {
        Box::pin(self.find_seat(request))
    }

    fn hosts(&self) -> BoxFuture<'_, Result<Vec<HostNow>, BackendError>> {
        Box::pin(async move { self.site.send(GetHosts).await.map_err(|_| BackendError::Busy) })
    }

    fn sessions(&self) -> BoxFuture<'_, Result<Vec<SessionNow>, BackendError>> {
        Box::pin(async move { self.site.send(GetSessions).await.map_err(|_| BackendError::Busy) })
    }

    fn order(&self, session: SessionId, order: SessionOrder) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move { self.site.send(OrderSession(session, order)).await.unwrap_or(Err(BackendError::Busy)) })
    }

    fn explain(&self, session: SessionId) -> BoxFuture<'_, Result<Option<Explanation>, BackendError>> {
        Box::pin(async move { self.site.send(ExplainSession(session)).await.unwrap_or(Err(BackendError::Busy)) })
    }

    fn look(&self, look: Look) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move { self.node.send(LookAt(look)).await.map_err(|_| BackendError::Busy) })
    }

    fn scan(&self, each: &mut dyn FnMut(StoredEvent) -> ControlFlow<()>) -> Result<(), BackendError> {
        self.backups.reader.scan(each).map_err(|error| BackendError::Log(error.to_string()))
    }

    fn log(&self, query: LogQuery) -> BoxFuture<'_, Result<Vec<Entry>, BackendError>> {
        Box::pin(async move { self.node.send(ReadLog(query)).await.map_err(|_| BackendError::Busy) })
    }

    fn backup(&self) -> Result<BackupPieces, BackendError> {
        let snapshot = self.snapshot();
        let manifest = Manifest {
            program: env!("CARGO_PKG_VERSION").into(),
            farm: snapshot.main.farm.clone(),
            broker: snapshot.me,
            name: snapshot.site.brokers.get(&snapshot.me).map(|b| b.name.clone()),
            taken_ms: self.wall().0,
            events: self.backups.reader.count(),
        };
        Ok(self.backups.stream(manifest))
    }
}

/// How far this broker is behind the others.
fn own_lag(snapshot: &Snapshot) -> Lag {
    snapshot.brokers.get(&snapshot.me).map(|b| b.lag).unwrap_or_default()
}

/// A broker that lacks events does not say that somebody is unknown or may not: what it lacks may say otherwise, and
/// another broker can decide. What it still lacks after a minute does not come, and is no excuse any more.
fn unless_behind(why: NoSeat, lag: Lag) -> NoSeat {
    match why {
        NoSeat::UnknownUser(_) | NoSeat::NotEntitled { .. } | NoSeat::NoDefault(_)
            if lag.events > 0 && lag.ms < CATCH_UP_MS =>
        {
            NoSeat::Busy
        }
        why => why,
    }
}

/// The brokers that take work now, by priority.
fn serving_now(snapshot: &Snapshot) -> Vec<BrokerId> {
    if snapshot.removal.is_some() {
        return Vec::new();
    }
    let alive: BTreeSet<BrokerId> = snapshot.brokers.iter().filter(|(_, b)| b.alive).map(|(id, _)| *id).collect();
    serving(&snapshot.site, &alive)
}

/// The user whom a name stands for that may be cut off.
fn known_user(snapshot: &Snapshot, hint: &str) -> Result<UserName, NoSeat> {
    let from = hinted_name(hint);
    match match_user(hint, from.iter().flat_map(|name| snapshot.site.user_names_from(name))) {
        UserMatch::Exact(user) | UserMatch::UniquePrefix(user) => Ok(user),
        UserMatch::Ambiguous | UserMatch::Unknown => {
            Err(NoSeat::UnknownUser(hint.chars().take(limits::NAME_BYTES).collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_that_is_behind_lets_another_say_no() {
        let unknown = || NoSeat::UnknownUser("alice".to_string());
        for (events, ms, want) in
            [(0, 0, unknown()), (1, 0, NoSeat::Busy), (1, CATCH_UP_MS - 1, NoSeat::Busy), (1, CATCH_UP_MS, unknown())]
        {
            assert_eq!(unless_behind(unknown(), Lag { events, ms }), want, "{events} events for {ms} ms");
        }
        // What it knows of the hosts, nobody knows better.
        let full = NoSeat::NoHost { user: "alice".parse().unwrap(), reason: "full".to_string() };
        assert_eq!(unless_behind(full.clone(), Lag { events: 1, ms: 0 }), full);
    }
}
