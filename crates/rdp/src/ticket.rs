//! A ticket: a broker's signed permission to take one seat, in a form that RDP clients carry as their routing token.
//!
//! The text is `hostler1.<base64url, no padding>.`, always 236 bytes: it fits into X.224's 238, and its length is even,
//! as mstsc wants it. The closing dot makes it so, and shows that nothing was cut off. The bytes inside, numbers
//! big-endian:
//!
//! | at | bytes | what |
//! |---:|---:|---|
//! | 0 | 1 | version, 1 |
//! | 1 | 16 | ticket id |
//! | 17 | 16 | user tag |
//! | 33 | 16 | item id |
//! | 49 | 16 | host id |
//! | 65 | 16 | seat id |
//! | 81 | 16 | broker id of the issuer |
//! | 97 | 8 | issued at, ms since the Unix epoch, by the issuer's clock |
//! | 105 | 64 | Ed25519 signature by the issuer's key over `hostler ticket 1\0` and the 105 bytes before |
//!
//! Whether the seat still exists, and for how long, is the agent's to judge; nothing of that is here.

use crate::user_tag::UserTag;
use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hostler_model::{BrokerId, HostId, ItemId, SeatId, TicketId, Wall};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

const TEXT_BEGIN: &[u8] = b"hostler1.";
const TEXT_END: &[u8] = b".";
const VERSION: u8 = 1;
const SIGNATURE_PREFIX: &[u8] = b"hostler ticket 1\0";
const ID_BYTES: usize = 16;
const CLAIM_BYTES: usize = 1 + 6 * ID_BYTES + 8;
const SIGNATURE_BYTES: usize = 64;

/// The length of a ticket's text, in bytes: every ticket has this one.
pub const TICKET_TOKEN_BYTES: usize =
    TEXT_BEGIN.len() + ((CLAIM_BYTES + SIGNATURE_BYTES) * 8).div_ceil(6) + TEXT_END.len();

const _: () = assert!(TICKET_TOKEN_BYTES <= hostler_model::limits::ROUTING_TOKEN_BYTES);
const _: () = assert!(TICKET_TOKEN_BYTES.is_multiple_of(2));

/// Why a routing token is not a good ticket.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TicketError {
    /// Another product's token, or a ticket of a later format.
    #[error("the routing token is not a ticket of this format: download the .rdp file again")]
    Foreign,
    /// Cut off or lengthened on its way.
    #[error("the ticket has {0} bytes instead of {TICKET_TOKEN_BYTES}: the client changed it on its way")]
    Length(usize),
    /// Not base64url, or without its closing dot.
    #[error("the ticket's text is damaged: the client changed it on its way")]
    Damaged,
    /// A later version inside.
    #[error("the ticket has version {0}; this program knows version {VERSION}: update it")]
    Version(u8),
    /// Not signed by the broker that it names.
    #[error("the ticket's signature is not that of broker {}: it is forged or damaged", .0.short())]
    Signature(BrokerId),
}

/// What a ticket says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Ticket {
    /// The ticket's own id.
    pub id: TicketId,
    /// Who may use it.
    pub user: UserTag,
    /// What it opens.
    pub item: ItemId,
    /// Where the seat is.
    pub host: HostId,
    /// The seat.
    pub seat: SeatId,
    /// The broker that signed it.
    pub issuer: BrokerId,
    /// When, by the issuer's clock.
    pub issued_at: Wall,
}

/// A ticket with its signature. Until [`SignedTicket::verify`] said yes, it is only what a client claims.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SignedTicket {
    ticket: Ticket,
    signature: [u8; SIGNATURE_BYTES],
}

impl Ticket {
    /// Signs it with the issuer's key.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> SignedTicket {
        SignedTicket { ticket: *self, signature: key.sign(&self.signed_bytes()).to_bytes() }
    }

    /// Reads a routing token, as it came without the line's end. The signature is not looked at.
    ///
    /// # Errors
    /// Where the bytes are not a ticket's text, to the letter.
    pub fn parse(token: &[u8]) -> Result<SignedTicket, TicketError> {
        let rest = token.strip_prefix(TEXT_BEGIN).ok_or(TicketError::Foreign)?;
        if token.len() != TICKET_TOKEN_BYTES {
            return Err(TicketError::Length(token.len()));
        }
        let text = rest.strip_suffix(TEXT_END).ok_or(TicketError::Damaged)?;
        // Unused bits of the last character must be zero, so one ticket has one text.
        let bytes = BASE64URL_NOPAD.decode(text).map_err(|_| TicketError::Damaged)?;
        let mut reader = Reader(&bytes);
        let [version] = reader.take()?;
        if version != VERSION {
            return Err(TicketError::Version(version));
        }
        let ticket = Self {
            id: TicketId(reader.take()?),
            user: UserTag(reader.take()?),
            item: ItemId(reader.take()?),
            host: HostId(reader.take()?),
            seat: SeatId(reader.take()?),
            issuer: BrokerId(reader.take()?),
            issued_at: Wall(u64::from_be_bytes(reader.take()?)),
        };
        Ok(SignedTicket { ticket, signature: reader.take()? })
    }

    fn claims(&self) -> [u8; CLAIM_BYTES] {
        let mut bytes = [0; CLAIM_BYTES];
        let ids = [self.id.0, self.user.0, self.item.0, self.host.0, self.seat.0, self.issuer.0];
        let fields = [&[VERSION][..], ids.as_flattened(), &self.issued_at.0.to_be_bytes()].concat();
        bytes.copy_from_slice(&fields);
        bytes
    }

    fn signed_bytes(&self) -> Vec<u8> {
        [SIGNATURE_PREFIX, &self.claims()].concat()
    }
}

impl SignedTicket {
    /// What it says, if its signature is by this key.
    ///
    /// # Errors
    /// Where it is not.
    pub fn verify(&self, key: &VerifyingKey) -> Result<&Ticket, TicketError> {
        match key.verify_strict(&self.ticket.signed_bytes(), &Signature::from_bytes(&self.signature)) {
            Ok(()) => Ok(&self.ticket),
            Err(_) => Err(TicketError::Signature(self.ticket.issuer)),
        }
    }

    /// What it claims: for finding the issuer's key and for log lines, never for letting anybody in.
    #[must_use]
    pub fn unverified(&self) -> &Ticket {
        &self.ticket
    }
}

impl fmt::Display for SignedTicket {
    /// The routing token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.ticket.claims()[..], &self.signature].concat();
        write!(f, "hostler1.{}.", BASE64URL_NOPAD.encode(&bytes))
    }
}

impl fmt::Debug for SignedTicket {
    /// Without the signature: a log line must not be a ticket.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SignedTicket").field(&self.ticket).finish()
    }
}

impl FromStr for SignedTicket {
    type Err = TicketError;
    fn from_str(s: &str) -> Result<Self, TicketError> {
        Ticket::parse(s.as_bytes())
    }
}

impl TryFrom<String> for SignedTicket {
    type Error = TicketError;
    fn try_from(s: String) -> Result<Self, TicketError> {
        s.parse()
    }
}

impl From<SignedTicket> for String {
    fn from(t: SignedTicket) -> Self {
        t.to_string()
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], TicketError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(TicketError::Damaged)?;
        self.0 = rest;
        Ok(*head)
    }
}

#[cfg(test)]
mod tests;
