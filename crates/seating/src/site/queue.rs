//! Requests that wait: for the hosts to be heard after a start, or for room.

use super::job::Job;
use hostler_model::{ItemId, Mono};
use std::collections::VecDeque;

/// Requests that wait at once; further ones are told that the broker is busy.
pub const WAITING: usize = 10_000;

/// The requests, in the order of their coming.
#[derive(Debug, Default)]
pub(super) struct Queue {
    jobs: VecDeque<Job>,
    next: Option<Mono>,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.jobs.len() >= WAITING
    }

    pub(super) fn push(&mut self, job: Job) {
        self.next = self.next.into_iter().chain(job.queued_until).min();
        self.jobs.push_back(job);
    }

    /// True where somebody waits for this item already: who comes later stands behind them.
    pub(super) fn waits_for(&self, item: ItemId) -> bool {
        self.jobs.iter().any(|job| job.item == item)
    }

    /// Empties it: whoever still has to wait is pushed again.
    pub(super) fn take(&mut self) -> VecDeque<Job> {
        self.next = None;
        std::mem::take(&mut self.jobs)
    }

    /// When the first of them has waited long enough.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.next
    }
}
