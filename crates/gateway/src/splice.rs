//! Carrying bytes between a client and a host, both ways at once, without looking at them.
//!
//! What a side says in a few words goes through this process's stack: two calls of the system. Where there is more, the
//! kernel moves it: `splice(2)` from one socket into a pipe and on into the other. A pipe is borrowed for as long as
//! there is something to carry and given back before waiting, so an idle connection costs two sockets and a task.
//! Who is connected with whom, and why, is decided before this and must not be known here.

mod pipe;
mod socket;

pub use pipe::PipePool;
pub use socket::prepare;

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::ReadHalf;

/// Less than this is copied, since that costs less than a pipe, in bytes.
const FEW_BYTES: usize = 4 * 1024;
/// What is carried at once where `splice(2)` can't be used, in bytes.
const COPY_BYTES: usize = 64 * 1024;

/// One end of what is carried.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    /// The client's.
    Client,
    /// The session host's.
    Host,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Host => "host",
        })
    }
}

/// A connection broke while bytes were carried. Clients that just go away end like this, too.
#[derive(Debug, thiserror::Error)]
#[error("the connection to the {side} broke: {error}; the other side was closed")]
pub struct RelayError {
    /// Which side broke.
    pub side: Side,
    /// How.
    pub error: io::Error,
}

/// What was carried, and how it ended.
#[derive(Debug)]
pub struct Relayed {
    /// Bytes from the client to the host.
    pub to_host_bytes: u64,
    /// Bytes from the host to the client.
    pub to_client_bytes: u64,
    /// `Ok` where both sides said that they were done.
    pub end: Result<(), RelayError>,
}

/// Carries bytes between the two until both have ended, or one breaks; then whoever has them closes both. The end of what
/// one side sends is passed on, and the other may go on sending. Both should have been [prepared](prepare).
///
/// To stop earlier, drop the future.
pub async fn relay(client: &mut TcpStream, host: &mut TcpStream, pipes: &PipePool) -> Relayed {
    let (to_host, to_client) = (AtomicU64::new(0), AtomicU64::new(0));
    let ((from_client, client), (from_host, host)) = (client.split(), host.split());
    let c = Half { stream: client.as_ref(), side: Side::Client };
    let h = Half { stream: host.as_ref(), side: Side::Host };
    let up = Way { from: c, to: h, pipes, carried: &to_host };
    let down = Way { from: h, to: c, pipes, carried: &to_client };
    let end = async {
        let (mut up, mut down) = (pin!(carry(from_client, &up)), pin!(carry(from_host, &down)));
        // Nothing more is read from the side that ends first. The end of the other one is told by closing.
        tokio::select! {
            end = &mut up => { end?; h.end_sending()?; c.unless_broken(down).await }
            end = &mut down => { end?; c.end_sending()?; h.unless_broken(up).await }
        }
    }
    .await;
    Relayed { to_host_bytes: to_host.into_inner(), to_client_bytes: to_client.into_inner(), end }
}

/// A stream, and whose it is.
#[derive(Clone, Copy)]
struct Half<'a> {
    stream: &'a TcpStream,
    side: Side,
}

impl Half<'_> {
    fn error(self, error: io::Error) -> RelayError {
        RelayError { side: self.side, error }
    }

    // Polled, as one task does all of it: what tokio's `readable()` keeps for several is many times as large.
    async fn readable(self) -> Result<(), RelayError> {
        poll_fn(|cx| self.stream.poll_read_ready(cx)).await.map_err(|e| self.error(e))
    }

    async fn writable(self) -> Result<(), RelayError> {
        poll_fn(|cx| self.stream.poll_write_ready(cx)).await.map_err(|e| self.error(e))
    }

    fn end_sending(self) -> Result<(), RelayError> {
        socket::shut_down_sending(self.stream).map_err(|e| self.error(e))
    }

    /// Does something, unless this connection breaks: as long as nothing is read from it, a reset would stay unnoticed.
    /// What it sent before is still carried, unless the other side doesn't take it.
    async fn unless_broken<T>(self, what: impl Future<Output = Result<T, RelayError>>) -> Result<T, RelayError> {
        tokio::select! {
            biased;
            done = what => done,
            // What tokio keeps for this is large.
            error = Box::pin(self.broken()) => Err(error),
        }
    }

    async fn broken(self) -> RelayError {
        let error = match self.stream.ready(Interest::ERROR).await {
            Ok(_) => match self.stream.take_error() {
                Ok(Some(error)) | Err(error) => error,
                // Already told to whoever read or wrote last, and what they do about it ends the relay.
                Ok(None) => std::future::pending().await,
            },
            Err(error) => error,
        };
        self.error(error)
    }
}

/// One direction.
struct Way<'a> {
    from: Half<'a>,
    to: Half<'a>,
    pipes: &'a PipePool,
    /// Bytes that the receiver has taken.
    carried: &'a AtomicU64,
}

