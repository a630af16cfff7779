//! A request on its way to a seat.

use crate::explanation::Exclusion;
use crate::host_set::Row;
use crate::seat::Door;
use hostler_model::{ItemId, Mono, SessionId, UserName};

/// A request whose user and item are known, with what was tried so far.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) token: u64,
    pub(super) user: UserName,
    pub(super) item: ItemId,
    pub(super) door: Door,
    /// Hosts that are out of the question for it, and why.
    pub(super) not: Vec<(Row, Exclusion)>,
    /// Sessions that turned out to be gone.
    pub(super) ended: Vec<SessionId>,
    /// Offers that were refused or lost.
    pub(super) tries: u8,
    /// Until when it waits for room, where it was put into the queue.
    pub(super) queued_until: Option<Mono>,
}

impl Job {
    /// Why a host is out of the question for it.
    pub(super) fn excludes(&self, row: Row) -> bool {
        self.not.iter().any(|(out, _)| *out == row)
    }

    /// Takes note that a host is out of the question.
    pub(super) fn exclude(&mut self, row: Row, why: Exclusion) {
        if !self.excludes(row) {
            self.not.push((row, why));
        }
    }
}
