//! Places for clients: so many in all, and so many for each address, so that nobody can take them all.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Bits of an IPv6 address that name a network; who has one network has all of its addresses.
const NETWORK_BITS: u32 = 64;

/// Why there is no place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum NoPlace {
    #[error("the gateway has {0} connections, as many as it takes")]
    Full(u32),
    #[error("the client's address has {0} connections, as many as one may have")]
    Address(usize),
}

/// All places.
pub(crate) struct Places {
    all: u32,
    per_address: usize,
    free: Arc<Semaphore>,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// One place; free again when it is dropped.
pub(crate) struct Place {
    places: Arc<Places>,
    address: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(crate) fn new(connections: usize, per_address: usize) -> Arc<Self> {
        let all = u32::try_from(connections.min(Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        let free = Arc::new(Semaphore::new(all as usize));
        Arc::new(Self { all, per_address, free, taken: Mutex::default() })
    }

    pub(crate) fn take(self: &Arc<Self>, client: IpAddr) -> Result<Place, NoPlace> {
        let permit = self.free.clone().try_acquire_owned().map_err(|_| NoPlace::Full(self.all))?;
        let address = network(client);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.get(&address).copied().unwrap_or(0);
        if count >= self.per_address {
            return Err(NoPlace::Address(self.per_address));
        }
        taken.insert(address, count + 1);
        drop(taken);
        Ok(Place { places: self.clone(), address, _permit: permit })
    }

    /// Waits until all are free again; false where that takes longer.
    pub(crate) async fn all_free(&self, within: Duration) -> bool {
        timeout(within, self.free.acquire_many(self.all)).await.is_ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                taken.remove(&self.address);
            }
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !(u128::MAX >> NETWORK_BITS)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_two_limits() {
        let places = Places::new(3, 2);
        let mut held = Vec::new();
        for (client, refused) in [
            ("10.0.0.1", None),
            ("::ffff:10.0.0.1", None),
            ("10.0.0.1", Some(NoPlace::Address(2))),
            ("2001:db8:1:2::1", None),
            ("10.0.0.2", Some(NoPlace::Full(3))),
        ] {
            let place = places.take(client.parse().unwrap());
            assert_eq!(place.as_ref().err().copied(), refused, "{client}");
            held.extend(place);
        }
        held.clear();
        assert!(places.taken.lock().unwrap().is_empty(), "an address that left is forgotten");
        let a = places.take("2001:db8:1:2::1".parse().unwrap());
        let b = places.take("2001:db8:1:2:ffff::1".parse().unwrap());
        assert!(a.is_ok() && b.is_ok());
        assert_eq!(places.take("2001:db8:1:2::3".parse().unwrap()).err(), Some(NoPlace::Address(2)));
        assert!(places.take("2001:db8:1:3::1".parse().unwrap()).is_ok(), "the next network");
    }
}
