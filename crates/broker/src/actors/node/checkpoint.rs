//! Views on their way to the disk.

use super::NodeActor;
use crate::stored;
use actix::{Handler, Message, ResponseFuture};
use hostler_log::LogError;
use tokio::sync::oneshot;
use tracing::{debug, warn};

/// Store the views now, if they are newer than what is stored: the broker stops.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct SaveViews;

impl NodeActor {
    /// Stores the views. What they cover is in the log's queue before them.
    pub(super) fn save_views(&self, done: impl FnOnce() + Send + 'static) {
        let Some(saved) = self.node.checkpoint() else { return };
        let log = self.log.clone();
        // Large views take a while to write down, and this thread has better things to do.
        tokio::task::spawn_blocking(move || {
            let Some(checkpoint) = stored::checkpoint(&saved) else { return };
            let (events, bytes) = (checkpoint.id, checkpoint.bytes.len());
            let told = Box::new(move |result: Result<(), LogError>| {
                match result {
                    Ok(()) => debug!(events, bytes, "views stored"),
                    Err(error) => warn!(%error, "the views are not stored; the next start takes longer"),
                }
                done();
            });
            if let Err(error) = log.try_put_checkpoint(checkpoint, told) {
                warn!(%error, "the views are not stored; the next start takes longer");
            }
        });
    }
}

impl Handler<SaveViews> for NodeActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: SaveViews, ctx: &mut Self::Context) -> Self::Result {
        self.drain(ctx);
        let (done, stored) = oneshot::channel::<()>();
        if self.node.unsaved() > 0 {
            self.save_views(move || drop(done));
        }
        // Told, or never to be told because there is nothing to store: both end the wait.
        Box::pin(async move {
            let _ = stored.await;
        })
    }
}
