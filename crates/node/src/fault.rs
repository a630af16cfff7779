//! Faults that a test plants, to show that its check finds them. They are compiled in with the feature
//! `planted-faults` only, which no program that is shipped has.

/// Something that a node does wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Fault {
    /// A vote is sent before it is on the disk.
    VoteSentUnstored,
}
