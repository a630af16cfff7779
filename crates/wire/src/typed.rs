//! A link whose frames are messages of two types, one for each direction.

use crate::close::CloseReason;
use crate::connection::Connection;
use crate::link::{Link, LinkError, LinkReceiver, LinkSender, SendError};
use hostler_events::codec::{self, CodecError};
use serde::{Serialize, de::DeserializeOwned};
use std::marker::PhantomData;
use std::sync::Arc;

/// Why a message was not taken for sending.
#[derive(Debug, thiserror::Error)]
pub enum TypedSendError {
    /// It has no encoded form within the limits.
    #[error("a message to {peer} can't be encoded: {error}")]
    Encode {
        /// To whom.
        peer: Arc<str>,
        /// Why.
        error: CodecError,
    },
    /// The link did not take it.
    #[error(transparent)]
    Send(#[from] SendError),
}

/// Why no message came.
#[derive(Debug, thiserror::Error)]
pub enum TypedRecvError {
    /// The peer sent something else; the connection was closed.
    #[error("a message from {peer} can't be understood: {error}; do both run compatible versions?")]
    Decode {
        /// From whom.
        peer: Arc<str>,
        /// Why.
        error: CodecError,
    },
    /// The link ended.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// Sends messages of one type.
pub struct TypedSender<Out> {
    inner: LinkSender,
    messages: PhantomData<fn(Out)>,
}

impl<Out> Clone for TypedSender<Out> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), messages: PhantomData }
    }
}

impl<Out: Serialize> TypedSender<Out> {
    /// Queues a message, or says at once that there is no room.
    ///
    /// # Errors
    /// Where it can't be encoded, the queue is full, or the link has ended.
    pub fn try_send(&self, message: &Out) -> Result<(), TypedSendError> {
        Ok(self.inner.try_send(self.encode(message)?.into())?)
    }

    /// The same, leaving so many bytes of room: for what may be left out, so that the rest finds room behind it.
    ///
    /// # Errors
    /// As there.
    pub fn try_send_sparing(&self, spare_bytes: usize, message: &Out) -> Result<(), TypedSendError> {
        Ok(self.inner.try_send_sparing(spare_bytes, self.encode(message)?.into())?)
    }

    /// Queues a message, and waits for room where there is none.
    ///
    /// # Errors
    /// Where it can't be encoded, or the link has ended.
    pub async fn send(&self, message: &Out) -> Result<(), TypedSendError> {
        Ok(self.inner.send(self.encode(message)?.into()).await?)
    }

    fn encode(&self, message: &Out) -> Result<Vec<u8>, TypedSendError> {
        codec::encode(message).map_err(|error| TypedSendError::Encode { peer: self.inner.peer().clone(), error })
    }

    /// To whom it sends, for people.
    #[must_use]
    pub fn peer(&self) -> &Arc<str> {
        self.inner.peer()
    }
}

/// Receives messages of one type.
pub struct TypedReceiver<In> {
    inner: LinkReceiver,
    messages: PhantomData<fn() -> In>,
}

impl<In: DeserializeOwned> TypedReceiver<In> {
    /// The next message; none when the peer has finished. May be dropped while it waits without losing anything.
    ///
    /// # Errors
    /// Where the link ended, or what came is no such message, for which the connection is closed.
    pub async fn recv(&mut self) -> Result<Option<In>, TypedRecvError> {
        let Some(frame) = self.inner.recv().await? else { return Ok(None) };
        codec::decode(&frame).map(Some).map_err(|error| {
            let connection = self.inner.connection();
            connection.close(CloseReason::BadMessage);
            TypedRecvError::Decode { peer: connection.peer().clone(), error }
        })
    }

    /// The connection below.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        self.inner.connection()
    }
}

/// A link for messages.
pub struct Typed<Out, In> {
    /// For sending.
    pub sender: TypedSender<Out>,
    /// For receiving.
    pub receiver: TypedReceiver<In>,
}

impl<Out, In> From<Link> for Typed<Out, In> {
    fn from(link: Link) -> Self {
        let (sender, receiver) = link.split();
        Self {
            sender: TypedSender { inner: sender, messages: PhantomData },
            receiver: TypedReceiver { inner: receiver, messages: PhantomData },
        }
    }
}

impl<Out: Serialize, In: DeserializeOwned> Typed<Out, In> {
    /// [`TypedSender::try_send`].
    ///
    /// # Errors
    /// As there.
    pub fn try_send(&self, message: &Out) -> Result<(), TypedSendError> {
        self.sender.try_send(message)
    }

    /// [`TypedSender::send`].
    ///
    /// # Errors
    /// As there.
    pub async fn send(&self, message: &Out) -> Result<(), TypedSendError> {
        self.sender.send(message).await
    }

    /// [`TypedReceiver::recv`].
    ///
    /// # Errors
    /// As there.
    pub async fn recv(&mut self) -> Result<Option<In>, TypedRecvError> {
        self.receiver.recv().await
    }

    /// The connection below.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        self.receiver.connection()
    }

    /// The two halves, for two tasks.
    #[must_use]
    pub fn split(self) -> (TypedSender<Out>, TypedReceiver<In>) {
        (self.sender, self.receiver)
    }
}
