//! Starting from saved views, and saving them. What is written to the disk, and when a stop is clean, is the shell's
//! business.

use super::{Node, NodeConfig, Output};
use crate::Continuity;
use hostler_model::Now;
use hostler_views::{Loaded, SavedViews, SavedViewsError};
use std::sync::Arc;

/// Events between two checkpoints.
pub(super) const CHECKPOINT_EVERY: u64 = 10_000;

impl Node {
    /// A node at a start, with what is on its disk and the views that were saved there. Where these are of no use, the
    /// error says why, and the node has folded everything.
    #[must_use]
    pub fn resume(
        config: NodeConfig,
        events: Vec<Arc<Loaded>>,
        saved: Option<SavedViews>,
        now: Now,
    ) -> (Self, Option<SavedViewsError>) {
        let covered = saved.as_ref().map_or(0, SavedViews::events);
        let (mut node, error) = Self::start(config, events, saved, now);
        node.saved_events = if error.is_some() { 0 } else { covered };
        (node, error)
    }

    /// Opens a new incarnation with the next event, whatever the others say: this disk was restored from a copy. They
    /// are heard all the same, so that what they have of this broker's events is taken back first.
    pub fn break_continuity(&mut self) {
        self.restored = true;
        self.heed_restored();
    }

    pub(super) fn heed_restored(&mut self) {
        if self.restored && !self.continuity.is_asking() {
            self.restored = false;
            self.continuity = Continuity::Broken;
        }
    }

    /// The views in a form that can be stored; see [`hostler_views::Views::save`].
    #[must_use]
    pub fn checkpoint(&self) -> Option<SavedViews> {
        self.replica.views.save()
    }

    /// How many events the views have beyond the last checkpoint.
    #[must_use]
    pub fn unsaved(&self) -> u64 {
        self.folded_events().saturating_sub(self.saved_events)
    }

    /// Asks for a checkpoint where one is due. The views it shows are on their way to the disk already: what is written
    /// later is never there without what was written before.
    pub(super) fn ask_for_checkpoint(&mut self) {
        if self.unsaved() >= CHECKPOINT_EVERY {
            self.saved_events = self.folded_events();
            self.out.push_back(Output::Checkpoint);
        }
    }

    fn folded_events(&self) -> u64 {
        self.replica.views.timelines().map(|(_, t)| t.entries().len() as u64).sum()
    }
}
