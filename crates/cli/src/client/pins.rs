//! Whose key a broker may show: one whose fingerprint is known. There is no authority above that, so names, dates and
//! issuers in certificates are not looked at.

use hostler_wire::{Fingerprint, public_key_in};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerIncompatible, SignatureScheme};
use std::sync::{Arc, Mutex, PoisonError};

/// Which keys are accepted.
#[derive(Clone, Debug)]
pub(crate) enum Pins {
    /// Those with these fingerprints.
    Known(Vec<Fingerprint>),
    /// Any: only to look which one is shown. Nothing secret is sent over such a connection.
    LookOnly,
}

/// Checks the key that a broker shows, and notes it.
#[derive(Debug)]
pub(crate) struct PinVerifier {
    pins: Pins,
    seen: Arc<Mutex<Option<Fingerprint>>>,
    provider: Arc<CryptoProvider>,
}

impl PinVerifier {
    pub(crate) fn new(pins: Pins, seen: Arc<Mutex<Option<Fingerprint>>>) -> Self {
        Self { pins, seen, provider: Arc::new(ring::default_provider()) }
    }

    /// A TLS client that accepts what this verifier accepts.
    pub(crate) fn into_config(self) -> Result<rustls::ClientConfig, Error> {
        let mut config = rustls::ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(self))
            .with_no_client_auth();
        // A resumed session shows no certificate, and there is nothing to gain in so short a life.
        config.resumption = rustls::client::Resumption::disabled();
        config.enable_sni = false;
        Ok(config)
    }
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let key = public_key_in(end_entity).map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let shown = Fingerprint::of(&key);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        match &self.pins {
            Pins::LookOnly => Ok(ServerCertVerified::assertion()),
            Pins::Known(known) if known.contains(&shown) => Ok(ServerCertVerified::assertion()),
            Pins::Known(_) => Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}
