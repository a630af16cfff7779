//! The gateway's links, as whoever looks after its key sees them.

use crate::brokers::Brokers;
use hostler_model::PublicKey;
use hostler_wire::KeyLinks;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long a broker may take to answer, in ms: it asks other brokers' disks.
const ANSWER_MS: u64 = 5_000;

/// Through the first link that is up.
pub(crate) struct GatewayLinks(pub(crate) Arc<Brokers>);

impl KeyLinks for GatewayLinks {
    async fn linked(&self) -> bool {
        self.0.connected() > 0
    }

    async fn replace(&self, key: PublicKey, proof: Vec<u8>) -> Result<(), String> {
        let unanswered = || "no broker answered; it is asked again".to_string();
        let links = self.0.links();
        let link = links.iter().find(|l| l.status.is_live()).ok_or_else(unanswered)?;
        let (answer, answered) = oneshot::channel();
        link.link.replace_key(key, proof, answer);
        match timeout(Duration::from_millis(ANSWER_MS), answered).await {
            Ok(Ok(result)) => result,
            _ => Err(unanswered()),
        }
    }
}
