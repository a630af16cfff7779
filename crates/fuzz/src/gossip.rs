//! Datagrams of the membership protocol.

use crate::memory::bounded;
use hostler_model::{BrokerId, Mono};
use hostler_node::Members;
use rand::SeedableRng;
use rand::rngs::StdRng;

/// Time between two datagrams, in ms: some timers fire in between.
const BETWEEN_MS: u64 = 130;
/// Datagrams that may be answered with one, and what is due besides.
const ANSWERS: usize = 16;

/// Datagrams from a member, each after a byte with its length; what they say is nonsense at worst. Nobody is made up who
/// has no link, and no datagram makes an avalanche.
pub fn gossip(data: &[u8]) {
    let (me, peer) = (BrokerId([1; 16]), BrokerId([2; 16]));
    let mut members = Members::new(me, 1, StdRng::from_seed([7; 32]));
    let mut now = Mono(0);
    members.link(now, peer, true);
    let mut rest = data;
    while let Some((length, after)) = rest.split_first() {
        let (datagram, after) = after.split_at(after.len().min(usize::from(*length)));
        rest = after;
        now = now.plus(BETWEEN_MS);
        bounded(data.len(), || members.receive(now, datagram));
        members.tick(now);
        let answers = members.drain();
        assert!(answers.len() <= ANSWERS, "one datagram made {}", answers.len());
        assert!(answers.iter().all(|(to, _)| *to == peer), "something is sent to somebody without a link");
        assert!(members.alive().iter().all(|alive| *alive == peer), "somebody without a link is taken for alive");
    }
}
