//! quinn's socket over turmoil's.

use super::Trace;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use turmoil::net::UdpSocket;

/// The longest datagram.
const DATAGRAM_BYTES: usize = 65_536;
/// Datagrams that wait to be read.
const WAITING: usize = 4_096;

/// A UDP socket of a simulated machine.
pub(super) struct SimulatedSocket {
    name: &'static str,
    socket: Arc<UdpSocket>,
    arrived: Mutex<mpsc::Receiver<(Vec<u8>, SocketAddr)>>,
    reader: AbortHandle,
    trace: Trace,
}

impl SimulatedSocket {
    pub(super) async fn bind(name: &'static str, at: SocketAddr, trace: Trace) -> io::Result<Self> {
        let socket = Arc::new(UdpSocket::bind(at).await?);
        let (arrives, arrived) = mpsc::channel(WAITING);
        let (reads, notes) = (socket.clone(), trace.clone());
        // turmoil's socket can't be polled, only awaited.
        let reader = tokio::spawn(async move {
            let mut buffer = vec![0; DATAGRAM_BYTES];
            while let Ok((length, from)) = reads.recv_from(&mut buffer).await {
                notes.add(name, format_args!("{length} bytes from {from}"));
                if arrives.send((buffer[..length].to_vec(), from)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self { name, socket, arrived: Mutex::new(arrived), reader: reader.abort_handle(), trace })
    }
}

impl Drop for SimulatedSocket {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl fmt::Debug for SimulatedSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimulatedSocket({})", self.name)
    }
}

impl AsyncUdpSocket for SimulatedSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(AlwaysWritable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let length = transmit.contents.len();
        self.trace.add(self.name, format_args!("{length} bytes to {}", transmit.destination));
        // As on a real network, nobody tells the sender what was lost.
        let _ = self.socket.try_send_to(transmit.contents, transmit.destination);
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let Some((bytes, from)) = std::task::ready!(self.arrived.lock().unwrap().poll_recv(cx)) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let length = bytes.len().min(bufs[0].len());
        bufs[0][..length].copy_from_slice(&bytes[..length]);
        meta[0] = RecvMeta::default();
        (meta[0].addr, meta[0].len, meta[0].stride) = (from, length, length);
        Poll::Ready(Ok(1))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

#[derive(Debug)]
struct AlwaysWritable;

impl UdpPoller for AlwaysWritable {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
