//! The order of a site's events.

use crate::Header;
use hostler_model::{BrokerId, Epoch, Hlc, Incarnation};
use serde::{Deserialize, Serialize};

/// Where an event stands in its site: it extends causality, and each feed is already in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct OrderKey {
    /// The epoch that the author had seen.
    pub epoch: Epoch,
    /// When.
    pub hlc: Hlc,
    /// Whose.
    pub broker: BrokerId,
    /// In which life.
    pub incarnation: Incarnation,
    /// Place in the feed.
    pub seq: u64,
}

impl OrderKey {
    /// The place of the event with this header.
    #[must_use]
    pub fn of(h: &Header) -> Self {
        Self { epoch: h.epoch, hlc: h.hlc, broker: h.feed.broker, incarnation: h.feed.incarnation, seq: h.seq }
    }

    /// The order in which revocations are decided: epochs play no part in it.
    #[must_use]
    pub fn by_time(&self) -> (Hlc, BrokerId, Incarnation, u64) {
        (self.hlc, self.broker, self.incarnation, self.seq)
    }
}
