//! Whom the agent believes about the brokers of its site: the list of the highest epoch that it has seen.
//!
//! Only structural orders are fenced. Seats are not: in a cut network every side goes on seating.

use hostler_model::Epoch;
use hostler_model::limits::BROKERS_PER_SITE;
use hostler_wire::messages::roster::BrokerList;
use std::collections::BTreeSet;

/// What to do with a list of brokers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ruling {
    /// It counts from now on.
    Taken,
    /// It is the one that counts already.
    Known,
    /// It came under a lower epoch than this one.
    Fenced(Epoch),
    /// No list can be like this; it changes nothing.
    Nonsense(&'static str),
}

/// The list that counts, and under which epoch the host's settings came.
#[derive(Clone, Debug)]
pub(crate) struct BrokerBook {
    list: BrokerList,
    settings_under: Epoch,
}

impl BrokerBook {
    pub(crate) fn new(list: BrokerList) -> Self {
        Self { list, settings_under: Epoch::NONE }
    }

    pub(crate) fn list(&self) -> &BrokerList {
        &self.list
    }

    /// The highest epoch that was seen.
    pub(crate) fn epoch(&self) -> Epoch {
        self.list.epoch
    }

    /// Within one epoch the later list counts: an older one comes from a broker that lags behind, which will send the
    /// newer one.
    pub(crate) fn judge_list(&mut self, list: BrokerList) -> Ruling {
        if list.epoch < self.list.epoch {
            return Ruling::Fenced(self.list.epoch);
        }
        if let Some(why) = nonsense(&list) {
            return Ruling::Nonsense(why);
        }
        let older = list.epoch == self.list.epoch && list.changed < self.list.changed;
        if older || list == self.list {
            return Ruling::Known;
        }
        self.list = list;
        Ruling::Taken
    }

    /// A structural order under an epoch. The error is the one that was seen.
    pub(crate) fn judge_order(&self, under: Epoch) -> Result<(), Epoch> {
        if under < self.list.epoch { Err(self.list.epoch) } else { Ok(()) }
    }

    /// Settings that came on a link whose broker stands at the epoch `under`. They are refused where those in force
    /// came under a higher one; after a restart none are in force, and what a broker says is better than nothing.
    pub(crate) fn judge_settings(&mut self, under: Epoch) -> Result<(), Epoch> {
        if under < self.settings_under {
            return Err(self.list.epoch);
        }
        self.settings_under = under;
        Ok(())
    }
}

/// What can't be. An agent without a broker to connect to would never hear of another one.
pub(crate) fn nonsense(list: &BrokerList) -> Option<&'static str> {
    let (ids, keys): (BTreeSet<_>, BTreeSet<_>) = list.brokers.iter().map(|b| (b.id, b.key)).unzip();
    match list.brokers.len() {
        0 => Some("it names no broker"),
        n if n > BROKERS_PER_SITE => Some("it names more brokers than a site can have"),
        n if n > ids.len() || n > keys.len() => Some("it names a broker or a key twice"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_events::payload::BrokerAddresses;
    use hostler_model::{BrokerId, Hlc, PublicKey, Wall};
    use hostler_wire::messages::roster::BrokerEntry;

    fn epoch(n: u64, at: u64, broker: u8) -> Epoch {
        Epoch { n, hlc: Hlc { wall: Wall(at), counter: 0 }, broker: BrokerId([broker; 16]) }
    }

    fn list(epoch: Epoch, brokers: &[(u8, u8)]) -> BrokerList {
        let at = |port| format!("127.0.0.1:{port}").parse().unwrap();
        let addresses = BrokerAddresses { join: at(1), access: at(2), agent: at(3), peer: at(4) };
        let entry = |(id, key): &(u8, u8)| BrokerEntry {
            id: BrokerId([*id; 16]),
            name: format!("b{id}").parse().unwrap(),
            key: PublicKey([*key; 32]),
            addresses: addresses.clone(),
            enabled: true,
        };
        BrokerList { epoch, changed: Hlc::default(), brokers: brokers.iter().map(entry).collect() }
    }

    #[test]
    fn lists() {
        let seen = epoch(3, 10, 2);
        let many: Vec<(u8, u8)> = (0..10).map(|i| (i, i)).collect();
        for (offered, ruling) in [
            (list(seen, &[(1, 1)]), Ruling::Known),
            (list(seen, &[(1, 1), (2, 2)]), Ruling::Taken),
            (list(epoch(4, 1, 1), &[(2, 2)]), Ruling::Taken),
            (list(epoch(2, 99, 9), &[(2, 2)]), Ruling::Fenced(seen)),
            // All three parts count.
            (list(epoch(3, 9, 9), &[(2, 2)]), Ruling::Fenced(seen)),
            (list(epoch(3, 10, 1), &[(2, 2)]), Ruling::Fenced(seen)),
            (list(epoch(3, 11, 1), &[(2, 2)]), Ruling::Taken),
            (list(epoch(9, 1, 1), &[]), Ruling::Nonsense("it names no broker")),
            (list(epoch(9, 1, 1), &[(1, 1), (1, 2)]), Ruling::Nonsense("it names a broker or a key twice")),
            (list(epoch(9, 1, 1), &[(1, 1), (2, 1)]), Ruling::Nonsense("it names a broker or a key twice")),
            (list(epoch(9, 1, 1), &many), Ruling::Nonsense("it names more brokers than a site can have")),
        ] {
            let mut book = BrokerBook::new(list(seen, &[(1, 1)]));
            let (before, taken) = (book.list().clone(), ruling == Ruling::Taken);
            assert_eq!(book.judge_list(offered.clone()), ruling, "{offered:?}");
            assert_eq!(*book.list(), if taken { offered } else { before });
        }
    }

    #[test]
    fn within_one_epoch_the_later_list_counts() {
        let at = |changed, brokers| {
            let changed = Hlc { wall: Wall(changed), counter: 0 };
            BrokerList { changed, ..list(epoch(1, 1, 1), brokers) }
        };
        let mut book = BrokerBook::new(at(10, &[(1, 1), (2, 2)]));
        assert_eq!(book.judge_list(at(9, &[(1, 1)])), Ruling::Known, "of a broker that lags behind");
        assert_eq!(book.judge_list(at(11, &[(1, 1)])), Ruling::Taken);
        assert_eq!(book.list().brokers.len(), 1);
    }

    #[test]
    fn settings() {
        let (low, high) = (epoch(1, 1, 1), epoch(2, 1, 1));
        let mut book = BrokerBook::new(list(high, &[(1, 1)]));
        assert_eq!(book.judge_settings(low), Ok(()), "better than none");
        assert_eq!(book.judge_settings(high), Ok(()));
        assert_eq!(book.judge_settings(low), Err(high));
        assert_eq!(book.judge_settings(high), Ok(()));
    }
}
