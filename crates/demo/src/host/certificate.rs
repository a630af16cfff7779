//! The TLS side of a host: a certificate made at start. RDP clients ask about unknown certificates, as they do with any
//! host that has no certificate of a known issuer.

use ironrdp_server::tokio_rustls::TlsAcceptor;
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::sync::Arc;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The key or the certificate could not be made.
    #[error("no certificate could be made for the name {1:?}: {0}")]
    Make(rcgen::Error, String),
    /// The TLS library does not take it.
    #[error("the TLS library refuses the certificate that was made: {0}")]
    Refused(#[from] rustls::Error),
}

/// An acceptor with a fresh, self-signed certificate for `name`.
pub(super) fn acceptor(name: &str) -> Result<TlsAcceptor, CertificateError> {
    let made = rcgen::generate_simple_self_signed(vec![dns_name(name)])
        .map_err(|error| CertificateError::Make(error, name.to_string()))?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    // The provider is named because another one is linked too, and rustls does not choose between two.
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Certificates take DNS names; names of hosts may have other characters too.
fn dns_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_gets_a_certificate() {
        for name in ["rdsh1", "rdsh-01.example", "B\u{FC}ro (2)", "\u{684C}"] {
            assert!(acceptor(name).is_ok(), "{name}");
        }
    }
}
