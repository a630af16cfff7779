//! The open door's limits: anybody can knock there, so each address and each name gets only so many seats.

use super::seeded::{Seeded, Table};
use crate::catalog::RateLimit;
use hostler_model::{Mono, UserName};
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses and users that are remembered at once; further ones share one bucket until others have filled up again.
const BUCKETS: usize = 65_536;
/// One request, in the unit that buckets are filled by: a minute's ms.
const ONE: u64 = 60_000;

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: u64,
    at: Mono,
}

impl Bucket {
    fn filled(self, limit: RateLimit, now: Mono) -> u64 {
        let more = now.since(self.at).saturating_mul(u64::from(limit.per_minute));
        self.left.saturating_add(more).min(u64::from(limit.burst) * ONE)
    }

    /// Takes one request out. Where none is left: how long it takes until there is one, in s.
    fn take(&mut self, limit: RateLimit, now: Mono) -> Result<(), u64> {
        *self = Self { left: self.filled(limit, now), at: now };
        if let Some(left) = self.left.checked_sub(ONE) {
            self.left = left;
            return Ok(());
        }
        Err((ONE - self.left).div_ceil(u64::from(limit.per_minute).max(1)).div_ceil(1_000).max(1))
    }
}

#[derive(Debug)]
struct Buckets<K> {
    table: Table<K, Bucket>,
    shared: Option<Bucket>,
}

impl<K: Hash + Eq> Buckets<K> {
    fn take(&mut self, key: K, limit: RateLimit, now: Mono) -> Result<(), u64> {
        let full = Bucket { left: u64::from(limit.burst) * ONE, at: now };
        if self.table.len() >= BUCKETS && !self.table.contains_key(&key) {
            // Whoever's bucket is full again need not be remembered. Sweeping costs, so it is done only where the
            // shared bucket is used up.
            let shared = self.shared.get_or_insert(full);
            if shared.take(limit, now).is_ok() {
                return Ok(());
            }
            self.table.retain(|_, bucket| bucket.filled(limit, now) < full.left);
            if self.table.len() >= BUCKETS {
                return Err(1);
            }
        }
        self.table.entry(key).or_insert(full).take(limit, now)
    }
}

/// The buckets of a site.
#[derive(Debug)]
pub(super) struct Rates {
    addresses: Buckets<IpAddr>,
    users: Buckets<UserName>,
}

impl Rates {
    pub(super) fn new(seeded: &Seeded) -> Self {
        Self {
            addresses: Buckets { table: Table::with_hasher(seeded.clone()), shared: None },
            users: Buckets { table: Table::with_hasher(seeded.clone()), shared: None },
        }
    }

    /// Counts a request from an address. Where it is one too many: how long to wait, in s.
    pub(super) fn address(&mut self, client: IpAddr, limit: Option<RateLimit>, now: Mono) -> Result<(), u64> {
        limit.map_or(Ok(()), |limit| self.addresses.take(network(client), limit, now))
    }

    /// Counts a request for a user.
    pub(super) fn user(&mut self, user: &UserName, limit: Option<RateLimit>, now: Mono) -> Result<(), u64> {
        limit.map_or(Ok(()), |limit| self.users.take(user.clone(), limit, now))
    }
}

/// What one customer of a network has: an IPv4 address, or the first 64 bits of an IPv6 one.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits())),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_empty_and_fill_up_again() {
        let mut rates = Rates::new(&Seeded::new(&[0; 32]));
        let limit = Some(RateLimit { burst: 2, per_minute: 6 });
        let v4 = "192.0.2.1";
        for (at_ms, client, want) in [
            (0, v4, Ok(())),
            (0, "::ffff:192.0.2.1", Ok(())),
            (0, v4, Err(10)),
            (0, "192.0.2.2", Ok(())),
            (4_000, v4, Err(6)),
            (10_000, v4, Ok(())),
            (10_000, v4, Err(10)),
            (1_000_000, v4, Ok(())),
            (1_000_000, v4, Ok(())),
            (1_000_000, v4, Err(10)),
            (0, "2001:db8::1", Ok(())),
            (0, "2001:db8::2", Ok(())),
            (0, "2001:db8::3", Err(10)),
            (0, "2001:db8:0:1::3", Ok(())),
        ] {
            assert_eq!(rates.address(client.parse().unwrap(), limit, Mono(at_ms)), want, "{client} at {at_ms}");
        }
        assert_eq!(rates.address(v4.parse().unwrap(), None, Mono(0)), Ok(()), "no limit");
        let never = Some(RateLimit { burst: 0, per_minute: 0 });
        assert_eq!(rates.user(&"bob".parse().unwrap(), never, Mono(0)), Err(60));
    }

    #[test]
    fn a_flood_of_addresses_stays_within_its_bounds() {
        let mut rates = Rates::new(&Seeded::new(&[0; 32]));
        let limit = Some(RateLimit { burst: 3, per_minute: 60 });
        let mut refused = 0;
        for n in 0..BUCKETS as u32 + 10 {
            let client = IpAddr::V4(Ipv4Addr::from_bits(n));
            refused += u32::from(rates.address(client, limit, Mono(0)).is_err());
        }
        assert_eq!((rates.addresses.table.len(), refused), (BUCKETS, 7), "the last ten shared three");
        let newcomer = IpAddr::V4(Ipv4Addr::from_bits(u32::MAX));
        for _ in 0..10 {
            assert_eq!(rates.address(newcomer, limit, Mono(10_000)).is_ok(), refused < 13, "shared, then its own");
            refused += 1;
        }
        assert_eq!(rates.addresses.table.len(), 1, "full buckets are forgotten");
    }
}
