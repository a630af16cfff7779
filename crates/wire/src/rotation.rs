//! Replaces the key of an agent or a gateway while it runs, and finds out at a start which of two keys counts where it
//! was cut off in the middle of that. A broker does it otherwise: it writes the event itself.
//!
//! The next key is on the disk before a broker hears of it. Once a link came about with it, it is the key. Whoever has
//! two keys and no link tries one after the other.

use crate::dialer::Dialer;
use crate::key::{Fingerprint, MemberKey, SigningPrefix};
use crate::key_ring::KeyRing;
use hostler_model::PublicKey;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

/// How often is looked whether somebody wants a new key, in ms.
const LOOK_MS: u64 = 500;
/// How long a key is tried without a link, where there are two, in ms.
const TRY_MS: u64 = 4_000;
/// How long after a refusal a broker is asked again, in ms.
const AGAIN_MS: u64 = 2_000;

const PROOF: SigningPrefix = SigningPrefix::new("hostler new key 1\0");

/// Proof that a member has the key that it wants to have: nobody can claim somebody else's.
#[must_use]
pub fn key_proof(key: &MemberKey, member: [u8; 16]) -> Vec<u8> {
    key.sign(PROOF, &member).to_vec()
}

/// True where the proof is good.
#[must_use]
pub fn proves_key(key: &PublicKey, member: [u8; 16], proof: &[u8]) -> bool {
    proof.try_into().is_ok_and(|proof| PROOF.verifies(key, &member, proof))
}

/// The links of a member to its brokers.
pub trait KeyLinks: Send + Sync {
    /// True where at least one is up.
    fn linked(&self) -> impl Future<Output = bool> + Send;
    /// Asks a broker to put this key in the place of the one that the link was made with. An error is a sentence.
    fn replace(&self, key: PublicKey, proof: Vec<u8>) -> impl Future<Output = Result<(), String>> + Send;
}

/// Runs as long as the member does. `member` is its id.
pub async fn rotate(
    ring: KeyRing,
    member: [u8; 16],
    mut current: Arc<MemberKey>,
    dialer: Arc<Dialer>,
    links: impl KeyLinks,
) {
    let mut said = String::new();
    let mut linked_at = Instant::now();
    loop {
        sleep(Duration::from_millis(LOOK_MS)).await;
        let Some(shown) = dialer.key() else { return };
        let looked = {
            let ring = ring.clone();
            spawn_blocking(move || ring.prepare()).await
        };
        let next = match looked {
            Ok(Ok(Some(next))) => Arc::new(next),
            Ok(Ok(None)) => {
                linked_at = Instant::now();
                continue;
            }
            Ok(Err(error)) => {
                say(&mut said, format!("the next key can't be used: {error}"));
                continue;
            }
            Err(_) => continue,
        };
        let linked = links.linked().await;
        if linked {
            linked_at = Instant::now();
        }
        let tried_enough = linked_at.elapsed() >= Duration::from_millis(TRY_MS);
        if shown == next.public() && linked {
            let (ring, key) = (ring.clone(), next.fingerprint());
            match spawn_blocking(move || ring.complete()).await {
                Ok(Ok(())) => {
                    tracing::info!(%key, "the key was replaced; the new one is in use");
                    current = next;
                    said.clear();
                }
                Ok(Err(error)) => say(&mut said, format!("the new key is in use, and not in its place: {error}")),
                Err(_) => {}
            }
        } else if linked {
            match links.replace(next.public(), key_proof(&next, member)).await {
                Ok(()) => show(&dialer, next).await,
                Err(why) => {
                    say(&mut said, format!("the key was not replaced: {why}"));
                    sleep(Duration::from_millis(AGAIN_MS)).await;
                }
            }
        } else if tried_enough {
            linked_at = Instant::now();
            show(&dialer, if shown == next.public() { current.clone() } else { next }).await;
        }
    }
}

async fn show(dialer: &Dialer, key: Arc<MemberKey>) {
    tracing::info!(key = %Fingerprint::of(&key.public()), "the links are made anew with this key");
    if let Err(error) = dialer.show(key).await {
        tracing::error!(%error, "no link can be made with another key");
    }
}

/// Once for each cause.
fn say(said: &mut String, text: String) {
    if *said != text {
        tracing::warn!("{text}");
        *said = text;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_good_for_one_key_and_one_member() {
        let (key, other) = (MemberKey::from_seed(&[1; 32]), MemberKey::from_seed(&[2; 32]));
        let proof = key_proof(&key, [7; 16]);
        for (of, member, proof, good) in [
            (&key, [7; 16], &proof[..], true),
            (&key, [8; 16], &proof[..], false),
            (&other, [7; 16], &proof[..], false),
            (&key, [7; 16], &proof[1..], false),
        ] {
            assert_eq!(proves_key(&of.public(), member, proof), good);
        }
    }
}
