//! The text that a new member joins with: `hostler_<b|g|a>_<base32>`. It says what may join, where, until when, which
//! key answers there, and a secret. It holds the issuer's address too: whoever pastes it into a fresh machine has
//! nothing else, and the pinned fingerprint makes a wrong address harmless.
//!
//! In base32 stand, numbers with the highest byte first: version (1 byte), length of all before the checksum (2), site
//! (16), token (16), expiry in ms since 1970 (8), fingerprint of the issuer's key (16), secret (16), length of the
//! address (2), address as text; then 5 bytes of a BLAKE3 hash over the role's letter and all that. Version, length and
//! checksum stand at the same place in every version to come.

use crate::join_proof::JoinSecret;
use crate::key::Fingerprint;
use data_encoding::BASE32_NOPAD;
use hostler_model::{Address, MemberRole, SiteId, TokenId, Wall, limits};
use std::fmt;
use std::str::FromStr;

const START: &str = "hostler_";
const VERSION: u8 = 1;
const CHECKSUM_CONTEXT: &str = "hostler 1 join token checksum";
const CHECKSUM_BYTES: usize = 5;
/// Everything but the address's text.
const FIXED_BYTES: usize = 1 + 2 + 16 + 16 + 8 + 16 + 16 + 2;
/// An address as text: a name, a colon, a port, and brackets at most.
const ADDRESS_BYTES: usize = limits::HOST_NAME_BYTES + 8;
/// Characters in a token, white space included; more are not looked at.
pub const TOKEN_CHARACTERS: usize = 1_024;
/// The characters that hold version and length.
const HEAD_CHARACTERS: usize = 8;

/// Why a text is not a token that can be used. The text itself is never part of a message: it is a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinTokenError {
    /// Another text.
    #[error("this is no join token: one begins with hostler_b_, hostler_g_ or hostler_a_")]
    NotAToken,
    /// Too few characters.
    #[error("the join token is cut off or mistyped: {have} characters follow its start{}", wanted(*.want))]
    CutOff {
        /// How many there are behind "hostler_x_".
        have: usize,
        /// How many there should be, where that can be told.
        want: Option<usize>,
    },
    /// Too many characters.
    #[error("the join token is mistyped or has something behind it: {have} characters follow its start{}", wanted(Some(*.want)))]
    TooLong {
        /// How many there are behind "hostler_x_".
        have: usize,
        /// How many there should be.
        want: usize,
    },
    /// A character that no token has.
    #[error("the join token is mistyped: character {at} can't be in one (small letters a to z and digits 2 to 7 can)")]
    Character {
        /// Which, counted from 1, white space not counted.
        at: usize,
    },
    /// Damaged.
    #[error("the join token is mistyped: its checksum is wrong; copy it once more")]
    Checksum,
    /// From a later program.
    #[error("the join token has version {0}, and this program knows version {VERSION}: update it")]
    Version(u8),
    /// Whole, but nothing that a broker makes.
    #[error("the join token makes no sense: {0}")]
    Content(String),
    /// For something else.
    #[error(
        "the join token is for the role {found}, not for the role {wanted}: ask for one with \
             `hostler token create {wanted}`"
    )]
    Role {
        /// What it is for.
        found: MemberRole,
        /// What was to join.
        wanted: MemberRole,
    },
    /// Too late.
    #[error("the join token has expired {0} s ago, by this machine's clock: ask for a new one")]
    Expired(u64),
}

fn wanted(want: Option<usize>) -> String {
    want.map(|n| format!(", where there should be {n}")).unwrap_or_default()
}

/// A join token. Its text is a secret; its `Debug` form is not.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// What may join with it.
    pub role: MemberRole,
    /// Which site it joins.
    pub site: SiteId,
    /// Its id, by which the log knows it.
    pub id: TokenId,
    /// Until when it is good, by the issuer's clock.
    pub expires: Wall,
    /// The key of the broker that made it, where alone it can be redeemed.
    pub issuer: Fingerprint,
    /// Where that broker listens for joiners.
    pub address: Address,
    /// What the joiner proves to know.
    pub secret: JoinSecret,
}

impl JoinToken {
    /// The text to hand out, once.
    #[must_use]
    pub fn reveal(&self) -> String {
        let address = self.address.to_string();
        let length = FIXED_BYTES + address.len();
        let mut body = vec![VERSION];
        // Addresses are far below 64 KiB.
        body.extend((length as u16).to_be_bytes());
        body.extend(self.site.0);
        body.extend(self.id.0);
        body.extend(self.expires.0.to_be_bytes());
        body.extend(self.issuer.0);
        body.extend(self.secret.bytes());
        body.extend((address.len() as u16).to_be_bytes());
        body.extend(address.as_bytes());
        let letter = letter(self.role);
        body.extend(checksum(letter, &body));
        format!("{START}{letter}_{}", BASE32_NOPAD.encode(&body).to_ascii_lowercase())
    }

