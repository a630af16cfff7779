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
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, ready};
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

/// Carries bytes between the two until both have ended, or one breaks; then both are closed. One side's end of sending
/// is passed on, and the other may go on sending. Both should have been [prepared](prepare).
///
/// To stop earlier, drop the future: that closes both, too.
pub async fn relay(mut client: TcpStream, mut host: TcpStream, pipes: &PipePool) -> Relayed {
    let (to_host, to_client) = (AtomicU64::new(0), AtomicU64::new(0));
    let ((from_client, client), (from_host, host)) = (client.split(), host.split());
    let (c, h) =
        (Half { stream: client.as_ref(), side: Side::Client }, Half { stream: host.as_ref(), side: Side::Host });
    let both = async {
        tokio::try_join!(carry(from_client, c, h, pipes, &to_host), carry(from_host, h, c, pipes, &to_client))
            .map(|_| ())
    };
    // In this order: what a side sent before it broke is still carried, unless the other side doesn't take it.
    let end = tokio::select! {
        biased;
        end = both => end,
        error = c.broken() => Err(error),
        error = h.broken() => Err(error),
    };
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

    /// Waits until the connection breaks. Without this, a reset would stay unnoticed while all that this side sent
    /// waits for the other side to take it.
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

/// One direction, to its end.
async fn carry(
    mut reads: ReadHalf<'_>,
    from: Half<'_>,
    to: Half<'_>,
    pipes: &PipePool,
    carried: &AtomicU64,
) -> Result<(), RelayError> {
    let mut much = false;
    loop {
        let before = carried.load(Ordering::Relaxed);
        let pause = if much {
            from.readable().await?;
            match pipes.take() {
                Some(pipe) => carry_by_pipe(from, to, pipe, carried).await?,
                None => carry_by_copy(from, to, carried).await?,
            }
        } else {
            carry_few(&mut reads, from, to, carried).await?
        };
        match pause {
            // Whoever sent much sends more, most likely.
            Pause::Idle => much = carried.load(Ordering::Relaxed) - before >= FEW_BYTES as u64,
            Pause::Much => much = true,
            Pause::End => return to.end_sending(),
            Pause::NoSplice => pipes.stop_splicing(),
        }
    }
}

/// What comes next, where it is little; only while it is handed on it is in this process.
async fn carry_few(
    reads: &mut ReadHalf<'_>,
    from: Half<'_>,
    to: Half<'_>,
    carried: &AtomicU64,
) -> Result<Pause, RelayError> {
    let (pause, rest) = poll_fn(|cx| {
        let mut space = [MaybeUninit::uninit(); FEW_BYTES];
        let mut buffer = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut *reads).poll_read(cx, &mut buffer)).map_err(|e| from.error(e))?;
        let pause = match buffer.filled().len() {
            0 => return Poll::Ready(Ok((Pause::End, Vec::new()))),
            FEW_BYTES => Pause::Much,
            _ => Pause::Idle,
        };
        let sent = match to.stream.try_write(buffer.filled()) {
            Ok(sent) => sent,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => 0,
            Err(e) => return Poll::Ready(Err(to.error(e))),
        };
        carried.fetch_add(sent as u64, Ordering::Relaxed);
        Poll::Ready(Ok((pause, buffer.filled().get(sent..).unwrap_or_default().to_vec())))
    })
    .await?;
    send(to, &rest, carried).await?;
    Ok(pause)
}

/// Waits until all of it is sent.
async fn send(to: Half<'_>, mut bytes: &[u8], carried: &AtomicU64) -> Result<(), RelayError> {
    while !bytes.is_empty() {
        to.writable().await?;
        match to.stream.try_write(bytes) {
            Ok(0) => return Err(to.error(io::ErrorKind::WriteZero.into())),
            Ok(sent) => {
                carried.fetch_add(sent as u64, Ordering::Relaxed);
                bytes = bytes.get(sent..).unwrap_or_default();
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(to.error(e)),
        }
        tokio::task::consume_budget().await;
    }
    Ok(())
}

/// Everything that is there to read. The pipe is always empty before it is filled: so "would block" on filling it can
/// only be the socket's word.
async fn carry_by_pipe(
    from: Half<'_>,
    to: Half<'_>,
    mut pipe: pipe::Borrowed<'_>,
    carried: &AtomicU64,
) -> Result<Pause, RelayError> {
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
                Ok(sent) => carried.fetch_add(sent as u64, Ordering::Relaxed),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => continue,
                Err(e) => return Err(to.error(e)),
            };
        }
    }
}

/// The same through this process's memory.
async fn carry_by_copy(from: Half<'_>, to: Half<'_>, carried: &AtomicU64) -> Result<Pause, RelayError> {
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        let read = match from.stream.try_read(&mut buffer) {
            Ok(0) => return Ok(Pause::End),
            Ok(n) => buffer.get(..n).unwrap_or_default(),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Pause::Idle),
            Err(e) => return Err(from.error(e)),
        };
        send(to, read, carried).await?;
    }
}

#[cfg(test)]
mod tests;
