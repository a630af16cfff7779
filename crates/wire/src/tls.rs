//! TLS 1.3 for one service: our certificate, the verifier, the protocol's name. Nothing is resumed: a resumed session
//! skips the certificate, so a key that was removed meanwhile would come in again.

use crate::certificate::Credentials;
use crate::service::Service;
use crate::verifier::{Accept, KeyVerifier, Seen};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;
use std::sync::Arc;

/// Why TLS could not be set up; with keys of ours it never happens.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The library does not take our key or certificate.
    #[error("TLS can't be set up with this member's key: {0}")]
    Rustls(#[from] rustls::Error),
    /// The library lacks QUIC's first cipher.
    #[error("TLS can't be set up for QUIC: {0}")]
    NoFirstCipher(#[from] quinn::crypto::rustls::NoInitialCipherSuite),
}

/// What both directions need.
pub(crate) struct Tls {
    credentials: Credentials,
    provider: Arc<CryptoProvider>,
}

impl Tls {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self { credentials, provider: Arc::new(rustls::crypto::ring::default_provider()) }
    }

    /// For one incoming connection: the verifier notes in `seen` which key it was shown.
    pub(crate) fn server(&self, service: Service, accept: Accept, seen: Seen) -> Result<QuicServerConfig, TlsError> {
        let verifier = KeyVerifier::new(accept, seen, self.provider.clone());
        let Credentials { certificate, key } = self.credentials.clone();
        let mut config = rustls::ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_single_cert(vec![certificate], PrivateKeyDer::Pkcs8(key))?;
        config.alpn_protocols = vec![service.protocol().into()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(QuicServerConfig::try_from(config)?)
    }

    /// For one outgoing connection.
    pub(crate) fn client(&self, service: Service, accept: Accept, seen: Seen) -> Result<QuicClientConfig, TlsError> {
        let verifier = KeyVerifier::new(accept, seen, self.provider.clone());
        let Credentials { certificate, key } = self.credentials.clone();
        let mut config = rustls::ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(vec![certificate], PrivateKeyDer::Pkcs8(key))?;
        config.alpn_protocols = vec![service.protocol().into()];
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        Ok(QuicClientConfig::try_from(config)?)
    }
}
