//! One UDP socket that speaks one service: it dials, and where it listens it takes connections as well.

use crate::acceptor::{self, Arrivals};
use crate::blocked::{self, Ends, Objection};
use crate::certificate::{CertificateError, Credentials, public_key_in};
use crate::close::CloseReason;
use crate::connect_error::ConnectError;
use crate::connection::{Connection, PeerIdentity, WELCOME, canonical};
use crate::key::{Fingerprint, MemberKey};
use crate::live::LiveConnections;
use crate::restart;
use crate::roster::Roster;
use crate::runtime::HandleRuntime;
use crate::service::Service;
use crate::tls::{Tls, TlsError};
use crate::verifier::{Accept, Seen};
use hostler_model::{Address, BrokerId, MemberRole, PublicKey};
use quinn::{ClientConfig, ServerConfig, VarInt};
use rustls::pki_types::CertificateDer;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// How long a connection may take to come about, in ms.
pub const CONNECT_MS: u64 = 3_000;
/// Addresses of one name that are tried in turn.
const ADDRESSES_TRIED: usize = 4;
/// How long closed connections may take to tell the other side so when an endpoint stops, in ms.
const GOODBYE_MS: u64 = 500;
/// TLS wants a name for the other side; keys are what counts here.
const NO_NAME: &str = "hostler";

/// What an endpoint needs.
#[derive(Clone)]
pub struct EndpointOptions {
    /// What it speaks.
    pub service: Service,
    /// Who we are.
    pub key: Arc<MemberKey>,
    /// Whom we let in and whom we trust.
    pub roster: Arc<Roster>,
    /// The runtime that drives the sockets and the links, whoever calls: actors live on threads of their own, and a
    /// busy one must not hold up QUIC.
    pub runtime: Handle,
}

/// Which server is the right one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trust {
    /// Any broker on the roster.
    AnyBroker,
    /// This broker, with a key that the roster has for it.
    Broker(BrokerId),
    /// The key with this fingerprint, from a join token.
    Pinned(Fingerprint),
}

/// Why an endpoint could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The socket.
    #[error("can't use {at}/udp ({what}): {source}; is another process using it?")]
    Bind {
        /// Address and port.
        at: SocketAddr,
        /// What for.
        what: Service,
        /// The system's reason.
        source: io::Error,
    },
    /// Our certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A UDP socket that speaks QUIC. Dropping it ends dialling and listening, but not the connections that are still held.
pub struct Endpoint {
    shared: Arc<Shared>,
    bind: Option<IpAddr>,
    acceptor: Option<AbortHandle>,
}

pub(crate) struct Shared {
    pub(crate) options: EndpointOptions,
    pub(crate) tls: Tls,
    pub(crate) quinn: quinn::Endpoint,
    pub(crate) live: Arc<LiveConnections>,
    /// Where packets go: only of this machine's own network can the system be asked why there is no answer.
    pub(crate) ground: Ground,
}

/// Whose network it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ground {
    /// This machine's.
    Machine,
    /// A simulation's.
    #[cfg(test)]
    Simulation,
}

impl Endpoint {
    /// An endpoint that only dials, from the given address of this machine or from whichever fits.
    ///
    /// # Errors
    /// Where there is no such address.
    pub fn dialer(options: EndpointOptions, from: Option<IpAddr>) -> Result<Self, EndpointError> {
        let any6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        let any4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let (at, socket) = match from {
            Some(ip) => (SocketAddr::from((ip, 0)), UdpSocket::bind((ip, 0))),
            // One IPv6 socket reaches both, except on machines that have no IPv6.
            None => (any4, UdpSocket::bind(any6).or_else(|_| UdpSocket::bind(any4))),
        };
        let socket = socket.map_err(|source| EndpointError::Bind { at, what: options.service, source })?;
        Self::open(options, socket, from, None)
    }

    /// An endpoint that listens, and can dial from the same port.
    ///
    /// # Errors
    /// Where the address is not this machine's or the port is taken.
    pub fn listen(options: EndpointOptions, at: SocketAddr) -> Result<(Self, Arrivals), EndpointError> {
        let bind = |source| EndpointError::Bind { at, what: options.service, source };
        let socket = UdpSocket::bind(at).map_err(bind)?;
        let config = server_config(&options)?;
        let from = (!at.ip().is_unspecified()).then(|| at.ip());
        Ok(Self::open(options, socket, from, Some(config.clone()))?.accept(config))
    }

