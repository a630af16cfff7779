//! The certificate that carries a member's key through TLS. It says nothing but the key: who the key belongs to, and
//! for how long, is the roster's to say. Hence self-signed, the same bytes each time, and without an end.

use crate::key::MemberKey;
use hostler_model::PublicKey;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::ParsedCertificate;

/// An Ed25519 private key in PKCS #8 up to the key itself (RFC 8410, 7).
const PKCS8_START: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
/// What stands in a SubjectPublicKeyInfo before an Ed25519 key (RFC 8410, 4). DER has one form only, so comparing
/// bytes is parsing.
const SPKI_START: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
/// Nothing expires: a fixed past and the end of what other software accepts.
const FIRST_YEAR: i32 = 1975;
const LAST_YEAR: i32 = 4096;

/// Why a certificate could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// Our own could not be made.
    #[error("can't make a certificate of this member's key: {0}")]
    Make(#[from] rcgen::Error),
    /// Not a certificate.
    #[error("the peer's certificate can't be read: {0}")]
    Unreadable(rustls::Error),
    /// Another kind of key.
    #[error("the peer's certificate has no Ed25519 key, which every member of a farm has")]
    NotEd25519,
}

/// A member's certificate and its private key as TLS wants them.
pub(crate) struct Credentials {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: PrivatePkcs8KeyDer<'static>,
}

impl Credentials {
    /// The certificate of this key; the same key always gives the same bytes.
    pub(crate) fn of(key: &MemberKey) -> Result<Self, CertificateError> {
        let pkcs8 = PrivatePkcs8KeyDer::from([&PKCS8_START[..], key.secret()].concat());
        let pair = KeyPair::try_from(&pkcs8)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "hostler member");
        params.not_before = rcgen::date_time_ymd(FIRST_YEAR, 1, 1);
        params.not_after = rcgen::date_time_ymd(LAST_YEAR, 1, 1);
        Ok(Self { certificate: params.self_signed(&pair)?.der().clone(), key: pkcs8 })
    }
}

/// A member's certificate and private key, for a TLS server beside the QUIC links: HTTPS shows the same key, so that
/// its fingerprint can be pinned there too.
///
/// # Errors
/// Where the certificate can't be made.
pub fn tls_credentials(
    key: &MemberKey,
) -> Result<(CertificateDer<'static>, PrivatePkcs8KeyDer<'static>), CertificateError> {
    let Credentials { certificate, key } = Credentials::of(key)?;
    Ok((certificate, key))
}

impl Clone for Credentials {
    fn clone(&self) -> Self {
        Self { certificate: self.certificate.clone(), key: self.key.clone_key() }
    }
}

/// The Ed25519 key in a peer's certificate. That the peer *has* the key is for the handshake's signature to show.
///
/// # Errors
/// Where it is no X.509 certificate, or has another kind of key.
pub fn public_key_in(certificate: &CertificateDer<'_>) -> Result<PublicKey, CertificateError> {
    let parsed = ParsedCertificate::try_from(certificate).map_err(CertificateError::Unreadable)?;
    let info = parsed.subject_public_key_info();
    let key = info.as_ref().strip_prefix(&SPKI_START[..]).ok_or(CertificateError::NotEd25519)?;
    key.try_into().map(PublicKey).map_err(|_| CertificateError::NotEd25519)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_certificate_is_the_same_each_time_and_gives_the_key_back() {
        let key = MemberKey::from_seed(&[3; 32]);
        let (one, two) = (Credentials::of(&key).unwrap(), Credentials::of(&key).unwrap());
        assert_eq!(one.certificate, two.certificate);
        assert_eq!(public_key_in(&one.certificate).unwrap(), key.public());
    }

    #[test]
    fn other_certificates_are_refused() {
        let ecdsa = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let other = CertificateParams::default().self_signed(&ecdsa).unwrap();
        assert!(matches!(public_key_in(other.der()), Err(CertificateError::NotEd25519)));
        let good = Credentials::of(&MemberKey::from_seed(&[3; 32])).unwrap().certificate;
        for cut in 0..good.len() {
            let part = CertificateDer::from(&good[..cut]);
            assert!(matches!(public_key_in(&part), Err(CertificateError::Unreadable(_))), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0usize..300, by: u8) {
            let _ = public_key_in(&CertificateDer::from(bytes));
            let mut bent = Credentials::of(&MemberKey::from_seed(&[3; 32])).unwrap().certificate.to_vec();
            let len = bent.len();
            bent[at % len] ^= by;
            let _ = public_key_in(&CertificateDer::from(bent));
        }
    }
}
