//! Faults that a test plants, to show that its check finds them. They can be planted with the feature `planted-faults`
//! only, which no program that is shipped has: without it, [`Planted::is`] is always false.

/// Something that a node does wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(not(feature = "planted-faults"), allow(unreachable_pub))] // others name it to plant it
pub enum Fault {
    /// A vote is sent before it is on the disk.
    VoteSentUnstored,
    /// Events are pushed to the others before they are on the disk.
    SentUnstored,
    /// A command is answered before its events are on the disk.
    AnsweredUnstored,
    /// Another broker is told that its events are on this disk before they are.
    StoredSaidEarly,
    /// An answer says that events are on one disk more than they are.
    OneDiskTooMany,
    /// After a start on a copy of its disk a broker goes on in the incarnation in which it wrote.
    IncarnationReused,
    /// A master that opens a new incarnation does not say so.
    ResumeUnwritten,
    /// An event from the future counts at once.
    FutureFolded,
    /// What the others have is not compared with what is here.
    HeadsIgnored,
    /// What an author says to have seen ends one event early in each feed.
    FrontierShort,
    /// A broker whose clock is far ahead goes on writing.
    ClockAheadIgnored,
    /// A broker goes on deciding behind an event that it can't read.
    HaltIgnored,
    /// A broker that was removed goes on deciding.
    RemovalIgnored,
    /// A master that has stopped for its successor goes on writing.
    SealIgnored,
    /// A new epoch gets the number of the one before it.
    EpochReused,
    /// A broker votes for two candidates under one number.
    VotedTwice,
    /// A broker that may have forgotten its votes votes.
    ForgotButVotes,
    /// A candidate becomes the master without a majority.
    NoMajority,
    /// A candidate stands as soon as it is asked whether it is time to.
    TooEarly,
}

/// The fault that is planted, if any.
pub(crate) type Planted = hostler_model::Planted<Fault>;
