//! One client's connection, from its first packet to its end: which door it comes through, where a broker says that it
//! goes, and one log line. What the client sent is shown escaped, a ticket by its short id only.

mod first;
mod host;

pub(crate) use first::FIRST_PACKET_MS;
pub(crate) use host::DIAL_MS;

use crate::brokers::{Ask, Brokers};
use crate::ending::Ending;
use crate::metrics::{Gauge, Metrics, count};
use crate::splice::{PipePool, relay};
use first::First;
use hostler_model::{Address, BrokerId, HostId, SeatId, UserName};
use hostler_rdp::{ConnectionRequest, NegativeReply, Routing, Ticket};
use hostler_wire::messages::gateway::{GatewayToBroker, Route};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// Hosts that are tried for a client of the open door.
const HOSTS_TRIED: usize = 3;
/// How often a ticket's host is dialled: there is no other one.
const TICKET_DIALS: usize = 2;
/// How long to wait between two attempts to dial one host, in ms; a busy xrdp takes very few connections at once.
const REDIAL_MS: u64 = 250;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) brokers: Arc<Brokers>,
    pub(crate) pipes: PipePool,
    pub(crate) metrics: Arc<Metrics>,
}

/// What is known of a connection, for its log line. It lives as long as the connection, in a place of its own: futures
/// that hand it on would have room for it each.
pub(crate) struct Visit {
    id: u64,
    from: SocketAddr,
    at: SocketAddr,
    since: Instant,
    door: &'static str,
    /// As the client gave it.
    name: Option<String>,
    ticket: Option<String>,
    /// Until a host has answered it.
    request: Option<ConnectionRequest>,
    goal: Option<Goal>,
    carried: bool,
    to_host_bytes: u64,
    to_client_bytes: u64,
}

struct Goal {
    broker: BrokerId,
    host: HostId,
    seat: SeatId,
    address: Address,
    user: Option<UserName>,
}

impl Visit {
    /// Of the connection with this number, from a client to one of the gateway's addresses.
    pub(crate) fn begin(id: u64, from: SocketAddr, at: SocketAddr) -> Box<Self> {
        let (name, ticket, request, goal) = (None, None, None, None);
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let (since, door, carried) = (Instant::now(), "none", false);
        let (to_host_bytes, to_client_bytes) = (0, 0);
        Box::new(Self {
            id,
            from,
            at,
            since,
            door,
            name,
            ticket,
            request,
            goal,
            carried,
            to_host_bytes,
            to_client_bytes,
        })
    }

    /// Serves the client until the connection has ended, or until the gateway stops, and writes its log line.
    pub(crate) async fn serve(
        mut self: Box<Self>,
        client: &mut TcpStream,
        shared: &Shared,
        mut stopped: watch::Receiver<bool>,
    ) {
        let ending = tokio::select! {
            ending = self.pass(client, shared) => ending,
            _ = stopped.wait_for(|stopped| *stopped) => Ending::Stopped,
        };
        ending.count(&shared.metrics);
        self.log(&ending);
    }

    async fn pass(&mut self, client: &mut TcpStream, shared: &Shared) -> Ending {
        // In a place of its own, which is given back: a connection that is carried lives long and needs none of it.
        let ending = match Box::pin(self.find_host(client, shared)).await {
            Ok(host) => return self.carry(client, host, shared).await,
            Err(ending) => ending,
        };
        if let Some(request) = self.request.as_ref().filter(|_| ending.is_answered()) {
            first::refuse(client, NegativeReply::to(request)).await;
        }
        ending
    }

    /// The way to a host that answers the first packet.
    async fn find_host(&mut self, client: &mut TcpStream, shared: &Shared) -> Result<TcpStream, Ending> {
        let first = First::read(client).await?;
        self.request = Some(first.packet.request.clone());
        let found = async {
            match &first.packet.request.routing {
                Routing::Nothing => Err(Ending::NoName),
                Routing::UserName(name) => self.by_name(name, &first, shared).await,
                Routing::Token(token) => self.by_ticket(token, &first, shared).await,
            }
        };
        tokio::select! {
            biased;
            found = found => found,
            () = first::gone(client) => Err(Ending::LeftWaiting),
        }
    }

