//! Keys that the views don't hold any more and that are let in for a moment longer: a member whose key was replaced must
//! hear of it over the link that it has, and a broker that was removed must get the event that says so.

use hostler_model::{MemberRole, PublicKey};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long a key that was replaced is good beside the new one, in ms.
const REPLACED_MS: u64 = 1_000;
/// How long a broker that was removed gets the log, in ms.
const REMOVED_MS: u64 = 300;

/// How a member left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Left {
    /// Its key is worth nothing from this moment on.
    AtOnce,
    /// It is to hear of it.
    Removed,
}

/// The keys that are good, and those that were a moment ago.
#[derive(Default)]
pub(crate) struct Overlap(HashMap<MemberRole, Keys>);

/// Those of one role.
#[derive(Default)]
struct Keys {
    listed: HashMap<PublicKey, [u8; 16]>,
    leaving: HashMap<PublicKey, ([u8; 16], Instant)>,
}

impl Overlap {
    /// The keys of a role that are let in, where the views hold `keys`. `left` says how a member left that has no key
    /// any more.
    pub(crate) fn keys(
        &mut self,
        role: MemberRole,
        keys: Vec<(PublicKey, [u8; 16])>,
        left: impl Fn([u8; 16]) -> Left,
        now: Instant,
    ) -> Vec<(PublicKey, [u8; 16])> {
        let good: HashMap<PublicKey, [u8; 16]> = keys.iter().copied().collect();
        let Keys { listed, leaving } = self.0.entry(role).or_default();
        for (key, id) in std::mem::take(listed).into_iter().filter(|(key, _)| !good.contains_key(key)) {
            let for_ms = match keys.iter().any(|(_, other)| *other == id) {
                true => REPLACED_MS,
                false if left(id) == Left::Removed => REMOVED_MS,
                false => continue,
            };
            leaving.insert(key, (id, now + Duration::from_millis(for_ms)));
        }
        // A key that was replaced is worth nothing once its member is gone.
        leaving.retain(|key, (id, until)| {
            let stays = keys.iter().any(|(_, other)| other == id) || left(*id) == Left::Removed;
            *until > now && stays && !good.contains_key(key)
        });
        *listed = good;
        keys.into_iter().chain(leaving.iter().map(|(key, (id, _))| (*key, *id))).collect()
    }

    /// When the next key is worth nothing any more.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.0.values().flat_map(|keys| keys.leaving.values()).map(|(_, until)| *until).min()
    }

    /// Whether a key of this role is worth nothing any more, and still let in.
    pub(crate) fn is_due(&self, role: MemberRole, now: Instant) -> bool {
        self.0.get(&role).is_some_and(|keys| keys.leaving.values().any(|(_, until)| *until <= now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_were_replaced_and_removed_brokers_have_a_moment() {
        let key = |n| PublicKey([n; 32]);
        let (old, new, other) = ((key(1), [1; 16]), (key(2), [1; 16]), (key(3), [3; 16]));
        let start = Instant::now();
        let mut overlap = Overlap::default();
        // (after ms, what the views hold, how others leave, what is let in)
        for (at_ms, held, left, wanted) in [
            (0, vec![old, other], Left::Removed, vec![old, other]),
            (10, vec![new, other], Left::Removed, vec![new, other, old]),
            (20, vec![new], Left::Removed, vec![new, old, other]),
            (320, vec![new], Left::Removed, vec![new, old]),
            (1_009, vec![new], Left::Removed, vec![new, old]),
            (1_010, vec![new], Left::Removed, vec![new]),
            (1_020, vec![old], Left::AtOnce, vec![old, new]),
            // Stolen: neither of its keys is good for a moment.
            (1_030, vec![], Left::AtOnce, vec![]),
        ] {
            let now = start + Duration::from_millis(at_ms);
            let mut good = overlap.keys(MemberRole::Broker, held, |_| left, now);
            let mut wanted = wanted;
            good.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(good, wanted, "after {at_ms} ms");
            // Other roles have nothing to do with it.
            assert_eq!(overlap.keys(MemberRole::Agent, vec![other], |_| Left::AtOnce, now), [other]);
        }
        assert_eq!(overlap.deadline(), None);
    }
}
