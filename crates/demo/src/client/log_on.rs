//! From nothing to a running RDP session: TCP, the first packet, TLS, and the logon.

use super::any_certificate;
use anyhow::{Context, anyhow, ensure};
use hostler_rdp::{ConnectionRequest, NegotiationRequest, Protocols, Routing};
use ironrdp_blocking::{Framed, single_sequence_step};
use ironrdp_connector::{
    ClientConnector, ClientConnectorState, Config, ConnectionResult, Credentials, DesktopSize, Sequence,
};
use ironrdp_core::WriteBuf;
use ironrdp_pdu::gcc::KeyboardType;
use ironrdp_pdu::rdp::capability_sets::MajorPlatformType;
use ironrdp_pdu::rdp::client_info::{PerformanceFlags, TimezoneInfo};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The stream after the TLS handshake.
pub(super) type Secured = Framed<StreamOwned<ClientConnection, TcpStream>>;

/// The size of the client's screen, in pixels.
const SCREEN: DesktopSize = DesktopSize { width: 1024, height: 768 };
/// How long a write may take; the other side does not read then.
const WRITE_WAIT: Duration = Duration::from_secs(10);
/// The version that this client claims to be: that of Windows 10, which no server refuses.
const CLIENT_BUILD: u32 = 18_363;
const UNITED_STATES_KEYBOARD: u32 = 0x0409;
const FUNCTION_KEYS: u32 = 12;

/// Logs on. Gives the stream, another handle of its socket, and what was agreed on.
pub(super) fn log_on(
    address: SocketAddr,
    user: &str,
    password: &str,
    routing_token: Option<&str>,
    deadline: Instant,
) -> anyhow::Result<(Secured, TcpStream, ConnectionResult)> {
    let first = first_packet(user, routing_token)?;
    let stream = TcpStream::connect_timeout(&address, left(deadline)?).context("no TCP connection")?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(WRITE_WAIT))?;
    let socket = stream.try_clone()?;
    let mut connector = ClientConnector::new(config(user, password), stream.local_addr()?);

    // The library's own first packet can't carry every token, so it is made and thrown away.
    connector.step_no_input(&mut WriteBuf::new()).map_err(explained)?;
    let mut plain = Framed::new(stream);
    plain.write_all(&first)?;
    while !connector.should_perform_security_upgrade() {
        step(&mut plain, &socket, &mut connector, deadline)
            .context("refused at the first packet, or no answer to it")?;
    }

    let name = ServerName::IpAddress(address.ip().into());
    let mut tls = StreamOwned::new(ClientConnection::new(any_certificate::config()?, name)?, plain.into_inner().0);
    while tls.conn.is_handshaking() {
        socket.set_read_timeout(Some(left(deadline)?))?;
        tls.conn.complete_io(&mut tls.sock).context("the TLS handshake failed")?;
    }
    connector.mark_security_upgrade_as_done();

    let mut framed = Framed::new(tls);
    loop {
        step(&mut framed, &socket, &mut connector, deadline).context("the logon sequence failed")?;
        if let ClientConnectorState::Connected { result } = connector.state {
            return Ok((framed, socket, result));
        }
    }
}

fn step<S: std::io::Read + std::io::Write>(
    framed: &mut Framed<S>,
    socket: &TcpStream,
    connector: &mut ClientConnector,
    deadline: Instant,
) -> anyhow::Result<()> {
    socket.set_read_timeout(Some(left(deadline)?))?;
    single_sequence_step(framed, connector, &mut WriteBuf::new()).map_err(explained)
}

/// The library's errors keep what matters in their sources and don't implement the standard trait in a way that anyhow
/// would walk, so they are put into words here.
fn explained(error: ironrdp_connector::ConnectorError) -> anyhow::Error {
    anyhow!("{}", error.report())
}

fn left(deadline: Instant) -> anyhow::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    ensure!(!left.is_zero(), "the time is up");
    Ok(left)
}

/// A connection request with the token or the user's name, and the wish for TLS.
fn first_packet(user: &str, routing_token: Option<&str>) -> anyhow::Result<Vec<u8>> {
    let named = || Routing::UserName(user.to_string());
    let routing = routing_token.map_or_else(named, |token| Routing::Token(token.as_bytes().to_vec()));
    let negotiation = Some(NegotiationRequest::offering(Protocols::TLS));
    Ok(ConnectionRequest { routing, negotiation }.encode()?)
}

fn config(user: &str, password: &str) -> Config {
    Config {
        desktop_size: SCREEN,
        desktop_scale_factor: 0,
        enable_tls: true,
        enable_credssp: false,
        credentials: Credentials::UsernamePassword { username: user.to_string(), password: password.to_string() },
        domain: None,
        client_build: CLIENT_BUILD,
        client_name: "hostler-demo".to_string(),
        keyboard_type: KeyboardType::IbmEnhanced,
        keyboard_subtype: 0,
        keyboard_functional_keys_count: FUNCTION_KEYS,
        keyboard_layout: UNITED_STATES_KEYBOARD,
        ime_file_name: String::new(),
        bitmap: None,
        dig_product_id: String::new(),
        client_dir: String::new(),
        alternate_shell: String::new(),
        work_dir: String::new(),
        platform: MajorPlatformType::UNIX,
        hardware_id: None,
        request_data: None,
        autologon: true,
        enable_audio_playback: false,
        performance_flags: PerformanceFlags::default(),
        license_cache: None,
        timezone_info: TimezoneInfo::default(),
        compression_type: None,
        enable_server_pointer: false,
        pointer_software_rendering: false,
        multitransport_flags: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_packets() {
        let bytes = |head: [u8; 5], line: &str| {
            [&head, &[0xE0, 0, 0, 0, 0, 0][..], line.as_bytes(), b"\r\n\x01\0\x08\0\x01\0\0\0"].concat()
        };
        for (token, want) in [
            (None, bytes([3, 0, 0, 43, 38], "Cookie: mstshash=alice")),
            (Some("tsv://x"), bytes([3, 0, 0, 28, 23], "tsv://x")),
        ] {
            assert_eq!(first_packet("alice", token).unwrap(), want);
        }
        assert!(first_packet("alice", Some("a\r\nb")).is_err());
    }
}
