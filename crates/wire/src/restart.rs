//! How the other sides of a member's connections learn at once that it has been started anew (RFC 9000, 10.3).
//!
//! A process that was killed can't say goodbye, and its successor knows nothing of its connections. But it can answer a
//! packet of one with the token that the other side was given when the connection began, if it can make the same token
//! again: so the tokens come from the member's key instead of from chance, and so do the signs by which a connection's
//! id is known as one of ours. Without this the other side would wait until the connection has been silent for so long
//! that it counts as lost.

use crate::key::MemberKey;
use crate::service::Service;
use quinn::EndpointConfig;
use quinn::crypto::{CryptoError, HmacKey};
use quinn_proto::HashedConnectionIdGenerator;
use std::sync::Arc;
use std::time::Duration;

/// Tokens and ids belong to one key and one service; a member's services share no port.
const CONTEXT: &str = "hostler 1 quic stateless reset";
/// A token, in bytes.
const TOKEN_BYTES: usize = 16;
/// The least time between two such answers, in ms. A thousand agents notice within a second; who sends more packets of
/// no connection gets answers for a few of them, each shorter than the packet.
const BETWEEN_ANSWERS_MS: u64 = 1;

/// The configuration of an endpoint whose former connections are recognised after a restart.
pub(crate) fn endpoint_config(key: &MemberKey, service: Service) -> EndpointConfig {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(key.secret()).update(service.protocol().as_bytes());
    let mut output = hasher.finalize_xof();
    let (mut reset, mut ids) = ([0; 32], [0; 8]);
    output.fill(&mut reset);
    output.fill(&mut ids);
    let ids = u64::from_le_bytes(ids);
    let mut config = EndpointConfig::new(Arc::new(ResetKey(reset)));
    config
        .cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(ids)))
        .min_reset_interval(Duration::from_millis(BETWEEN_ANSWERS_MS));
    config
}

/// Makes the tokens.
struct ResetKey([u8; 32]);

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        let token = blake3::keyed_hash(&self.0, data);
        for (out, byte) in signature_out.iter_mut().zip(token.as_bytes()) {
            *out = *byte;
        }
    }

    fn signature_len(&self) -> usize {
        TOKEN_BYTES
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let mut wanted = [0; TOKEN_BYTES];
        self.sign(data, &mut wanted);
        // The hash of both, since comparing hashes takes the same time wherever they differ.
        if blake3::hash(&wanted) == blake3::hash(signature) { Ok(()) } else { Err(CryptoError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens() {
        let (key, other) = (ResetKey([1; 32]), ResetKey([2; 32]));
        let mut token = [0; TOKEN_BYTES];
        key.sign(b"connection", &mut token);
        for (by, id, good) in [(&key, "connection", true), (&key, "another", false), (&other, "connection", false)] {
            assert_eq!(by.verify(id.as_bytes(), &token).is_ok(), good, "{id}");
        }
        assert!(key.verify(b"connection", &token[1..]).is_err());
    }
}
