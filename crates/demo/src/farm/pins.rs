//! Whose key a broker may show: one of the farm's brokers. Names, dates and issuers in certificates mean nothing here.

use hostler_model::BrokerId;
use hostler_wire::{Fingerprint, public_key_in};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, PeerIncompatible, SignatureScheme};
use std::sync::{Arc, Mutex, PoisonError};

/// The brokers that are known. A clone knows the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Pins(Arc<Mutex<Vec<BrokerId>>>);

impl Pins {
    /// One more broker. Its id is the fingerprint of the key that it began with.
    pub(super) fn add(&self, broker: BrokerId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(broker);
    }

    fn know(&self, fingerprint: Fingerprint) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|broker| broker.0 == fingerprint.0)
    }

    /// A TLS client that talks to these brokers only.
    pub(super) fn tls(&self) -> Result<ClientConfig, Error> {
        // The provider is named because another one is linked too, and rustls does not choose between two.
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier { pins: self.clone(), provider }))
            .with_no_client_auth();
        Ok(config)
    }
}

#[derive(Debug)]
struct Verifier {
    pins: Pins,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let bad = Error::InvalidCertificate;
        let key = public_key_in(certificate).map_err(|_| bad(CertificateError::BadEncoding))?;
        if self.pins.know(Fingerprint::of(&key)) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(bad(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_wire::{MemberKey, tls_credentials};

    #[test]
    fn known_brokers_only() {
        let keys = [1, 2].map(|seed| MemberKey::from_seed(&[seed; 32]));
        let pins = Pins::default();
        let accepts = |certificate: &CertificateDer<'_>| {
            let verifier = Verifier { pins: pins.clone(), provider: Arc::new(ring::default_provider()) };
            let name = ServerName::try_from("127.0.0.1").unwrap();
            verifier.verify_server_cert(certificate, &[], &name, &[], UnixTime::now()).is_ok()
        };
        let certificates = keys.each_ref().map(|key| tls_credentials(key).unwrap().0);
        assert_eq!(certificates.each_ref().map(accepts), [false, false]);
        pins.add(BrokerId(keys[1].fingerprint().0));
        assert_eq!(certificates.each_ref().map(accepts), [false, true]);
        assert!(!accepts(&CertificateDer::from(vec![0; 40])));
    }
}
