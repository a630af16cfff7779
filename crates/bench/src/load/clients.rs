//! Clients that come through a door: with a name in the cookie of their connection request, as RDP clients do.

use super::hosts::CONFIRM;
use crate::samples::Latencies;
use anyhow::{Context, Result, bail, ensure};
use hostler_rdp::{ConnectionRequest, NegotiationRequest, Protocols, Routing};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// How long one connection may take: longer than any limit of what stands between.
const PATIENCE: Duration = Duration::from_secs(15);

/// The first packet of an RDP client with this name.
pub(crate) fn request(user: &str) -> Result<Vec<u8>> {
    let negotiation = Some(NegotiationRequest::offering(Protocols::TLS));
    let request = ConnectionRequest { routing: Routing::UserName(user.into()), negotiation };
    request.encode().context("the user's name does not fit into a connection request")
}

/// Connects from an address, sends the request and waits for the host's confirmation.
pub(crate) async fn enter(door: SocketAddr, from: Ipv4Addr, request: &[u8]) -> Result<TcpStream> {
    let entered = async {
        let socket = TcpSocket::new_v4()?;
        bind_without_port(&socket, from)?;
        let mut stream = socket.connect(door).await.context("nobody listens at the door")?;
        stream.set_nodelay(true)?;
        stream.write_all(request).await?;
        let mut answer = [0; CONFIRM.len()];
        stream.read_exact(&mut answer).await.context("the door was closed before a host spoke")?;
        ensure!(answer == CONFIRM, "refused: {answer:02x?}");
        Ok(stream)
    };
    timeout(PATIENCE, entered).await.context("no host spoke in time")?
}

/// Without this each address would have the ports of one only, however many doors there are.
fn bind_without_port(socket: &TcpSocket, from: Ipv4Addr) -> Result<()> {
    use std::os::fd::AsRawFd;
    let on: libc::c_int = 1;
    // SAFETY: the pointer is to a value of ours of the given length, and the descriptor is open.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_BIND_ADDRESS_NO_PORT,
            (&raw const on).cast(),
            libc::socklen_t::try_from(size_of_val(&on))?,
        )
    };
    ensure!(set == 0, "can't leave the choice of ports to the system: {}", std::io::Error::last_os_error());
    Ok(socket.bind(SocketAddr::from((from, 0)))?)
}

/// A crowd of clients.
#[derive(Clone, Debug)]
pub(crate) struct Crowd {
    /// Where they go.
    pub(crate) door: SocketAddr,
    /// From where they come.
    pub(crate) from: Vec<Ipv4Addr>,
    /// How many are at it at once.
    pub(crate) at_once: usize,
    /// Who they are: taken in turn.
    pub(crate) users: Arc<[String]>,
    /// Each user comes once.
    pub(crate) once: bool,
}

/// What came of a crowd.
#[derive(Clone, Debug)]
pub(crate) struct Came {
    /// How long it took.
    pub(crate) took: Duration,
    /// How long each complete connection took.
    pub(crate) latencies: Latencies,
}

impl Came {
    /// Complete connections a second.
    #[must_use]
    pub(crate) fn per_second(&self) -> f64 {
        self.latencies.count() as f64 / self.took.as_secs_f64()
    }
}

impl Crowd {
    /// They come, wait for the host's first bytes and go, for this long, or until everybody was there. Any failure is
    /// one of the whole.
    pub(crate) async fn come_and_go(&self, lasts: Duration) -> Result<Came> {
        let requests: Arc<[Vec<u8>]> = self.users.iter().map(|user| request(user)).collect::<Result<_>>()?;
        let (next, begun) = (Arc::new(AtomicUsize::new(0)), Instant::now());
        let tasks: Vec<_> = (0..self.at_once)
            .map(|nth| {
                let (requests, next, crowd) = (requests.clone(), next.clone(), self.clone());
                let from = crowd.from[nth % crowd.from.len()];
                tokio::spawn(async move {
                    let mut latencies = Latencies::default();
                    while begun.elapsed() < lasts {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if crowd.once && number >= requests.len() {
                            break;
                        }
                        let started = Instant::now();
                        drop(enter(crowd.door, from, &requests[number % requests.len()]).await?);
                        latencies.push(started.elapsed());
                    }
                    Ok::<_, anyhow::Error>(latencies)
                })
            })
            .collect();
        let mut all = Vec::with_capacity(tasks.len());
        for task in tasks {
            all.push(task.await??);
        }
        Ok(Came { took: begun.elapsed(), latencies: Latencies::joined(all) })
    }

    /// They come and stay: all of the users.
    pub(crate) async fn stay(&self) -> Result<Vec<TcpStream>> {
        let mut streams = Vec::with_capacity(self.users.len());
        for (nth, user) in self.users.iter().enumerate() {
            streams.push(enter(self.door, self.from[nth % self.from.len()], &request(user)?).await?);
        }
        Ok(streams)
    }
}

/// Sends a few bytes and waits until they come back, again and again. Gives how long each took.
pub(crate) async fn ping(mut stream: TcpStream, lasts: Duration) -> Result<Latencies> {
    const BYTES: usize = 64;
    let (mut latencies, begun) = (Latencies::default(), Instant::now());
    let mut bytes = [0x5a; BYTES];
    while begun.elapsed() < lasts {
        let started = Instant::now();
        stream.write_all(&bytes).await?;
        stream.read_exact(&mut bytes).await?;
        latencies.push(started.elapsed());
    }
    Ok(Latencies::joined([latencies]))
}

/// Every open session sends a few bytes now and then, and gets them back. Gives how many came back.
pub(crate) async fn trickle(
    streams: Vec<TcpStream>,
    every: Duration,
    lasts: Duration,
) -> Result<(Vec<TcpStream>, u64)> {
    const BYTES: usize = 64;
    let back = Arc::new(AtomicU64::new(0));
    let (begun, count) = (Instant::now(), u32::try_from(streams.len())?.max(1));
    let tasks: Vec<_> = (0..)
        .zip(streams)
        .map(|(nth, mut stream): (u32, TcpStream)| {
            let back = back.clone();
            tokio::spawn(async move {
                let mut at = begun + every * nth / count;
                let mut bytes = [0x5a; BYTES];
                while at < begun + lasts {
                    tokio::time::sleep_until(at.into()).await;
                    stream.write_all(&bytes).await?;
                    if timeout(PATIENCE, stream.read_exact(&mut bytes)).await.is_err() {
                        bail!("a session's bytes did not come back in time");
                    }
                    back.fetch_add(1, Ordering::Relaxed);
                    at += every;
                }
                Ok(stream)
            })
        })
        .collect();
    let mut streams = Vec::with_capacity(tasks.len());
    for task in tasks {
        streams.push(task.await??);
    }
    Ok((streams, back.load(Ordering::Relaxed)))
}
