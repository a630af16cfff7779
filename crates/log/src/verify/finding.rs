//! What is wrong, and where.

use hostler_events::EventRef;
use hostler_model::{Feed, Hlc};
use std::fmt;

/// Something that is wrong with a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Whose sequence.
    pub feed: Feed,
    /// The place of the first bad event.
    pub seq: u64,
    /// The time of the event before it: findings are in this order.
    pub after: Hlc,
    /// What is wrong.
    pub fault: Fault,
}

impl Finding {
    /// What is to be told first: a wrong key makes everything look wrong that was signed with the right one, and that a
    /// key is missing follows from something else.
    pub(super) fn order(&self) -> (u8, Hlc, Feed, u64) {
        let rank = match self.fault {
            Fault::Key => 0,
            Fault::NoKey => 2,
            _ => 1,
        };
        (rank, self.after, self.feed, self.seq)
    }
}

/// What is wrong with an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Its bytes are not those of an event.
    Unreadable(String),
    /// Another event stands in its place.
    Misplaced {
        /// The one that stands there.
        found: EventRef,
    },
    /// It is not there, nor those up to this place.
    Missing {
        /// The last missing place.
        to: u64,
    },
    /// It stands elsewhere than where it should.
    OutOfOrder,
    /// It does not follow the one before it: one of the two is not what it was.
    Chain,
    /// It is not later than the one before it.
    Time,
    /// It is not signed by its broker.
    Signature(String),
    /// It says that a key is a broker's whose id is not that key's fingerprint.
    Key,
    /// Nobody who is trusted says what its broker's key is.
    NoKey,
    /// Another event knew it, and it is not here.
    NotHere {
        /// The event that knew it.
        known_to: EventRef,
    },
    /// Another event knew another event in its place.
    Another {
        /// The event that knew it.
        known_to: EventRef,
    },
    /// The feed ends before it, and should not.
    TailCut {
        /// Where it should end.
        to: u64,
    },
    /// The export names another event as the last of the feed.
    NotTheHead,
}

impl Fault {
    /// A word for programs, which stays the same.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Misplaced { .. } => "misplaced",
            Self::Missing { .. } => "missing",
            Self::OutOfOrder => "out_of_order",
            Self::Chain => "chain",
            Self::Time => "time",
            Self::Signature(_) => "signature",
            Self::Key => "key",
            Self::NoKey => "no_key",
            Self::NotHere { .. } => "not_here",
            Self::Another { .. } => "another",
            Self::TailCut { .. } => "tail_cut",
            Self::NotTheHead => "not_the_head",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { feed, seq, .. } = self;
        match &self.fault {
            Fault::Unreadable(why) => write!(f, "event {feed}/{seq} is damaged: {why}"),
            Fault::Misplaced { found } => write!(f, "event {found} stands in the place of event {feed}/{seq}"),
            Fault::Missing { to } if to == seq => write!(f, "event {feed}/{seq} is missing"),
            Fault::Missing { to } => write!(f, "events {feed}/{seq} to {to} are missing"),
            Fault::OutOfOrder => write!(f, "event {feed}/{seq} is not in its place: it stands elsewhere"),
            Fault::Chain => write!(
                f,
                "event {feed}/{seq} does not follow the event before it: one of the two is not what was written"
            ),
            Fault::Time => write!(f, "event {feed}/{seq} is not later than the event before it"),
            Fault::Signature(why) => write!(f, "event {feed}/{seq} is not what its broker wrote: {why}"),
            Fault::Key => {
                write!(f, "event {feed}/{seq} names a key that can't be that broker's: its id is another one's")
            }
            Fault::NoKey => write!(
                f,
                "event {feed}/{seq} and what follows it can't be verified: nobody who is trusted says what this \
                 broker's key is"
            ),
            Fault::NotHere { known_to } => write!(
                f,
                "event {feed}/{seq} is not here, and event {known_to} knew it: it was cut off, or has not reached \
                 this copy"
            ),
            Fault::Another { known_to } => {
                write!(f, "event {feed}/{seq} is not the one that event {known_to} knew")
            }
            Fault::TailCut { to } => write!(f, "feed {feed} ends before event {seq} and should end at {to}"),
            Fault::NotTheHead => write!(f, "event {feed}/{seq} is not the one that the export names as the last"),
        }
    }
}
