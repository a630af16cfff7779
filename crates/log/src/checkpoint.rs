//! A checkpoint: the views as they were at some point, in a form that only the views know.

use bytes::Bytes;

/// What a start begins with, so that not everything has to be folded again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// Which one: a later checkpoint has a greater number.
    pub id: u64,
    /// What the views wrote.
    pub bytes: Bytes,
}
