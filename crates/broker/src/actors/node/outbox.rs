//! What is to be sent to other brokers, until what the node had to say at one time is together: under load many events
//! then go in one message, are checked by one look at their signatures, stored by one sync, and answered by one word.

use hostler_log::limits::GROUP_EVENTS;
use hostler_model::{BrokerId, limits};
use hostler_node::Message;

/// Messages that wait to be sent.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: Vec<(BrokerId, Message)>,
}

impl Outbox {
    /// Adds a message. Of the order of messages to one broker only this changes: events, and the word that events are
    /// stored, join what is already waiting of their kind behind anything else. Neither says anything about the other.
    pub(super) fn put(&mut self, to: BrokerId, message: Message) {
        let late = self.waiting.iter_mut().rev().filter(|(other, _)| *other == to).map(|(_, message)| message);
        for before in late.take_while(|before| matches!(before, Message::Push(_) | Message::Stored { .. })) {
            match (before, &message) {
                (Message::Push(events), Message::Push(more)) => {
                    let bytes: usize = events.iter().chain(more).map(|event| event.len()).sum();
                    if events.len() + more.len() > GROUP_EVENTS || bytes > limits::CHUNK_BYTES {
                        break;
                    }
                    events.extend_from_slice(more);
                    return;
                }
                (Message::Stored { feed, seq }, Message::Stored { feed: same, seq: later }) if feed == same => {
                    *seq = (*seq).max(*later);
                    return;
                }
                _ => {}
            }
        }
        self.waiting.push((to, message));
    }

    /// Takes all out, in their order.
    pub(super) fn take(&mut self) -> Vec<(BrokerId, Message)> {
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use hostler_model::{Feed, Incarnation, SiteId};

    const A: BrokerId = BrokerId([1; 16]);
    const B: BrokerId = BrokerId([2; 16]);

    fn push(events: &[usize]) -> Message {
        Message::Push(events.iter().map(|bytes| Bytes::from(vec![0; *bytes])).collect())
    }

    fn stored(broker: BrokerId, seq: u64) -> Message {
        Message::Stored { feed: Feed { broker, incarnation: Incarnation { ordinal: 1, random: 1 } }, seq }
    }

    fn gather() -> Message {
        Message::Gather { round: 1, site: SiteId([1; 16]) }
    }

    #[test]
    fn what_goes_together() {
        let much = limits::CHUNK_BYTES;
        let many = vec![1; GROUP_EVENTS];
        for (put, want) in [
            (vec![(A, push(&[1])), (B, push(&[2])), (A, push(&[3]))], vec![(A, push(&[1, 3])), (B, push(&[2]))]),
            (
                vec![(A, push(&[1])), (A, gather()), (A, push(&[2]))],
                vec![(A, push(&[1])), (A, gather()), (A, push(&[2]))],
            ),
            (vec![(A, push(&[much])), (A, push(&[1])), (A, push(&[1]))], vec![(A, push(&[much])), (A, push(&[1, 1]))]),
            (vec![(A, push(&many)), (A, push(&[1]))], vec![(A, push(&many)), (A, push(&[1]))]),
            (
                vec![(A, stored(A, 1)), (A, stored(B, 5)), (A, push(&[1])), (A, stored(A, 3)), (A, stored(A, 2))],
                vec![(A, stored(A, 3)), (A, stored(B, 5)), (A, push(&[1]))],
            ),
        ] {
            let mut outbox = Outbox::default();
            put.into_iter().for_each(|(to, message)| outbox.put(to, message));
            assert_eq!(outbox.take(), want);
            assert_eq!(outbox.take(), []);
        }
    }
}
