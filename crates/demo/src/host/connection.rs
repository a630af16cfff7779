//! One connection from its first byte to its end.

use super::first_packet::{FIRST_PACKET_WAIT, FirstPacketError, Opening};
use super::frames::{DEFAULT_SIZE, Screen};
use super::visit::{Door, Hand, House, Visit};
use ironrdp_pdu::rdp::capability_sets::server_codecs_capabilities;
use ironrdp_server::RdpServer;
use ironrdp_server::tokio_rustls::TlsAcceptor;
use std::io::Cursor;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How long a client may take from its first packet until it is logged on.
const LOGON_WAIT: Duration = Duration::from_secs(30);

/// Why a connection ended otherwise than by going away.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    #[error("no first packet within {} s", FIRST_PACKET_WAIT.as_secs())]
    Silent,
    #[error(transparent)]
    FirstPacket(#[from] FirstPacketError),
    #[error("the picture's codecs are not known to the RDP library: {0}")]
    Codecs(String),
    #[error("not logged on within {} s", LOGON_WAIT.as_secs())]
    Slow,
    #[error("{0:#}")]
    Rdp(anyhow::Error),
}

/// Serves one client until it goes, or is sent away.
pub(super) async fn serve(
    mut stream: TcpStream,
    peer: SocketAddr,
    house: Arc<House>,
    tls: TlsAcceptor,
) -> Result<(), ConnectionError> {
    let opening = tokio::time::timeout(FIRST_PACKET_WAIT, Opening::read(&mut stream))
        .await
        .map_err(|_| ConnectionError::Silent)??;
    let visit = Arc::new(Visit::new(house, peer, opening.routing_token, DEFAULT_SIZE));
    let mut server = RdpServer::builder()
        .with_addr(peer)
        .with_tls(tls)
        .with_input_handler(Hand::new(Arc::clone(&visit)))
        .with_display_handler(Screen::new(Arc::clone(&visit)))
        // RemoteFX blurs text.
        .with_bitmap_codecs(server_codecs_capabilities(&["remotefx:off"]).map_err(ConnectionError::Codecs)?)
        .with_credential_validator(Some(Arc::new(Door(Arc::clone(&visit)))))
        .with_honor_client_desktop_size(true)
        .build();
    let replayed = Replayed { first: Cursor::new(opening.replay), stream };
    let run = server.run_connection(replayed);
    tokio::pin!(run);
    let result = tokio::select! {
        result = &mut run => result,
        () = tokio::time::sleep(LOGON_WAIT) => {
            if visit.attachment().is_none() {
                return Err(ConnectionError::Slow);
            }
            run.await
        }
    };
    match result {
        // Clients go without farewell; the library calls that an error, but for a session it is a disconnect.
        Err(error) if visit.attachment().is_some() => {
            tracing::debug!(%peer, error = format!("{error:#}"), "the client went away");
            Ok(())
        }
        other => other.map_err(ConnectionError::Rdp),
    }
}

/// A stream whose first packet was read already, and comes again, cleaned.
struct Replayed {
    first: Cursor<Vec<u8>>,
    stream: TcpStream,
}

impl AsyncRead for Replayed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let position = usize::try_from(self.first.position()).unwrap_or(usize::MAX);
        if position < self.first.get_ref().len() {
            return Pin::new(&mut self.first).poll_read(cx, buf);
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Replayed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
