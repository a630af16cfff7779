//! A disk that was restored from a backup: marked by a file, until a new incarnation is on the disk.

use super::NodeActor;
use hostler_model::{Feed, Incarnation};
use std::path::PathBuf;
use tracing::{info, warn};

/// The mark, and the incarnation that must not go on.
pub(crate) struct Restored {
    mark: PathBuf,
    former: Incarnation,
}

impl NodeActor {
    /// This broker's disk was restored: it opens a new incarnation with its next event, also after another restart.
    pub(crate) fn restored(mut self, mark: PathBuf) -> Self {
        info!("this broker was restored from a backup: its next event opens a new incarnation");
        self.node.break_continuity();
        self.restored = Some(Restored { mark, former: self.node.incarnation() });
        self
    }

    /// Removes the mark once an event of a new incarnation is on the disk.
    pub(super) fn forget_restored(&mut self) {
        let Some(Restored { mark, former }) = &self.restored else { return };
        let incarnation = self.node.incarnation();
        let feed = Feed { broker: self.shared.me, incarnation };
        if incarnation == *former || !self.node.durable().0.contains_key(&feed) {
            return;
        }
        info!(%feed, "a new incarnation is open");
        if let Err(error) = std::fs::remove_file(mark) {
            // Then the next start opens one more, which harms nothing.
            warn!(path = %mark.display(), %error, "can't remove the mark of a restored broker");
        }
        self.restored = None;
    }
}
