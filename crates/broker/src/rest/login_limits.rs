//! How often a password may be tried: per address and name, and per address. The table is bounded: where it is full,
//! the entry that has been idle longest goes, which is what an attacker with many addresses would reach anyway; the
//! hash's price is the limit that remains.

use hostler_model::Mono;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Tries that are allowed at once for one name from one address.
const TRIES: u32 = 5;
/// Tries that are allowed at once from one address, whatever the name.
const ADDRESS_TRIES: u32 = 30;
/// How long it takes until one more try is allowed, in ms.
const REFILL_MS: u64 = 12_000;
/// Entries in the table.
const ENTRIES: usize = 4_096;
/// Bytes of a name that are looked at.
const NAME_BYTES: usize = 64;

type Key = (Option<IpAddr>, Option<String>);

/// A bucket of tries: one falls in every [`REFILL_MS`].
struct Bucket {
    left: u32,
    since: Mono,
}

impl Bucket {
    fn refill(&mut self, most: u32, now: Mono) {
        let fresh = now.since(self.since) / REFILL_MS;
        self.left = self.left.saturating_add(u32::try_from(fresh).unwrap_or(u32::MAX)).min(most);
        self.since = if self.left == most { now } else { self.since.plus(fresh * REFILL_MS) };
    }
}

/// How often a password may be tried.
#[derive(Default)]
pub(crate) struct LoginLimits(Mutex<HashMap<Key, Bucket>>);

impl LoginLimits {
    /// Takes note of a try; an error is the number of seconds to wait. Counted before the password is looked at, so
    /// that many tries at once count too.
    pub(crate) fn try_login(&self, address: Option<IpAddr>, name: &str, now: Mono) -> Result<(), u64> {
        // IPv6 users have a /64 at least, so that is one address here.
        let address = address.map(whole_network);
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        take(&mut table, (address, Some(shortened(name))), TRIES, now)?;
        take(&mut table, (address, None), ADDRESS_TRIES, now)
    }

    /// The password was right: the tries before it were no attack.
    pub(crate) fn succeeded(&self, address: Option<IpAddr>, name: &str) {
        let address = address.map(whole_network);
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.remove(&(address, Some(shortened(name))));
        if let Some(bucket) = table.get_mut(&(address, None)) {
            bucket.left = bucket.left.saturating_add(1);
        }
    }
}

fn take(table: &mut HashMap<Key, Bucket>, key: Key, most: u32, now: Mono) -> Result<(), u64> {
    if table.len() >= ENTRIES && !table.contains_key(&key) {
        let oldest = table.iter().min_by_key(|(_, b)| b.since).map(|(k, _)| k.clone());
        if let Some(oldest) = oldest {
            table.remove(&oldest);
        }
    }
    let bucket = table.entry(key).or_insert(Bucket { left: most, since: now });
    bucket.refill(most, now);
    match bucket.left.checked_sub(1) {
        Some(left) => {
            bucket.left = left;
            Ok(())
        }
        None => Err(bucket.since.plus(REFILL_MS).since(now).div_ceil(1_000).max(1)),
    }
}

fn shortened(name: &str) -> String {
    name.to_lowercase().chars().take(NAME_BYTES).collect()
}

fn whole_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_counted_by_address_and_name() {
        let limits = LoginLimits::default();
        let at = |text: &str| Some(text.parse().unwrap());
        for (n, (address, name, ms, want)) in [
            ("10.0.0.1", "anna", 0, Ok(())),
            ("10.0.0.1", "ANNA", 0, Ok(())),
            ("10.0.0.1", "anna", 0, Ok(())),
            ("10.0.0.1", "anna", 0, Ok(())),
            ("10.0.0.1", "anna", 0, Ok(())),
            ("10.0.0.1", "anna", 0, Err(12)),
            ("10.0.0.2", "anna", 0, Ok(())),
            ("10.0.0.1", "bert", 0, Ok(())),
            ("10.0.0.1", "anna", 11_500, Err(1)),
            ("10.0.0.1", "anna", 12_000, Ok(())),
            ("10.0.0.1", "anna", 12_000, Err(12)),
            ("::ffff:10.0.0.1", "anna", 12_000, Err(12)),
            ("2001:db8::1", "anna", 0, Ok(())),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(limits.try_login(at(address), name, Mono(ms)), want, "{n}");
        }
        limits.succeeded(at("10.0.0.1"), "anna");
        assert_eq!(limits.try_login(at("10.0.0.1"), "anna", Mono(12_000)), Ok(()));
    }

    #[test]
    fn many_names_from_one_address_are_one_attack_and_the_table_stays_small() {
        let limits = LoginLimits::default();
        let tries = |last: u8| {
            (0..100)
                .filter(|n| limits.try_login(Some([10, 0, 0, last].into()), &n.to_string(), Mono(0)).is_ok())
                .count()
        };
        assert_eq!(tries(1), 30);
        for n in 0..10_000_u32 {
            let address = IpAddr::from(n.to_be_bytes());
            assert_eq!(limits.try_login(Some(address), "anna", Mono(u64::from(n))), Ok(()));
        }
        assert!(limits.0.lock().unwrap().len() <= ENTRIES);
    }
}
