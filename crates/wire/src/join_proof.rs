//! How a joiner proves that it holds a token without showing the secret: by a signature over what only the two ends of
//! this very connection know (the TLS exporter) and the key that wants to join. Somebody in between has another
//! connection, hence another exporter, and can pass on neither the proof nor a key of its own.
//!
//! The signing key comes from the secret, and the log keeps its public half only, the [`JoinVerifier`]: whoever reads
//! the log can check a proof, and can neither make one nor find the token.

use crate::close::Closed;
use crate::connection::Connection;
use crate::key::{MemberKey, NoRandomness, SigningPrefix};
use hostler_model::PublicKey;
use rand::TryRng;
use rand::rngs::SysRng;
use serde::{Deserialize, Serialize};
use std::fmt;

const KEY_CONTEXT: &str = "hostler 1 join token signing key";
const PROOF_PREFIX: SigningPrefix = SigningPrefix::new("hostler join proof 1\0");
const EXPORTER_LABEL: &str = "EXPORTER-hostler-join-1";
/// An Ed25519 signature (RFC 8032, 5.1.6).
const PROOF_BYTES: usize = 64;

/// The secret in a join token: 128 random bits, so that there is nothing to guess.
#[derive(Clone)]
pub struct JoinSecret([u8; 16]);

impl JoinSecret {
    /// From 16 random bytes.
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        Self(random)
    }

    /// A new one from the operating system's randomness.
    ///
    /// # Errors
    /// Where the operating system gives none.
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut random = [0; 16];
        SysRng.try_fill_bytes(&mut random)?;
        Ok(Self(random))
    }

    /// What the issuer keeps.
    #[must_use]
    pub fn verifier(&self) -> JoinVerifier {
        JoinVerifier(self.key().public().0)
    }

    fn key(&self) -> MemberKey {
        MemberKey::from_seed(&blake3::derive_key(KEY_CONTEXT, &self.0))
    }

    pub(crate) fn bytes(&self) -> [u8; 16] {
        self.0
    }
}

impl PartialEq for JoinSecret {
    fn eq(&self, other: &Self) -> bool {
        self.verifier() == other.verifier()
    }
}

impl Eq for JoinSecret {}

impl fmt::Debug for JoinSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinSecret(…)")
    }
}

/// What is kept of a join token's secret: the public half of the key that its proofs are signed with.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinVerifier(pub [u8; 32]);

impl JoinVerifier {
    /// Whether this proof was made with the secret, on the connection with this exporter, by whoever has this key.
    #[must_use]
    pub fn accepts(&self, proof: &JoinProof, exporter: &[u8; 32], joiner: &PublicKey) -> bool {
        PROOF_PREFIX.verifies(&PublicKey(self.0), &signed(exporter, joiner), &proof.0)
    }
}

impl fmt::Debug for JoinVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinVerifier(…)")
    }
}

/// What the joiner sends instead of the secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct JoinProof([u8; PROOF_BYTES]);

impl JoinProof {
    /// As it came in a message; `None` where it has another length than a proof.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// As it goes into a message.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_vec()
    }
}

impl fmt::Debug for JoinProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinProof(…)")
    }
}

/// The proof for this secret, exporter and joining key.
#[must_use]
pub fn proof(secret: &JoinSecret, exporter: &[u8; 32], joiner: &PublicKey) -> JoinProof {
    JoinProof(secret.key().sign(PROOF_PREFIX, &signed(exporter, joiner)))
}

fn signed(exporter: &[u8; 32], joiner: &PublicKey) -> [u8; 64] {
    let mut message = [0; 64];
    message[..32].copy_from_slice(exporter);
    message[32..].copy_from_slice(&joiner.0);
    message
}

/// The exporter that join proofs are made over, equal on both ends of a connection.
///
/// # Errors
/// Where the connection is closed.
pub fn exporter(connection: &Connection) -> Result<[u8; 32], Closed> {
    connection.exporter(EXPORTER_LABEL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_good_for_its_secret_connection_and_key_only() {
        let (secret, other) = (JoinSecret::new([1; 16]), JoinSecret::new([2; 16]));
        let (exporter, key) = ([3; 32], PublicKey([4; 32]));
        let good = proof(&secret, &exporter, &key);
        let mut bent = good;
        bent.0[40] ^= 1;
        // What somebody could try who has read the verifier in the log.
        let stolen = JoinProof(MemberKey::from_seed(&secret.verifier().0).sign(PROOF_PREFIX, &signed(&exporter, &key)));
        for (verifier, proof, exporter, key, expected) in [
            (secret.verifier(), good, [3; 32], PublicKey([4; 32]), true),
            (other.verifier(), good, [3; 32], PublicKey([4; 32]), false),
            (secret.verifier(), bent, [3; 32], PublicKey([4; 32]), false),
            (secret.verifier(), stolen, [3; 32], PublicKey([4; 32]), false),
            (secret.verifier(), good, [5; 32], PublicKey([4; 32]), false),
            (secret.verifier(), good, [3; 32], PublicKey([5; 32]), false),
        ] {
            assert_eq!(verifier.accepts(&proof, &exporter, &key), expected);
        }
        assert_ne!(secret.verifier().0[..16], secret.bytes(), "the verifier does not show the secret");
        assert_eq!(
            format!("{secret:?} {:?} {good:?}", secret.verifier()),
            "JoinSecret(…) JoinVerifier(…) JoinProof(…)"
        );
        assert_eq!(JoinProof::from_bytes(&good.to_bytes()), Some(good));
        assert_eq!([0, 63, 65].map(|n| JoinProof::from_bytes(&vec![0; n])), [None; 3], "of any other length");
    }
}
