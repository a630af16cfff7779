//! The HTTPS server: TLS 1.3 with the broker's own key, so that clients can pin its fingerprint as members do.

use super::login_limits::LoginLimits;
use super::password::Passwords;
use super::signatures::Signatures;
use super::{BASE, CONNECTIONS, REQUESTS, body, endpoints, guard};
use crate::backend::Backend;
use actix_web::dev::Server;
use actix_web::{App, HttpServer, web};
use hostler_model::Mono;
use hostler_wire::{CertificateError, tls_credentials};
use rustls::pki_types::PrivateKeyDer;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long a client may take for the TLS handshake, and for a request's head.
const HEAD_MS: u64 = 5_000;
/// How long a connection without a request stays open.
const KEEP_ALIVE_S: u64 = 60;
/// How long requests in flight may take when the broker stops.
const STOP_S: u64 = 2;

/// Why REST can't be served.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// No certificate.
    #[error("HTTPS can't be served: {0}")]
    Certificate(#[from] CertificateError),
    /// TLS does not take it.
    #[error("HTTPS can't be served with this broker's key: {0}")]
    Tls(#[from] rustls::Error),
    /// The socket can't be used.
    #[error("HTTPS can't be served on {at}: {error}")]
    Listen {
        /// Where.
        at: String,
        /// What is wrong.
        error: std::io::Error,
    },
}

/// How REST is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RestOptions {
    /// Threads that answer requests.
    pub workers: usize,
}

impl Default for RestOptions {
    fn default() -> Self {
        Self { workers: 2 }
    }
}

/// What all endpoints share.
pub(crate) struct Rest {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) passwords: Passwords,
    pub(crate) limits: LoginLimits,
    /// Those of tokens.
    pub(crate) signatures: Signatures,
    /// Room for requests.
    pub(crate) room: Arc<Semaphore>,
    /// Requests so far.
    pub(crate) requests: AtomicU64,
    started: Instant,
}

impl Rest {
    /// For limits: never goes back.
    pub(crate) fn mono(&self) -> Mono {
        Mono(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

/// Serves REST on a socket that listens already. The result has to be awaited (or given to an arbiter) within an actix
/// system; its handle stops it. It handles no signals: that is for the program to do.
///
/// # Errors
/// Where TLS can't be set up with the broker's key, or the socket can't be used.
pub fn serve(backend: Arc<dyn Backend>, listener: TcpListener, options: RestOptions) -> Result<Server, RestError> {
    let tls = tls_config(&*backend)?;
    let at = listener.local_addr().map(|a| a.to_string()).unwrap_or_default();
    let rest = web::Data::new(Rest {
        backend,
        passwords: Passwords::new(),
        limits: LoginLimits::default(),
        signatures: Signatures::default(),
        room: Arc::new(Semaphore::new(REQUESTS)),
        requests: AtomicU64::new(0),
        started: Instant::now(),
    });
    let app = move || {
        App::new()
            .app_data(rest.clone())
            .app_data(body::json_config())
            .app_data(body::path_config())
            .app_data(body::query_config())
            .wrap(actix_web::middleware::from_fn(guard::guard))
            .service(web::scope(BASE).service(guard::openapi_json).configure(endpoints::all))
            .default_service(web::to(body::no_such_endpoint))
    };
    let server = HttpServer::new(app)
        .workers(options.workers.max(1))
        .max_connections(CONNECTIONS)
        .client_request_timeout(Duration::from_millis(HEAD_MS))
        .client_disconnect_timeout(Duration::from_millis(HEAD_MS))
        .tls_handshake_timeout(Duration::from_millis(HEAD_MS))
        .keep_alive(Duration::from_secs(KEEP_ALIVE_S))
        // An answer of several pieces must not wait for the client's system to acknowledge the first: that takes 40 ms.
        .tcp_nodelay(true)
        .shutdown_timeout(STOP_S)
        .disable_signals();
    let server = server.listen_rustls_0_23(listener, tls).map_err(|error| RestError::Listen { at, error })?;
    Ok(server.run())
}

fn tls_config(backend: &dyn Backend) -> Result<rustls::ServerConfig, RestError> {
    let (certificate, key) = tls_credentials(backend.key())?;
    // Named explicitly: the process has no default provider, and another crate's features could bring a second one.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivateKeyDer::Pkcs8(key))?;
    Ok(config)
}
