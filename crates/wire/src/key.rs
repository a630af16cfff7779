//! A member's Ed25519 key, and its fingerprint. How the key lies on disk is in [`crate::key_file`].
//!
//! One key serves two purposes: it identifies the member on TLS links, and it signs what the member says. TLS signs
//! texts that begin with 64 spaces (RFC 8446, 4.4.3); everything else is signed under a [`SigningPrefix`], which never
//! does, so that a signature made for one purpose is never good for another.

use data_encoding::BASE32_NOPAD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hostler_model::PublicKey;
use rand::TryRng;
use rand::rngs::SysRng;
use serde::{Deserialize, Serialize};
use std::fmt;

const FINGERPRINT_CONTEXT: &str = "hostler 1 member key";

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes, so no key was made: {0}")]
pub struct NoRandomness(#[from] rand::rngs::SysError);

/// The first 16 bytes of the BLAKE3 hash of a public key; the id of the member whose first key it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fingerprint(pub [u8; 16]);

impl Fingerprint {
    /// What people compare, and what becomes the id of the member that starts with this key.
    #[must_use]
    pub fn of(key: &PublicKey) -> Self {
        let hash = blake3::derive_key(FINGERPRINT_CONTEXT, &key.0);
        let mut short = [0; 16];
        short.copy_from_slice(&hash[..16]);
        Self(short)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// What a signature is for: a text that stands before the message and is signed with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SigningPrefix(&'static str);

impl SigningPrefix {
    /// Meant for constants. No prefix may be the beginning of another one, hence the closing zero.
    ///
    /// # Panics
    /// Where the text does not begin with "hostler " or does not end with a zero byte; in a constant that is an error
    /// of the compiler.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        let (bytes, start) = (text.as_bytes(), b"hostler ");
        assert!(bytes.len() > start.len() && bytes[bytes.len() - 1] == 0, "a signing prefix ends with a zero byte");
        let mut i = 0;
        while i < start.len() {
            assert!(bytes[i] == start[i], "a signing prefix begins with \"hostler \"");
            i += 1;
        }
        Self(text)
    }

    /// Whether `signature` was made over `message` under this prefix with this key. Strict: small-order keys and other
    /// malleable encodings are refused.
    #[must_use]
    pub fn verifies(self, key: &PublicKey, message: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(&key.0)
            .is_ok_and(|key| key.verify_strict(&self.before(message), &Signature::from_bytes(signature)).is_ok())
    }

    fn before(self, message: &[u8]) -> Vec<u8> {
        [self.0.as_bytes(), message].concat()
    }
}

/// A member's key pair. Its `Debug` form shows the fingerprint only.
#[derive(Clone)]
pub struct MemberKey(SigningKey);

impl MemberKey {
    /// The key pair of this seed: 32 random bytes that nobody else knows.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// A new key pair from the operating system's randomness.
    ///
    /// # Errors
    /// Where the operating system gives none.
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut seed = [0; 32];
        SysRng.try_fill_bytes(&mut seed)?;
        Ok(Self::from_seed(&seed))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// The public half's fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.public())
    }

    /// Signs a message under a prefix.
    #[must_use]
    pub fn sign(&self, prefix: SigningPrefix, message: &[u8]) -> [u8; 64] {
        self.0.sign(&prefix.before(message)).to_bytes()
    }

    /// The 32 secret bytes, for the layers below, which sign events and tickets with them under prefixes of their own.
    #[must_use]
    pub fn secret(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for MemberKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemberKey({})", self.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREETING: SigningPrefix = SigningPrefix::new("hostler greeting 1\0");
    const FAREWELL: SigningPrefix = SigningPrefix::new("hostler farewell 1\0");

    #[test]
    fn a_fingerprint_never_changes() {
        // Ids in stored events are fingerprints: if this fails, no member knows itself any more.
        let key = MemberKey::from_seed(&[7; 32]);
        assert_eq!(key.fingerprint().to_string(), "4iqwj4epde4thqkiiz3ucxnzzq");
        assert_eq!(format!("{key:?}"), "MemberKey(4iqwj4epde4thqkiiz3ucxnzzq)", "the secret is never shown");
    }

    #[test]
    fn a_signature_is_good_for_one_key_prefix_and_message_only() {
        let (key, other) = (MemberKey::from_seed(&[1; 32]), MemberKey::from_seed(&[2; 32]));
        let good = key.sign(GREETING, b"hello");
        let mut bent = good;
        bent[40] ^= 1;
        for (who, prefix, message, signature, expected) in [
            (&key, GREETING, &b"hello"[..], &good, true),
            (&other, GREETING, b"hello", &good, false),
            (&key, FAREWELL, b"hello", &good, false),
            (&key, GREETING, b"hallo", &good, false),
            (&key, GREETING, b"hello", &bent, false),
        ] {
            assert_eq!(prefix.verifies(&who.public(), message, signature), expected, "{prefix:?} {message:?}");
        }
        assert!(!GREETING.verifies(&PublicKey([0; 32]), b"hello", &good), "a small-order key proves nothing");
    }

    #[test]
    fn generated_keys_differ() {
        let keys = [MemberKey::generate().unwrap(), MemberKey::generate().unwrap()];
        assert_ne!(keys[0].public(), keys[1].public());
    }
}
