//! A host that listens: start it, and it serves until it is dropped.

use super::certificate::{self, CertificateError};
use super::colour::Colour;
use super::connection;
use super::greeter::Greeter;
use super::session_table::SessionTable;
use super::visit::House;
use hostler_model::{Name, UserName};
use ironrdp_server::tokio_rustls::TlsAcceptor;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::LocalSet;
use tracing::Instrument;

/// Connections that a host serves at once; more are closed.
const CONNECTIONS: usize = 1_024;
/// How long to wait after the system could not accept a connection (out of file descriptors, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Says whether a user's password is good.
pub type CredentialCheck = Arc<dyn Fn(&UserName, &str) -> bool + Send + Sync>;

/// The check of a demo farm: every user has the same password.
#[must_use]
pub fn one_password(password: &str) -> CredentialCheck {
    let password = password.to_string();
    Arc::new(move |_, given| given == password)
}

/// Why a host did not start.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The address is taken, or not this machine's.
    #[error("session host {name} can't listen on {address}: {source}; choose another address with --listen")]
    Listen {
        /// The host.
        name: Name,
        /// The address it was given.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A thread or its timers could not be had.
    #[error("session host {name} can't start: {source}")]
    Thread {
        /// The host.
        name: Name,
        /// What the system said.
        source: io::Error,
    },
    /// No TLS.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// What a host is.
pub struct HostConfig {
    /// Its name, as the picture shows it.
    pub name: Name,
    /// The address to listen on. Port 0 is any free one: see [`SessionHost::address`].
    pub listen: SocketAddr,
    /// The picture's colour.
    pub colour: Colour,
    /// Which passwords are good.
    pub check: CredentialCheck,
    /// What those who arrive get.
    pub greeter: Arc<dyn Greeter>,
}

/// A running host. Dropping it ends all its connections.
pub struct SessionHost {
    address: SocketAddr,
    table: SessionTable,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl SessionHost {
    /// Starts a host on a thread of its own: the RDP library's connections can't leave the thread they began on.
    ///
    /// # Errors
    /// [`HostError`]
    pub fn start(config: HostConfig) -> Result<Self, HostError> {
        let HostConfig { name, listen, colour, check, greeter } = config;
        let no_listener = |source| HostError::Listen { name: name.clone(), address: listen, source };
        let no_thread = |source| HostError::Thread { name: name.clone(), source };
        let listener = TcpListener::bind(listen).map_err(no_listener)?;
        listener.set_nonblocking(true).map_err(no_listener)?;
        let address = listener.local_addr().map_err(no_listener)?;
        let tls = certificate::acceptor(name.as_str())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_thread)?;
        let table = SessionTable::default();
        let (stop, stopped) = watch::channel(false);
        let house = Arc::new(House { name: name.to_string(), colour, table: table.clone(), greeter, check });
        let thread = std::thread::Builder::new()
            .name(format!("host {name}"))
            .spawn(move || {
                let _inside = runtime.enter();
                match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => LocalSet::new().block_on(&runtime, accept(listener, house, tls, stopped)),
                    Err(error) => tracing::error!(host = house.name, %error, "can't listen"),
                }
            })
            .map_err(no_thread)?;
        tracing::info!(host = %name, %address, "session host listens");
        Ok(Self { address, table, stop, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its sessions.
    #[must_use]
    pub fn table(&self) -> &SessionTable {
        &self.table
    }
}

impl Drop for SessionHost {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(address = %self.address, "the session host's thread panicked");
        }
    }
}

async fn accept(
    listener: tokio::net::TcpListener,
    house: Arc<House>,
    tls: TlsAcceptor,
    mut stopped: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stop| *stop) => return,
        };
        let (stream, peer) = match accepted {
            Ok(pair) => pair,
            Err(error) => {
                tracing::warn!(host = house.name, %error, "can't accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::warn!(host = house.name, %peer, "closed: the host serves {CONNECTIONS} connections already");
            continue;
        };
        let span = tracing::info_span!("connection", host = house.name, %peer);
        let served = connection::serve(stream, peer, Arc::clone(&house), tls.clone());
        let task = async move {
            match served.await {
                Ok(()) => tracing::info!("connection ended"),
                Err(error) => tracing::warn!("connection ended: {error}"),
            }
            drop(place);
        };
        tokio::task::spawn_local(task.instrument(span));
    }
}
