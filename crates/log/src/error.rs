//! Why a log could not store or read something.

use crate::limits;
use hostler_events::{EventRef, Hash};
use hostler_model::Feed;

/// Why a log could not store or read something. Where it could not store, nothing of that batch or value is stored,
/// but for [`LogError::Io`], [`LogError::Full`] and [`LogError::Stopped`], after which only a restart tells.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LogError {
    /// Two events have one place, and where the other branch begins is not known.
    #[error(
        "event {feed}/{seq} exists twice: {} is stored, {} came, so its broker was restored from a copy or its key is \
         in other hands; nothing was stored: fetch what is before it", have.short(), got.short()
    )]
    Fork {
        /// Whose sequence.
        feed: Feed,
        /// The place.
        seq: u64,
        /// The hash of the event that is stored.
        have: Hash,
        /// The hash of the one that came, or that the one after it names as the one before.
        got: Hash,
    },
    /// Events between the stored ones and the one that came are missing.
    #[error("feed {feed} ends here at {have}, so event {got} can't follow; nothing was stored: fetch what is between")]
    Gap {
        /// Whose sequence.
        feed: Feed,
        /// The last stored place; 0 if none.
        have: u64,
        /// The place of the event that came.
        got: u64,
    },
    /// An event that no feed can have.
    #[error("event {event} can't be in any log, because {why}; nothing was stored: refuse what its sender says")]
    Malformed {
        /// The event.
        event: EventRef,
        /// What is wrong with it.
        why: &'static str,
    },
    /// One more feed than a frontier can name.
    #[error(
        "feed {0} would be number {next} in this log, and {max} is the limit; nothing was stored: find out which broker \
         keeps opening incarnations", next = limits::FEEDS + 1, max = limits::FEEDS
    )]
    TooManyFeeds(Feed),
    /// Forked feeds have more than can be kept.
    #[error(
        "the other branches of forked feeds would have more than {max} bytes with feed {0}; nothing was stored: find out \
         whose second copy keeps writing, and stop it", max = limits::BRANCH_BYTES
    )]
    TooManyBranches(Feed),
    /// More than one batch may have.
    #[error(
        "a batch of {events} events and {bytes} bytes is too large; nothing was stored: hand over at most {max_events} \
         events and {max_bytes} bytes at once", max_events = limits::GROUP_EVENTS, max_bytes = limits::GROUP_BYTES
    )]
    BatchTooLarge {
        /// How many events it has.
        events: usize,
        /// How many bytes they have.
        bytes: usize,
    },
    /// A checkpoint or a value that is too large.
    #[error("{what} has {bytes} bytes and may have {limit}; it was not stored: store less in it")]
    TooLarge {
        /// What it is.
        what: String,
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        limit: usize,
    },
    /// A checkpoint that is older than the latest.
    #[error("checkpoint {got} is older than {have}, which is stored; it was not stored: number checkpoints upwards")]
    CheckpointOrder {
        /// The latest.
        have: u64,
        /// The one that came.
        got: u64,
    },
    /// Bytes of an event that was stored are not what they were.
    #[error(
        "event {feed}/{seq} is damaged on the disk ({why}): stop this broker, check the disk, move the log away and let \
         the broker fetch its events from the others"
    )]
    Corrupt {
        /// Whose sequence.
        feed: Feed,
        /// Place in it.
        seq: u64,
        /// What is wrong.
        why: String,
    },
    /// A file with old events is not what it was.
    #[error(
        "the archive file {file}, with old events of feed {feed}, can't be used ({why}): stop this broker, check the \
         disk, and put back this file from a backup or from another broker's log, which has the same events"
    )]
    Archive {
        /// The file.
        file: String,
        /// Whose events.
        feed: Feed,
        /// What is wrong.
        why: String,
    },
    /// Something else that was stored can't be read.
    #[error("{what} can't be read from the disk ({why}): check the disk")]
    Unreadable {
        /// What it is.
        what: String,
        /// What is wrong.
        why: String,
    },
    /// No room on the disk.
    #[error("the disk of the log is full ({0}): make room, then start this broker again")]
    Full(String),
    /// The disk failed. What was being written may be there after a restart, or not; it is never tried again.
    #[error("the log can't be written ({0}): check the disk, then start this broker again")]
    Io(String),
    /// Nothing is written any more after an error of the disk.
    #[error("the log takes nothing more after an error of its disk: start this broker again")]
    Stopped,
    /// Opened only for reading.
    #[error("this log is open for reading only: open it for writing, with no other process using it")]
    ReadOnly,
}

impl LogError {
    /// True where the log must not be used any more: the process ends, and after a restart everything that was
    /// acknowledged is there.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(
            self,
            Self::Full(_)
                | Self::Io(_)
                | Self::Stopped
                | Self::Corrupt { .. }
                | Self::Archive { .. }
                | Self::Unreadable { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_model::{BrokerId, Incarnation};

    #[test]
    fn messages_name_the_thing_and_what_to_do() {
        let feed = Feed { broker: BrokerId([0; 16]), incarnation: Incarnation { ordinal: 2, random: 255 } };
        let (have, got) = (Hash([0xAB; 32]), Hash([0xCD; 32]));
        let cases = [
            (
                LogError::Fork { feed, seq: 7, have, got },
                "event aaaaaaaa.2-ff/7 exists twice: abababab is stored, cdcdcdcd came, so its broker was restored from \
                 a copy or its key is in other hands; nothing was stored: fetch what is before it",
            ),
            (
                LogError::Gap { feed, have: 7, got: 9 },
                "feed aaaaaaaa.2-ff ends here at 7, so event 9 can't follow; nothing was stored: fetch what is between",
            ),
            (
                LogError::BatchTooLarge { events: 1_025, bytes: 10 },
                "a batch of 1025 events and 10 bytes is too large; nothing was stored: hand over at most 1024 events \
                 and 4194304 bytes at once",
            ),
            (
                LogError::Corrupt { feed, seq: 7, why: "it is missing".into() },
                "event aaaaaaaa.2-ff/7 is damaged on the disk (it is missing): stop this broker, check the disk, move \
                 the log away and let the broker fetch its events from the others",
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
    }
}
