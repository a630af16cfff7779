//! The one question that TLS asks us: may this key connect? Certificates are only wrappers here, so their names, dates
//! and issuers are not looked at; the key is looked up, and the handshake's signature is verified with it.

use crate::certificate::public_key_in;
use crate::key::Fingerprint;
use crate::roster::{Member, NotOnRoster, Roster};
use hostler_model::{BrokerId, MemberRole, PublicKey};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible, PeerMisbehaved,
    SignatureScheme,
};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Which keys are good on the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) enum Accept {
    /// Any key at all: on the port for joining, where the token decides.
    Anyone,
    /// Members with one of these roles.
    Members(Arc<Roster>, &'static [MemberRole]),
    /// This broker, by a key that the roster has for it.
    Broker(Arc<Roster>, BrokerId),
    /// The key with this fingerprint, which a join token named.
    Pinned(Fingerprint),
}

/// Why a key is not good.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The roster does not have it here.
    #[error(transparent)]
    Roster(#[from] NotOnRoster),
    /// A broker's key, but another broker's.
    #[error("the key is that of {found}, where {wanted} was expected")]
    OtherBroker {
        /// Whose key it is.
        found: Member,
        /// Who was called.
        wanted: Member,
    },
    /// Not the key that the token names.
    #[error("the key's fingerprint is {found}, but the join token names {wanted}")]
    OtherFingerprint {
        /// The key that was shown.
        found: Fingerprint,
        /// The key in the token.
        wanted: Fingerprint,
    },
}

impl Accept {
    /// Whether this key is good, and whose it is; nobody's where it need not be a member's.
    pub(crate) fn check(&self, key: &PublicKey) -> Result<Option<Member>, Refusal> {
        match self {
            Self::Anyone => Ok(None),
            Self::Members(roster, roles) => Ok(Some(roster.find(roles, key)?)),
            Self::Broker(roster, id) => match roster.find(&[MemberRole::Broker], key)? {
                found if found == Member::Broker(*id) => Ok(Some(found)),
                found => Err(Refusal::OtherBroker { found, wanted: Member::Broker(*id) }),
            },
            Self::Pinned(wanted) => match Fingerprint::of(key) {
                found if found == *wanted => Ok(None),
                found => Err(Refusal::OtherFingerprint { found, wanted: *wanted }),
            },
        }
    }
}

/// The key that the other side showed, and why it was refused: what an error or a log line has to name. TLS itself
/// keeps neither when a handshake fails.
pub(crate) type Seen = Arc<OnceLock<(PublicKey, Option<Refusal>)>>;

/// Checks the key of one connection's other end.
pub(crate) struct KeyVerifier {
    accept: Accept,
    seen: Seen,
    provider: Arc<CryptoProvider>,
}

impl KeyVerifier {
    pub(crate) fn new(accept: Accept, seen: Seen, provider: Arc<CryptoProvider>) -> Self {
        Self { accept, seen, provider }
    }

    fn check(&self, certificate: &CertificateDer<'_>, further: &[CertificateDer<'_>]) -> Result<(), Error> {
        if !further.is_empty() {
            return Err(Error::InvalidCertificate(CertificateError::BadEncoding));
        }
        let key = public_key_in(certificate).map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let verdict = self.accept.check(&key);
        let _ = self.seen.set((key, verdict.err()));
        match verdict {
            Ok(_) => Ok(()),
            // Two alerts, so that the other side's administrator is told which of the two it is.
            Err(Refusal::Roster(NotOnRoster::OtherRole(_))) => {
                Err(Error::InvalidCertificate(CertificateError::InvalidPurpose))
            }
            Err(_) => Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)),
        }
    }

    fn signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if signed.scheme != SignatureScheme::ED25519 {
            return Err(Error::PeerMisbehaved(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme));
        }
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }
}

impl fmt::Debug for KeyVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyVerifier({:?})", self.accept)
    }
}

impl ServerCertVerifier for KeyVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity, intermediates).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(PeerIncompatible::Tls13RequiredForQuic))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for KeyVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity, intermediates).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(PeerIncompatible::Tls13RequiredForQuic))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

#[cfg(test)]
mod tests;
