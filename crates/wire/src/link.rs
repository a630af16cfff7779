//! A link: frames in both directions over one QUIC stream. Sending goes through a bounded queue and a task of its own,
//! so that an actor never waits for a slow peer: it is told "busy" instead.

use crate::close::{CloseReason, Closed};
use crate::connection::{Connection, WELCOME};
use crate::frame::{self, FrameDecoder, FrameError};
use bytes::{Bytes, BytesMut};
use quinn::{ReadError, RecvStream, SendStream, VarInt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::yield_now;
use tokio::time::timeout;

/// Frames that may wait in one link to be sent; their bytes have a limit as well (`Service::queue_bytes`).
pub const QUEUE_FRAMES: usize = 1_024;
/// Frames that are put together into one write.
const WRITE_FRAMES: usize = 64;
/// What is read at once, in bytes.
const READ_BYTES: usize = 64 * 1024;
/// How long the last frames may take to arrive after this side has finished, in ms.
const FINISH_MS: u64 = 5_000;

/// Why a frame was not taken for sending.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The queue is full.
    #[error("busy: too much waits to be sent to {peer}")]
    Busy {
        /// To whom.
        peer: Arc<str>,
    },
    /// Longer than a frame may be.
    #[error("not sent to {peer}: {error}")]
    Frame {
        /// To whom.
        peer: Arc<str>,
        /// What is wrong.
        error: FrameError,
    },
    /// The link has ended.
    #[error("not sent to {peer}: the link has ended")]
    Ended {
        /// To whom.
        peer: Arc<str>,
    },
}

/// Why nothing more comes from a link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The peer broke the rules; the connection was closed.
    #[error("bad frame from {peer}: {error}")]
    Frame {
        /// From whom.
        peer: Arc<str>,
        /// What is wrong.
        error: FrameError,
    },
    /// The stream does not begin as a link of ours does.
    #[error("{peer} opened a stream that is not a link")]
    NotALink {
        /// Who.
        peer: Arc<str>,
    },
    /// The peer gave up the stream.
    #[error("{peer} broke off the link")]
    BrokenOff {
        /// Who.
        peer: Arc<str>,
    },
    /// The connection has ended.
    #[error(transparent)]
    Closed(#[from] Closed),
}

struct Outgoing {
    body: Bytes,
    // Given back when the frame was handed to QUIC.
    _room: OwnedSemaphorePermit,
}

/// The sending half. Clones send into the same queue; when the last one is gone, the rest is sent and the link's
/// direction ends.
#[derive(Clone)]
pub struct LinkSender {
    queue: mpsc::Sender<Outgoing>,
    room: Arc<Semaphore>,
    peer: Arc<str>,
}

impl LinkSender {
    /// Queues a frame, or says at once that there is no room.
    ///
    /// # Errors
    /// Where the queue is full, the frame too long, or the link has ended.
    pub fn try_send(&self, body: Bytes) -> Result<(), SendError> {
        self.try_send_sparing(0, body)
    }

    /// The same, leaving so many bytes of room: for what may be left out, so that the rest finds room behind it.
    ///
    /// # Errors
    /// As there.
    pub fn try_send_sparing(&self, spare_bytes: usize, body: Bytes) -> Result<(), SendError> {
        self.check(&body)?;
        let busy = || SendError::Busy { peer: self.peer.clone() };
        if spare_bytes > 0 && self.room.available_permits() < body.len() + spare_bytes {
            return Err(busy());
        }
        let room = self.room.clone().try_acquire_many_owned(weight(&body)).map_err(|_| busy())?;
        self.queue.try_send(Outgoing { body, _room: room }).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => busy(),
            mpsc::error::TrySendError::Closed(_) => self.ended(),
        })
    }

    /// Queues a frame, and waits for room where there is none.
    ///
    /// # Errors
    /// Where the frame is too long, or the link has ended.
    pub async fn send(&self, body: Bytes) -> Result<(), SendError> {
        self.check(&body)?;
        let room = tokio::select! {
            room = self.room.clone().acquire_many_owned(weight(&body)) => room.map_err(|_| self.ended())?,
            () = self.queue.closed() => return Err(self.ended()),
        };
        self.queue.send(Outgoing { body, _room: room }).await.map_err(|_| self.ended())
    }

    fn check(&self, body: &Bytes) -> Result<(), SendError> {
        frame::check(body.len()).map_err(|error| SendError::Frame { peer: self.peer.clone(), error })?;
        if self.queue.is_closed() { Err(self.ended()) } else { Ok(()) }
    }

    fn ended(&self) -> SendError {
        SendError::Ended { peer: self.peer.clone() }
    }

    /// To whom it sends, for people.
    #[must_use]
    pub fn peer(&self) -> &Arc<str> {
        &self.peer
    }
}

/// Room that a frame takes; an empty one counts as well. Frames have passed the limit before, so it fits.
fn weight(body: &Bytes) -> u32 {
    body.len().max(1) as u32
}