    /// Takes connections from now on.
    pub(crate) fn accept(mut self, config: ServerConfig) -> (Self, Arrivals) {
        let (task, arrivals) = acceptor::start(self.shared.clone(), config);
        self.acceptor = Some(task);
        (self, arrivals)
    }

    fn open(
        options: EndpointOptions,
        socket: UdpSocket,
        bind: Option<IpAddr>,
        server: Option<ServerConfig>,
    ) -> Result<Self, EndpointError> {
        let runtime = Arc::new(HandleRuntime(options.runtime.clone()));
        let at = socket.local_addr().unwrap_or_else(|_| SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
        let config = restart::endpoint_config(&options.key, options.service);
        let quinn = quinn::Endpoint::new(config, server, socket, runtime).map_err(|source| EndpointError::Bind {
            at,
            what: options.service,
            source,
        })?;
        Self::around(quinn, options, bind, Ground::Machine)
    }

    pub(crate) fn around(
        quinn: quinn::Endpoint,
        options: EndpointOptions,
        bind: Option<IpAddr>,
        ground: Ground,
    ) -> Result<Self, EndpointError> {
        let tls = Tls::new(Credentials::of(&options.key)?);
        let live = LiveConnections::follow(options.roster.clone(), &options.runtime);
        Ok(Self { shared: Arc::new(Shared { options, tls, quinn, live, ground }), bind, acceptor: None })
    }

    /// Where it is bound.
    ///
    /// # Errors
    /// Where the system does not say.
    pub fn local(&self) -> io::Result<SocketAddr> {
        Ok(canonical(self.shared.quinn.local_addr()?))
    }

    /// Connects, and waits until the other side has accepted this member. A name's addresses are tried in turn.
    ///
    /// # Errors
    /// Which of the two ends has to do what; see [`ConnectError`].
    pub async fn connect(&self, to: &Address, trust: Trust) -> Result<Connection, ConnectError> {
        let unresolved = |why: String| ConnectError::Resolve { address: to.clone(), why };
        // The lookup may block, so it is done where blocking is provided for, not on an actor's thread.
        let (host, port) = (to.host().to_string(), to.port());
        let lookup = self.shared.options.runtime.spawn(async move {
            Ok::<Vec<_>, io::Error>(tokio::net::lookup_host((host, port)).await?.take(ADDRESSES_TRIED).collect())
        });
        let addresses = lookup.await.map_err(io::Error::other).flatten().map_err(|e| unresolved(e.to_string()))?;
        let mut last = unresolved("it has no address that fits the one that this side sends from".into());
        for address in addresses {
            if self.bind.is_some_and(|from| from.is_ipv4() != address.is_ipv4()) {
                continue;
            }
            match self.connect_to(address, trust).await {
                Ok(connection) => return Ok(connection),
                Err(e) => last = e,
            }
        }
        Err(last)
    }

    /// Connects to one address.
    ///
    /// # Errors
    /// As [`Endpoint::connect`].
    pub async fn connect_to(&self, to: SocketAddr, trust: Trust) -> Result<Connection, ConnectError> {
        let what = self.shared.options.service;
        let unknown = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let ground = self.shared.ground;
        let from = ground.local_towards(self.bind, to).map_err(|source| ConnectError::NoWay {
            ends: Ends { from: self.bind.unwrap_or(unknown), to, what },
            source,
        })?;
        let ends = Ends { from, to, what };
        let (shared, bind) = (self.shared.clone(), self.bind);
        // On the given runtime: an arbiter that is busy for a moment must not make the handshake time out.
        let task = self.shared.options.runtime.spawn(async move {
            tokio::select! {
                biased;
                done = timeout(Duration::from_millis(CONNECT_MS), shared.handshake(ends, trust)) => {
                    done.unwrap_or(Err(ConnectError::NoAnswer(ends)))
                }
                objection = ground.objection(bind, to) => Err(ConnectError::objected(objection, ends)),
            }
        });
        let abort = AbortOnDrop(task.abort_handle());
        let outcome = task.await;
        drop(abort);
        outcome.unwrap_or_else(|e| Err(ConnectError::Handshake { ends, why: e.to_string() }))
    }

    /// Closes all connections, tells the other sides why, and stops.
    pub async fn close(self, reason: CloseReason) {
        self.end(reason).await;
    }

    /// The same for one that is shared.
    pub(crate) async fn end(&self, reason: CloseReason) {
        let quinn = self.shared.quinn.clone();
        quinn.close(VarInt::from_u32(reason.code()), reason.text().as_bytes());
        let said = self
            .shared
            .options
            .runtime
            .spawn(async move { timeout(Duration::from_millis(GOODBYE_MS), quinn.wait_idle()).await.is_ok() });
        if !said.await.unwrap_or(false) {
            tracing::debug!(service = %self.shared.options.service, "not every peer may have heard that this side stops");
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        if let Some(task) = &self.acceptor {
            task.abort();
        }
    }
}

/// What a listening endpoint begins with.
pub(crate) fn server_config(options: &EndpointOptions) -> Result<ServerConfig, EndpointError> {
    let tls = Tls::new(Credentials::of(&options.key)?);
    // What every handshake really uses is made anew for it; this one decides nothing but early packets.
    let crypto = tls.server(options.service, Accept::Members(options.roster.clone(), &[]), Seen::default())?;
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    // Members don't change their addresses; without this a connection can't be moved by whoever repeats a packet.
    config.transport_config(options.service.transport()).migration(false);
    Ok(config)
}

impl Ground {
    fn local_towards(self, bind: Option<IpAddr>, to: SocketAddr) -> io::Result<IpAddr> {
        match self {
            Self::Machine => blocked::local_towards(bind, to),
            #[cfg(test)]
            Self::Simulation => bind.ok_or_else(|| io::ErrorKind::AddrNotAvailable.into()),
        }
    }

    async fn objection(self, bind: Option<IpAddr>, to: SocketAddr) -> Objection {
        match self {
            Self::Machine => blocked::objection(bind, to).await,
            #[cfg(test)]
            Self::Simulation => std::future::pending().await,
        }
    }
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Shared {
    fn accept_server(&self, trust: Trust) -> Accept {
        let roster = self.options.roster.clone();
        match trust {
            Trust::AnyBroker => Accept::Members(roster, &[MemberRole::Broker]),
            Trust::Broker(id) => Accept::Broker(roster, id),
            Trust::Pinned(fingerprint) => Accept::Pinned(fingerprint),
        }
    }

    async fn handshake(&self, ends: Ends, trust: Trust) -> Result<Connection, ConnectError> {
        let Ends { to, what, .. } = ends;
        let seen = Seen::default();
        let ours = self.options.key.fingerprint();
        let explain = |e| ConnectError::explain(&e, ends, &seen, ours);
        let accept = self.accept_server(trust);
        let mut config = ClientConfig::new(Arc::new(self.tls.client(what, accept.clone(), seen.clone())?));
        config.transport_config(what.transport());
        let failed = |why: String| ConnectError::Handshake { ends, why };
        let connecting = self.quinn.connect_with(config, to, NO_NAME).map_err(|e| failed(e.to_string()))?;
        let quinn = connecting.await.map_err(explain)?;
        // In TLS 1.3 a client is done before the server has looked at its key: only the welcome tells that it is in.
        let mut first = [0; 1];
        let mut welcome = quinn.accept_uni().await.map_err(explain)?;
        match welcome.read_exact(&mut first).await {
            Ok(()) if first == [WELCOME] => {}
            Err(quinn::ReadExactError::ReadError(quinn::ReadError::ConnectionLost(e))) => return Err(explain(e)),
            _ => return Err(ConnectError::OtherProtocol(ends)),
        }
        self.admit(quinn, &accept).map_err(|why| failed(why.to_string()))
    }

    /// Makes the connection one that a removal ends. The key is looked up again here, since the roster may have
    /// changed after the handshake.
    pub(crate) fn admit(&self, quinn: quinn::Connection, accept: &Accept) -> Result<Connection, &'static str> {
        let refuse = |reason: CloseReason, why| {
            quinn.close(VarInt::from_u32(reason.code()), reason.text().as_bytes());
            why
        };
        let key =
            key_of(&quinn).ok_or_else(|| refuse(CloseReason::BadMessage, "the other side showed no usable key"))?;
        let removed = "the other side's key was removed meanwhile";
        let member = accept.check(&key).map_err(|_| refuse(CloseReason::Removed, removed))?;
        let identity = PeerIdentity { member, key };
        let EndpointOptions { service, runtime, .. } = &self.options;
        let connection = Connection::new(quinn.clone(), identity, *service, runtime.clone(), self.live.clone());
        if member.is_some() {
            self.live.watch(connection.inner());
            accept.check(&key).map_err(|_| refuse(CloseReason::Removed, removed))?;
        }
        Ok(connection)
    }
}

fn key_of(quinn: &quinn::Connection) -> Option<PublicKey> {
    let chain = quinn.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    public_key_in(chain.first()?).ok()
}
