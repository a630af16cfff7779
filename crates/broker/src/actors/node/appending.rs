//! Events that are to be written, until all of one time are together: they are one batch of the log.

use hostler_events::StoredEvent;
use hostler_log::limits::{GROUP_BYTES, GROUP_EVENTS};

/// Batches of the node that make one of the log.
#[derive(Default)]
pub(super) struct Appending {
    /// Their numbers.
    pub(super) batches: Vec<u64>,
    /// Their events, in their order.
    pub(super) events: Vec<StoredEvent>,
    bytes: usize,
}

impl Appending {
    /// Adds a batch. Where that would be more than the log takes at once, what was there before is handed back.
    pub(super) fn put(&mut self, batch: u64, events: Vec<StoredEvent>) -> Option<Self> {
        let bytes: usize = events.iter().map(|event| event.bytes().len()).sum();
        let too_much = self.events.len() + events.len() > GROUP_EVENTS || self.bytes + bytes > GROUP_BYTES;
        let full = (too_much && !self.batches.is_empty()).then(|| std::mem::take(self));
        self.batches.push(batch);
        self.events.extend(events);
        self.bytes += bytes;
        full
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_log::testing::Chain;

    #[test]
    fn a_batch_of_the_log_has_no_more_than_it_takes() {
        let events = Chain::new(1).events(GROUP_EVENTS);
        let (most, one) = (events[1..].to_vec(), events[..1].to_vec());
        let mut appending = Appending::default();
        assert!(appending.put(1, one.clone()).is_none());
        assert!(appending.put(2, most).is_none());
        let full = appending.put(3, one.clone()).unwrap();
        assert_eq!((full.batches, full.events), (vec![1, 2], events));
        assert_eq!((&appending.batches, &appending.events), (&vec![3], &one));
    }
}