/// Why carrying paused.
enum Pause {
    /// Nothing to read for now.
    Idle,
    /// There is more than a little to read.
    Much,
    /// The sender has ended.
    End,
    /// `splice(2)` doesn't work here; nothing was read.
    NoSplice,
}

/// One direction, to its end. Thousands wait here at once, so what is needed only while there is much to carry has a
/// place of its own for that time.
async fn carry(mut reads: ReadHalf<'_>, way: &Way<'_>) -> Result<(), RelayError> {
    let mut much = false;
    loop {
        let before = way.carried.load(Ordering::Relaxed);
        let pause = if much {
            way.from.readable().await?;
            Box::pin(way.from.unless_broken(way.carry_much())).await?
        } else {
            let (pause, rest) = poll_fn(|cx| way.poll_few(&mut reads, cx)).await?;
            if !rest.is_empty() {
                Box::pin(way.from.unless_broken(way.send(&rest))).await?;
            }
            pause
        };
        match pause {
            // Whoever sent much sends more, most likely.
            Pause::Idle => much = way.carried.load(Ordering::Relaxed) - before >= FEW_BYTES as u64,
            Pause::Much => much = true,
            Pause::End => return Ok(()),
            Pause::NoSplice => way.pipes.stop_splicing(),
        }
    }
}

impl Way<'_> {
    /// Hands on what comes next, where it is little: only meanwhile it is in this process. Gives back what the receiver
    /// did not take at once.
    fn poll_few(&self, reads: &mut ReadHalf<'_>, cx: &mut Context<'_>) -> Poll<Result<(Pause, Vec<u8>), RelayError>> {
        let mut space = [MaybeUninit::uninit(); FEW_BYTES];
        let mut buffer = ReadBuf::uninit(&mut space);
        ready!(Pin::new(reads).poll_read(cx, &mut buffer)).map_err(|e| self.from.error(e))?;
        let pause = match buffer.filled().len() {
            0 => return Poll::Ready(Ok((Pause::End, Vec::new()))),
            FEW_BYTES => Pause::Much,
            _ => Pause::Idle,
        };
        let sent = match self.to.stream.try_write(buffer.filled()) {
            Ok(sent) => sent,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => 0,
            Err(e) => return Poll::Ready(Err(self.to.error(e))),
        };
        self.carried.fetch_add(sent as u64, Ordering::Relaxed);
        Poll::Ready(Ok((pause, buffer.filled().get(sent..).unwrap_or_default().to_vec())))
    }

    async fn carry_much(&self) -> Result<Pause, RelayError> {
        match self.pipes.take() {
            Some(pipe) => self.carry_by_pipe(pipe).await,
            None => self.carry_by_copy().await,
        }
    }

    /// Everything that is there to read. The pipe is always empty before it is filled: so "would block" on filling it can
    /// only be the socket's word.
    async fn carry_by_pipe(&self, mut pipe: pipe::Borrowed<'_>) -> Result<Pause, RelayError> {
        let Self { from, to, .. } = *self;
        loop {
            match from.stream.try_io(Interest::READABLE, || pipe.fill(from.stream.as_fd())) {
                Ok(0) => return Ok(Pause::End),
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Pause::Idle),
                Err(e) if pipe::says_no_splice(&e) => return Ok(Pause::NoSplice),
                Err(e) => return Err(from.error(e)),
            }
            while pipe.held_bytes() > 0 {
                // This is also where the task yields when it has had its share.
                to.writable().await?;
                match to.stream.try_io(Interest::WRITABLE, || pipe.drain(to.stream.as_fd())) {
                    Ok(sent) => self.carried.fetch_add(sent as u64, Ordering::Relaxed),
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => continue,
                    Err(e) => return Err(to.error(e)),
                };
            }
        }
    }

    /// The same through this process's memory.
    async fn carry_by_copy(&self) -> Result<Pause, RelayError> {
        let mut buffer = vec![0; COPY_BYTES];
        loop {
            let read = match self.from.stream.try_read(&mut buffer) {
                Ok(0) => return Ok(Pause::End),
                Ok(n) => buffer.get(..n).unwrap_or_default(),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Pause::Idle),
                Err(e) => return Err(self.from.error(e)),
            };
            self.send(read).await?;
        }
    }

    /// Waits until all of it is sent.
    async fn send(&self, mut bytes: &[u8]) -> Result<(), RelayError> {
        while !bytes.is_empty() {
            self.to.writable().await?;
            match self.to.stream.try_write(bytes) {
                Ok(0) => return Err(self.to.error(io::ErrorKind::WriteZero.into())),
                Ok(sent) => {
                    self.carried.fetch_add(sent as u64, Ordering::Relaxed);
                    bytes = bytes.get(sent..).unwrap_or_default();
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(self.to.error(e)),
            }
            tokio::task::consume_budget().await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