    /// The open door. The host gets the client's own bytes.
    async fn by_name(&mut self, name: &str, first: &First, shared: &Shared) -> Result<TcpStream, Ending> {
        (self.door, self.name) = ("open", Some(name.to_string()));
        let mut avoid = Vec::new();
        loop {
            let ask = Ask::Seat { user: name.to_string(), client: self.from.ip(), avoid: avoid.clone() };
            let route = self.ask(ask, shared).await?;
            let last = match host::reach(&route.address, &first.bytes).await {
                Ok(host) => return Ok(host),
                Err(e) => e,
            };
            self.unreachable(&route, &last, shared);
            avoid.push(route.host);
            if avoid.len() >= HOSTS_TRIED {
                return Err(Ending::HostsUnreachable { tried: avoid.len(), last });
            }
        }
    }

    /// The host gets a packet without the ticket: a ticket is a secret between client, gateway and agent, and hosts may
    /// reject tokens that they don't know.
    async fn by_ticket(&mut self, token: &[u8], first: &First, shared: &Shared) -> Result<TcpStream, Ending> {
        self.door = "ticket";
        let ticket = Ticket::parse(token)?;
        self.ticket = Some(ticket.unverified().id.short());
        let route = self.ask(Ask::Take { ticket: token.to_vec(), client: self.from.ip() }, shared).await?;
        let clean = match &route.user {
            Some(user) => first.packet.with_cookie(user.as_str()).unwrap_or_else(|_| first.packet.without_token()),
            None => first.packet.without_token(),
        };
        let bytes = [&clean, first.behind()].concat();
        let mut dials = 1;
        loop {
            let error = match host::reach(&route.address, &bytes).await {
                Ok(host) => return Ok(host),
                Err(e) => e,
            };
            // Only when it is certain: telling it releases the seat, and with that the ticket.
            if dials >= TICKET_DIALS {
                self.unreachable(&route, &error, shared);
                return Err(Ending::TicketHostUnreachable(error));
            }
            dials += 1;
            sleep(Duration::from_millis(REDIAL_MS)).await;
        }
    }

    async fn ask(&mut self, ask: Ask, shared: &Shared) -> Result<Route, Ending> {
        let (broker, decided) = shared.brokers.decide(ask).await?;
        let route = decided?;
        self.goal = Some(Goal {
            broker,
            host: route.host,
            seat: route.seat,
            address: route.address.clone(),
            user: route.user.clone(),
        });
        Ok(route)
    }

    /// A host is passed over. Where it is certain that nobody gets there, its broker is told.
    fn unreachable(&self, route: &Route, error: &io::Error, shared: &Shared) {
        count(&shared.metrics.unreachable);
        let (host, address) = (route.host.short(), &route.address);
        if host::is_mute(error) {
            tracing::warn!(connection = self.id, %host, %address, %error, "a host does not talk to a client");
            return;
        }
        tracing::warn!(connection = self.id, %host, %address, %error, "a host can't be reached from here");
        if let Some(goal) = &self.goal {
            let message = GatewayToBroker::Unreachable { host: route.host, seat: route.seat };
            shared.brokers.tell(goal.broker, &message);
        }
    }

    async fn carry(&mut self, client: &mut TcpStream, mut host: TcpStream, shared: &Shared) -> Ending {
        count(&shared.metrics.spliced);
        let _carrying = Gauge::up(&shared.metrics.carrying);
        (self.carried, self.request) = (true, None);
        let relayed = relay(client, &mut host, &shared.pipes).await;
        (self.to_host_bytes, self.to_client_bytes) = (relayed.to_host_bytes, relayed.to_client_bytes);
        shared.metrics.to_host_bytes.fetch_add(relayed.to_host_bytes, Ordering::Relaxed);
        shared.metrics.to_client_bytes.fetch_add(relayed.to_client_bytes, Ordering::Relaxed);
        match relayed.end {
            Ok(()) => Ending::Done,
            Err(e) => Ending::Broke(e),
        }
    }

    fn log(&self, ending: &Ending) {
        let goal = self.goal.as_ref();
        tracing::info!(
            id = self.id,
            client = %self.from,
            at = %self.at,
            door = self.door,
            name = self.name.as_ref().map(tracing::field::debug),
            ticket = self.ticket.as_ref().map(tracing::field::display),
            user = goal.and_then(|g| g.user.as_ref()).map(tracing::field::debug),
            host = goal.map(|g| tracing::field::display(g.host.short())),
            address = goal.map(|g| tracing::field::display(&g.address)),
            seat = goal.map(|g| tracing::field::display(g.seat.short())),
            broker = goal.map(|g| tracing::field::display(g.broker.short())),
            to_host_bytes = self.to_host_bytes,
            to_client_bytes = self.to_client_bytes,
            lasted_ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX),
            ending = ending.word(),
            carried = self.carried,
            why = %ending,
            "a connection has ended"
        );
    }
}