/// The receiving half.
pub struct LinkReceiver {
    stream: RecvStream,
    decoder: FrameDecoder,
    welcomed: bool,
    connection: Connection,
}

impl LinkReceiver {
    /// The next frame; none when the peer has finished. May be dropped while it waits without losing anything.
    ///
    /// # Errors
    /// Where the connection ended, or the peer broke the rules, for which the connection is closed.
    pub async fn recv(&mut self) -> Result<Option<Bytes>, LinkError> {
        loop {
            if let Some(frame) = self.decoder.next_frame().map_err(|e| self.bad(e))? {
                return Ok(Some(frame));
            }
            let chunk = match self.stream.read_chunk(READ_BYTES, true).await {
                Ok(Some(chunk)) => chunk.bytes,
                Ok(None) => return self.decoder.end().map(|()| None).map_err(|e| self.bad(e)),
                Err(ReadError::ConnectionLost(e)) => return Err(self.connection.ended(&e).into()),
                Err(_) => return Err(LinkError::BrokenOff { peer: self.connection.peer().clone() }),
            };
            let mut bytes = &chunk[..];
            if let (false, Some((first, rest))) = (self.welcomed, bytes.split_first()) {
                if *first != WELCOME {
                    self.connection.close(CloseReason::BadMessage);
                    return Err(LinkError::NotALink { peer: self.connection.peer().clone() });
                }
                (self.welcomed, bytes) = (true, rest);
            }
            self.decoder.push(bytes);
        }
    }

    fn bad(&self, error: FrameError) -> LinkError {
        self.connection.close(match error {
            FrameError::TooLong { .. } => CloseReason::FrameTooLong,
            FrameError::CutOff { .. } => CloseReason::FrameCutOff,
        });
        LinkError::Frame { peer: self.connection.peer().clone(), error }
    }

    /// The connection below.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// Both halves of a link.
pub struct Link {
    /// For sending.
    pub sender: LinkSender,
    /// For receiving.
    pub receiver: LinkReceiver,
}

impl Link {
    pub(crate) fn start(connection: Connection, send: SendStream, recv: RecvStream) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_FRAMES);
        let sender = LinkSender {
            queue,
            room: Arc::new(Semaphore::new(connection.service().queue_bytes())),
            peer: connection.peer().clone(),
        };
        connection.runtime().spawn(write(connection.clone(), send, waiting));
        let receiver = LinkReceiver { stream: recv, decoder: FrameDecoder::default(), welcomed: false, connection };
        Self { sender, receiver }
    }

    /// [`LinkSender::try_send`].
    ///
    /// # Errors
    /// As there.
    pub fn try_send(&self, body: Bytes) -> Result<(), SendError> {
        self.sender.try_send(body)
    }

    /// [`LinkSender::send`].
    ///
    /// # Errors
    /// As there.
    pub async fn send(&self, body: Bytes) -> Result<(), SendError> {
        self.sender.send(body).await
    }

    /// [`LinkReceiver::recv`].
    ///
    /// # Errors
    /// As there.
    pub async fn recv(&mut self) -> Result<Option<Bytes>, LinkError> {
        self.receiver.recv().await
    }

    /// The connection below.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.receiver.connection
    }

    /// The two halves, for two tasks.
    #[must_use]
    pub fn split(self) -> (LinkSender, LinkReceiver) {
        (self.sender, self.receiver)
    }
}

/// Writes what is queued until all senders are gone or the stream breaks. Holds the connection, so that the last
/// frames still arrive when nobody else holds it any more.
async fn write(connection: Connection, mut stream: SendStream, mut waiting: mpsc::Receiver<Outgoing>) {
    let mut batch = Vec::with_capacity(WRITE_FRAMES);
    let mut bytes = BytesMut::from(&[WELCOME][..]);
    loop {
        if let Err(e) = stream.write_chunk(bytes.split().freeze()).await {
            tracing::debug!(peer = %connection.peer(), error = %e, "a link can't be written to any more");
            return;
        }
        batch.clear();
        let received = tokio::select! {
            received = waiting.recv_many(&mut batch, WRITE_FRAMES) => received,
            // The peer takes no more: senders must learn that even where nobody sends.
            _ = stream.stopped() => return,
        };
        if received == 0 {
            break;
        }
        // Others that are ready may have something for this peer as well: what they send now goes into the same packet.
        yield_now().await;
        while batch.len() < WRITE_FRAMES
            && let Ok(outgoing) = waiting.try_recv()
        {
            batch.push(outgoing);
        }
        for outgoing in batch.drain(..) {
            if frame::encode(&outgoing.body, &mut bytes).is_err() {
                // Never: every frame was measured when it was queued. Ending the stream here would look cut off.
                let _ = stream.reset(VarInt::from_u32(CloseReason::FrameTooLong.code()));
                return;
            }
        }
    }
    if stream.finish().is_ok() && timeout(Duration::from_millis(FINISH_MS), stream.stopped()).await.is_err() {
        tracing::debug!(peer = %connection.peer(), "the last frames of a link may not have arrived");
    }
}

#[cfg(test)]
mod tests;
