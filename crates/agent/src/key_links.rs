//! The agent's links, as whoever looks after its key sees them.

use crate::broker_link::{BrokerLink, IsLinked};
use crate::host::{AskForKey, GetLinks, Host};
use actix::Addr;
use hostler_model::PublicKey;
use hostler_wire::KeyLinks;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long a broker may take to answer, in ms: it asks other brokers' disks.
const ANSWER_MS: u64 = 5_000;

/// Through the host's actor.
pub(crate) struct HostLinks(pub(crate) Addr<Host>);

impl HostLinks {
    /// One that is up.
    async fn one(&self) -> Option<Addr<BrokerLink>> {
        for link in self.0.send(GetLinks).await.unwrap_or_default() {
            if link.send(IsLinked).await.unwrap_or(false) {
                return Some(link);
            }
        }
        None
    }
}

impl KeyLinks for HostLinks {
    async fn linked(&self) -> bool {
        self.one().await.is_some()
    }

    async fn replace(&self, key: PublicKey, proof: Vec<u8>) -> Result<(), String> {
        let unanswered = || "no broker answered; it is asked again".to_string();
        let link = self.one().await.ok_or_else(unanswered)?;
        let (answer, answered) = oneshot::channel();
        self.0.send(AskForKey { link, key, proof, answer }).await.map_err(|_| "the agent has ended".to_string())?;
        match timeout(Duration::from_millis(ANSWER_MS), answered).await {
            Ok(Ok(result)) => result,
            _ => Err(unanswered()),
        }
    }
}