    /// That it is for what wants to join.
    ///
    /// # Errors
    /// Where it is for another role.
    pub fn check_role(&self, wanted: MemberRole) -> Result<(), JoinTokenError> {
        if self.role == wanted { Ok(()) } else { Err(JoinTokenError::Role { found: self.role, wanted }) }
    }

    /// That it is still good. On the joiner's side this only saves a journey: the issuer's clock decides.
    ///
    /// # Errors
    /// Where it has expired.
    pub fn check_time(&self, now: Wall) -> Result<(), JoinTokenError> {
        if now < self.expires { Ok(()) } else { Err(JoinTokenError::Expired(now.since(self.expires) / 1_000)) }
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinToken({} for a {} at {})", self.id.short(), self.role, self.address)
    }
}

fn letter(role: MemberRole) -> char {
    match role {
        MemberRole::Broker => 'b',
        MemberRole::Gateway => 'g',
        MemberRole::Agent => 'a',
    }
}

fn checksum(letter: char, body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = blake3::Hasher::new_derive_key(CHECKSUM_CONTEXT);
    hasher.update(letter.to_string().as_bytes()).update(body);
    let mut sum = [0; CHECKSUM_BYTES];
    hasher.finalize_xof().fill(&mut sum);
    sum
}

impl FromStr for JoinToken {
    type Err = JoinTokenError;

    fn from_str(text: &str) -> Result<Self, JoinTokenError> {
        // Mail and terminals break long lines, so white space may be anywhere.
        let compact: String = text.chars().take(TOKEN_CHARACTERS).filter(|c| !c.is_ascii_whitespace()).collect();
        let rest = compact.strip_prefix(START).ok_or(JoinTokenError::NotAToken)?;
        let (role, code) = [MemberRole::Broker, MemberRole::Gateway, MemberRole::Agent]
            .into_iter()
            .find_map(|role| Some((role, rest.strip_prefix(letter(role))?.strip_prefix('_')?)))
            .ok_or(JoinTokenError::NotAToken)?;
        if let Some(at) = code.chars().position(|c| !matches!(c, 'a'..='z' | '2'..='7')) {
            return Err(JoinTokenError::Character { at: START.len() + 2 + at + 1 });
        }
        let code = code.to_ascii_uppercase();
        let have = code.len();
        let head = code.get(..HEAD_CHARACTERS).and_then(|head| BASE32_NOPAD.decode(head.as_bytes()).ok());
        let Some([_, high, low, ..]) = head.as_deref() else {
            return Err(JoinTokenError::CutOff { have, want: None });
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let want = BASE32_NOPAD.encode_len(length + CHECKSUM_BYTES);
        if !(FIXED_BYTES..=FIXED_BYTES + ADDRESS_BYTES).contains(&length)
            && head.as_deref().map(|h| h[0]) == Some(VERSION)
        {
            return Err(JoinTokenError::Checksum);
        }
        match have {
            n if n < want => return Err(JoinTokenError::CutOff { have, want: Some(want) }),
            n if n > want => return Err(JoinTokenError::TooLong { have, want }),
            _ => {}
        }
        // It fails where the last character has bits that belong to nothing.
        let bytes = BASE32_NOPAD.decode(code.as_bytes()).map_err(|_| JoinTokenError::Checksum)?;
        let (body, sum) = bytes.split_at_checked(length).ok_or(JoinTokenError::Checksum)?;
        if checksum(letter(role), body) != sum {
            return Err(JoinTokenError::Checksum);
        }
        parse(role, body)
    }
}

fn parse(role: MemberRole, body: &[u8]) -> Result<JoinToken, JoinTokenError> {
    let nonsense = |what: &str| JoinTokenError::Content(what.into());
    let mut reader = Reader(body);
    let version = reader.take::<1>().ok_or_else(|| nonsense("it is empty"))?[0];
    if version != VERSION {
        return Err(JoinTokenError::Version(version));
    }
    let fields = (|| {
        let _length = reader.take::<2>()?;
        Some((
            SiteId(reader.take()?),
            TokenId(reader.take()?),
            Wall(u64::from_be_bytes(reader.take()?)),
            Fingerprint(reader.take()?),
            JoinSecret::new(reader.take()?),
            usize::from(u16::from_be_bytes(reader.take()?)),
        ))
    })();
    let (site, id, expires, issuer, secret, address_bytes) = fields.ok_or_else(|| nonsense("a field is missing"))?;
    if reader.0.len() != address_bytes {
        return Err(nonsense("its lengths contradict each other"));
    }
    let address = std::str::from_utf8(reader.0).map_err(|_| nonsense("the address is not text"))?;
    let address = address.parse().map_err(|e: hostler_model::AddressError| JoinTokenError::Content(e.to_string()))?;
    Ok(JoinToken { role, site, id, expires, issuer, address, secret })
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }
}

#[cfg(test)]
mod tests;
