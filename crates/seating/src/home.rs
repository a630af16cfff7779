//! Which broker serialises a user's requests: rendezvous hashing (Thaler and Ravishankar, 1998). All brokers and
//! gateways must agree on it, over versions too, so the hash is fixed by golden values.

use hostler_model::{BrokerId, UserName};

/// The brokers in the order in which they are asked for a user: the first is the user's home broker, the next takes
/// over where it does not answer. When a broker comes or goes, only the users that it had or gets move.
///
/// `brokers` are the live, enabled brokers of the site, in any order.
#[must_use]
pub fn home_order(user: &UserName, brokers: &[BrokerId]) -> Vec<BrokerId> {
    let mut weighed: Vec<(u64, BrokerId)> = brokers.iter().map(|b| (weight(user, *b), *b)).collect();
    weighed.sort_unstable_by(|a, b| b.cmp(a));
    weighed.dedup();
    weighed.into_iter().map(|(_, broker)| broker).collect()
}

/// The first eight bytes of BLAKE3(broker, user), as a little-endian number. The broker's id has a fixed length, so no
/// two pairs have the same bytes.
fn weight(user: &UserName, broker: BrokerId) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&broker.0).update(user.as_str().as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker(n: u8) -> BrokerId {
        BrokerId([n; 16])
    }

    fn user(name: &str) -> UserName {
        name.parse().unwrap()
    }

    #[test]
    fn the_order_never_changes() {
        for (name, order) in [("alice", [2, 3, 1]), ("bob", [3, 1, 2]), ("carol@example.org", [2, 3, 1])] {
            assert_eq!(home_order(&user(name), &[broker(1), broker(2), broker(3)]), order.map(broker), "{name}");
            assert_eq!(home_order(&user(name), &[broker(3), broker(1), broker(2), broker(1)]), order.map(broker));
        }
        assert_eq!(weight(&user("alice"), broker(1)), 0x3166_7167_1db4_1daf);
        assert_eq!(home_order(&user("alice"), &[]), []);
    }

    #[test]
    fn users_are_spread_and_only_those_of_a_lost_broker_move() {
        let three = [broker(1), broker(2), broker(3)];
        let mut homes = [0; 3];
        for n in 0..30_000 {
            let user = user(&format!("user{n}"));
            let order = home_order(&user, &three);
            homes[usize::from(order[0].0[0]) - 1] += 1;
            let left: Vec<BrokerId> = order.iter().copied().filter(|b| *b != broker(2)).collect();
            assert_eq!(home_order(&user, &[broker(1), broker(3)]), left);
        }
        assert!(homes.iter().all(|n| (9_700..10_300).contains(n)), "{homes:?}");
    }
}
