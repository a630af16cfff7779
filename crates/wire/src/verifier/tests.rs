use super::*;
use crate::certificate::Credentials;
use crate::key::MemberKey;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::NoClientAuth;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The certificate of one key, served with the signatures of another.
fn shown(certificate: &MemberKey, signer: &MemberKey) -> Arc<SingleCertAndKey> {
    let certificate = Credentials::of(certificate).unwrap().certificate;
    let key = PrivateKeyDer::Pkcs8(Credentials::of(signer).unwrap().key);
    let key = provider().key_provider.load_private_key(key).unwrap();
    Arc::new(SingleCertAndKey::from(CertifiedKey::new(vec![certificate], key)))
}

/// Passes bytes to and fro until one side gives up or both are content.
fn handshake(server: ServerConfig, client: ClientConfig) -> Result<(), Error> {
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), "hostler".try_into().unwrap()).unwrap();
    for _ in 0..8 {
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        let mut input = &bytes[..];
        while !input.is_empty() {
            server.read_tls(&mut input).unwrap();
            server.process_new_packets()?;
        }
        let mut bytes = Vec::new();
        server.write_tls(&mut bytes).unwrap();
        let mut input = &bytes[..];
        while !input.is_empty() {
            client.read_tls(&mut input).unwrap();
            client.process_new_packets()?;
        }
    }
    assert!(!server.is_handshaking() && !client.is_handshaking());
    Ok(())
}

#[test]
fn a_certificate_without_its_key_is_worth_nothing() {
    let (honest, thief) = (MemberKey::from_seed(&[1; 32]), MemberKey::from_seed(&[2; 32]));
    let roster = Arc::new(Roster::new());
    roster.set(MemberRole::Broker, [(honest.public(), [1; 16])]);
    let verifier = || {
        let accept = Accept::Members(roster.clone(), &[MemberRole::Broker]);
        Arc::new(KeyVerifier::new(accept, Seen::default(), provider()))
    };
    let as_server = |resolver| {
        ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_client_cert_verifier(verifier())
            .with_cert_resolver(resolver)
    };
    let as_client = |resolver| {
        ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(verifier())
            .with_client_cert_resolver(resolver)
    };
    let (good, stolen) = (|| shown(&honest, &honest), || shown(&honest, &thief));
    assert_eq!(handshake(as_server(good()), as_client(good())), Ok(()));
    let forged = Err(Error::InvalidCertificate(CertificateError::BadSignature));
    assert_eq!(handshake(as_server(stolen()), as_client(good())), forged);
    assert_eq!(handshake(as_server(good()), as_client(stolen())), forged);
    let none = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(verifier())
        .with_no_client_auth();
    assert_eq!(handshake(as_server(good()), none), Err(Error::NoCertificatesPresented));
    // And a server that asks for no certificate lets the client in without one, which is what the line above excludes.
    let open = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_client_cert_verifier(Arc::new(NoClientAuth))
        .with_cert_resolver(good());
    assert_eq!(handshake(open, as_client(good())), Ok(()));
}

#[test]
fn who_is_accepted() {
    let keys: Vec<_> = (1..=4).map(|i| MemberKey::from_seed(&[i; 32]).public()).collect();
    let (one, two, agent, nobody) = (keys[0], keys[1], keys[2], keys[3]);
    let roster = Arc::new(Roster::new());
    roster.set(MemberRole::Broker, [(one, [1; 16]), (two, [2; 16])]);
    roster.set(MemberRole::Agent, [(agent, [3; 16])]);
    let (b1, b2) = (Member::new(MemberRole::Broker, [1; 16]), Member::new(MemberRole::Broker, [2; 16]));
    let a = Member::new(MemberRole::Agent, [3; 16]);
    let brokers = Accept::Members(roster.clone(), &[MemberRole::Broker]);
    let first = Accept::Broker(roster, BrokerId([1; 16]));
    let pinned = Accept::Pinned(Fingerprint::of(&one));
    let other = |key| Refusal::OtherFingerprint { found: Fingerprint::of(key), wanted: Fingerprint::of(&one) };
    for (accept, key, expected) in [
        (&Accept::Anyone, nobody, Ok(None)),
        (&brokers, one, Ok(Some(b1))),
        (&brokers, two, Ok(Some(b2))),
        (&brokers, agent, Err(Refusal::Roster(NotOnRoster::OtherRole(a)))),
        (&brokers, nobody, Err(Refusal::Roster(NotOnRoster::Unknown))),
        (&first, one, Ok(Some(b1))),
        (&first, two, Err(Refusal::OtherBroker { found: b2, wanted: b1 })),
        (&first, agent, Err(Refusal::Roster(NotOnRoster::OtherRole(a)))),
        (&pinned, one, Ok(None)),
        (&pinned, two, Err(other(&two))),
    ] {
        assert_eq!(accept.check(&key), expected, "{accept:?}");
    }
}
