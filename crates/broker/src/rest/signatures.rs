//! Signatures that were found to be good. A client sends the same token with every request, and checking its signature
//! takes longer than most of what is asked.

use hostler_model::PublicKey;
use hostler_wire::SigningPrefix;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Signatures that are remembered; where there are more, all are forgotten.
const REMEMBERED: usize = 1_024;

/// Those of one kind of token.
#[derive(Default)]
pub(crate) struct Signatures(Mutex<HashSet<[u8; 32]>>);

impl Signatures {
    /// Whether this is the key's signature. What else makes a token good, its time and who it is of, is not looked at.
    pub(crate) fn verifies(
        &self,
        prefix: SigningPrefix,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8; 64],
    ) -> bool {
        // The parts before the last have fixed lengths, so that no two triples look the same.
        let mut hasher = blake3::Hasher::new();
        hasher.update(&key.0).update(signature).update(message);
        let hash = *hasher.finalize().as_bytes();
        if self.known().contains(&hash) {
            return true;
        }
        let good = prefix.verifies(key, message, signature);
        if good {
            let mut known = self.known();
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(hash);
        }
        good
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashSet<[u8; 32]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_wire::MemberKey;

    #[test]
    fn only_what_was_good_is_remembered() {
        let (key, other) = (MemberKey::from_seed(&[1; 32]), MemberKey::from_seed(&[2; 32]));
        let prefix = SigningPrefix::new("hostler test 1\0");
        let (good, bad) = (key.sign(prefix, b"message"), other.sign(prefix, b"message"));
        let signatures = Signatures::default();
        for round in 0..3 {
            for (what, key, message, signature, want) in [
                ("good", &key, &b"message"[..], &good, true),
                ("another key's", &key, b"message", &bad, false),
                ("by another key", &other, b"message", &good, false),
                ("another message", &key, b"massage", &good, false),
            ] {
                let got = signatures.verifies(prefix, &key.public(), message, signature);
                assert_eq!(got, want, "{what}, round {round}");
            }
            assert_eq!(signatures.known().len(), 1);
        }
        for n in 0..=REMEMBERED {
            let message = n.to_be_bytes();
            assert!(signatures.verifies(prefix, &key.public(), &message, &key.sign(prefix, &message)));
        }
        assert!(signatures.known().len() <= REMEMBERED);
    }
}
