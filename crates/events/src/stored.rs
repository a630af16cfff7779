//! An event as it is stored and sent: a signature and the exact bytes that it covers. These bytes are never written
//! anew; brokers pass them on as they came.

use crate::codec::{self, CodecError};
use crate::{Event, EventRef, Hash, Header};
use bytes::Bytes;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hostler_model::{PublicKey, limits};

/// What stands before the signed bytes, so that a signature for something else can't pass for one here.
const SIGNING_PREFIX: &[u8] = b"hostler event 1\0";
/// BLAKE3's key for event hashes, so that a hash of something else can't pass for one.
const HASH_KEY: &[u8; 32] = b"hostler 1: the hash of one event";
const SIGNATURE_BYTES: usize = 64;

/// Why bytes are not a stored event, or not this author's.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// Too long or too short to be one.
    #[error("an event of {0} bytes can't be: it has from 65 to {max}", max = limits::EVENT_BYTES)]
    Size(usize),
    /// The header can't be read.
    #[error("the event's header can't be read: {0}")]
    Header(CodecError),
    /// A header of a later format.
    #[error("the event's header has format {0}; this program knows {known}: update it", known = Header::FORMAT)]
    Format(u8),
    /// The payload can't be written.
    #[error("the event can't be written: {0}")]
    Encode(CodecError),
    /// Not signed by the key that the feed's broker has.
    #[error("event {0} is not signed by its broker's key")]
    Signature(EventRef),
    /// The key itself is no key.
    #[error("{0:?} is not a usable Ed25519 key")]
    Key(PublicKey),
}

/// A broker's signing key, for events only.
#[derive(Clone)]
pub struct AuthorKey(SigningKey);

impl AuthorKey {
    /// From the 32 secret bytes (RFC 8032, 5.1.5).
    #[must_use]
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }
}

/// A stored event, with its header read and its hash computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    bytes: Bytes,
    header: Header,
    payload_at: usize,
    hash: Hash,
}

impl StoredEvent {
    /// Writes and signs an event. The header's kind, version, class and so on must be the event's: see
    /// [`Event::kind`].
    ///
    /// # Errors
    /// Where it is too large.
    pub fn seal(header: Header, event: &Event, key: &AuthorKey) -> Result<Self, StoredError> {
        let mut bytes = vec![0; SIGNATURE_BYTES];
        bytes.extend(codec::encode(&header).map_err(StoredError::Encode)?);
        let payload_at = bytes.len();
        bytes.extend(event.payload().map_err(StoredError::Encode)?);
        if bytes.len() > limits::EVENT_BYTES {
            return Err(StoredError::Size(bytes.len()));
        }
        let body = &bytes[SIGNATURE_BYTES..];
        let hash = hash_of(body);
        let signature = key.0.sign(&signed_bytes(body)).to_bytes();
        bytes[..SIGNATURE_BYTES].copy_from_slice(&signature);
        Ok(Self { bytes: bytes.into(), header, payload_at, hash })
    }

    /// Reads an event; its signature is not checked by this.
    ///
    /// # Errors
    /// Where the header can't be read.
    pub fn parse(bytes: Bytes) -> Result<Self, StoredError> {
        if bytes.len() <= SIGNATURE_BYTES || bytes.len() > limits::EVENT_BYTES {
            return Err(StoredError::Size(bytes.len()));
        }
        let body = &bytes[SIGNATURE_BYTES..];
        if body[0] != Header::FORMAT {
            return Err(StoredError::Format(body[0]));
        }
        let (header, used) = codec::decode_prefix::<Header>(body).map_err(StoredError::Header)?;
        let hash = hash_of(body);
        Ok(Self { payload_at: SIGNATURE_BYTES + used, hash, header, bytes })
    }

    /// Checks the signature, strictly (RFC 8032, 5.1.7, without cofactor and with canonical points).
    ///
    /// # Errors
    /// Where the key or the signature is wrong.
    pub fn verify(&self, key: &PublicKey) -> Result<(), StoredError> {
        let verifying = VerifyingKey::from_bytes(&key.0).map_err(|_| StoredError::Key(*key))?;
        verifying
            .verify_strict(&signed_bytes(self.body()), &self.signature())
            .map_err(|_| StoredError::Signature(self.reference()))
    }

    /// All the bytes, as they are stored and sent.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What stands before the event.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What stands before the event; the rest is dropped.
    #[must_use]
    pub fn into_header(self) -> Header {
        self.header
    }

    /// The hash that the next event of the feed carries.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// This event's name.
    #[must_use]
    pub fn reference(&self) -> EventRef {
        EventRef { feed: self.header.feed, seq: self.header.seq, hash: self.hash }
    }

    /// The event itself.
    ///
    /// # Errors
    /// Where its type or version is not known, or its bytes are not those of that type.
    pub fn event(&self) -> Result<Event, crate::DecodeEventError> {
        Event::read(self.header.kind, self.header.version, &self.bytes[self.payload_at..])
    }

    fn body(&self) -> &[u8] {
        &self.bytes[SIGNATURE_BYTES..]
    }

    fn signature(&self) -> Signature {
        let mut bytes = [0; SIGNATURE_BYTES];
        bytes.copy_from_slice(&self.bytes[..SIGNATURE_BYTES]);
        Signature::from_bytes(&bytes)
    }
}

fn hash_of(body: &[u8]) -> Hash {
    Hash(*blake3::keyed_hash(HASH_KEY, body).as_bytes())
}

fn signed_bytes(body: &[u8]) -> Vec<u8> {
    [SIGNING_PREFIX, body].concat()
}

/// Checks many events at once, which takes half the time of checking each. Where one is wrong, it is found by checking
/// each.
///
/// # Errors
/// The first event whose signature or key is wrong.
pub fn verify_batch<'a>(events: impl IntoIterator<Item = (&'a StoredEvent, PublicKey)>) -> Result<(), StoredError> {
    let events: Vec<_> = events.into_iter().collect();
    if let [(event, key)] = events.as_slice() {
        // What a batch costs beside its signatures makes it slower for one.
        return event.verify(key);
    }
    let messages: Vec<_> = events.iter().map(|(e, _)| signed_bytes(e.body())).collect();
    let message_refs: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let signatures: Vec<_> = events.iter().map(|(e, _)| e.signature()).collect();
    // Reading a key takes a fifth of the time of a check, and few brokers write many events.
    let mut known: Vec<(PublicKey, VerifyingKey)> = Vec::new();
    let mut keys = Vec::with_capacity(events.len());
    for (_, key) in &events {
        let read = match known.iter().find(|(k, _)| k == key) {
            Some((_, read)) => *read,
            None => {
                let read = VerifyingKey::from_bytes(&key.0).map_err(|_| StoredError::Key(*key))?;
                known.push((*key, read));
                read
            }
        };
        keys.push(read);
    }
    // A weak key would let a batch pass what a strict check refuses.
    let strong = known.iter().all(|(_, k)| !k.is_weak());
    if strong && ed25519_dalek::verify_batch(&message_refs, &signatures, &keys).is_ok() {
        return Ok(());
    }
    events.iter().try_for_each(|(event, key)| event.verify(key))
}
