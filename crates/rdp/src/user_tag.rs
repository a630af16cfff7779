//! A user as a ticket names them: 16 bytes whatever the name's length, since the ticket must fit into a routing token.

use hostler_model::UserName;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The first 16 bytes of the BLAKE3 hash of a user's name, under a context of its own. It hides nothing (names can be
/// guessed); it only binds a ticket to a name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UserTag(pub [u8; 16]);

impl UserTag {
    /// BLAKE3's context for key derivation; part of the ticket's format, never to be changed.
    const CONTEXT: &str = "hostler ticket 1 user name";

    /// The tag of this user.
    #[must_use]
    pub fn of(user: &UserName) -> Self {
        let hash = blake3::derive_key(Self::CONTEXT, user.as_str().as_bytes());
        let [tag @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = hash;
        Self(tag)
    }
}

impl fmt::Debug for UserTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserTag(")?;
        self.0.iter().take(4).try_for_each(|b| write!(f, "{b:02x}"))?;
        write!(f, ")")
    }
}
