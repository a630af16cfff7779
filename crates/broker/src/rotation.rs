//! Keys that are replaced: those of agents and gateways, which ask over their links, and this broker's own.
//!
//! A broker with a new key opens a new incarnation, and all its ports show the key: it is started again. What it has of
//! its former incarnations stays good, under the former key.

use crate::actors::node::{DoCommand, NodeActor};
use crate::backend::Backend;
use crate::handle::Handle;
use crate::shared::Shared;
use actix::Addr;
use hostler_events::Actor;
use hostler_model::{Epoch, PublicKey, Thing};
use hostler_node::{Command, CommandError};
use hostler_wire::{Endpoint, EndpointOptions, KeyRing, MemberKey, Service, Trust, proves_key};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle as Runtime;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{info, warn};

/// How often is looked whether somebody wants a new key, in ms.
const LOOK_MS: u64 = 500;
/// How long after a refusal it is asked for again, in ms.
const AGAIN_MS: u64 = 1_500;

/// Puts another key in the place of an agent's or a gateway's; the epoch is that under which it was done.
pub(crate) async fn replace_key(
    node: &Addr<NodeActor>,
    shared: &Shared,
    member: Thing,
    (key, proof): (PublicKey, &[u8]),
) -> (Epoch, Result<(), String>) {
    let id = match member {
        Thing::Host(id) => id.0,
        Thing::Gateway(id) => id.0,
        _ => return (Epoch::NONE, Err("this is no member with a link".to_string())),
    };
    let result = if proves_key(&key, id, proof) {
        let command = Command::ReplaceMemberKey { member, key };
        let site = shared.snapshot.borrow().site_id;
        let done = node.send(DoCommand { actor: Actor::System, site, command }).await;
        done.unwrap_or(Err(CommandError::Busy)).map(|_| ()).map_err(|e| e.to_string())
    } else {
        Err("it does not prove that it has the key".to_string())
    };
    let epoch = shared.snapshot.borrow().master.map_or(Epoch::NONE, |(_, epoch)| epoch);
    (epoch, result)
}

/// Looks after this broker's own key until it was replaced.
pub(crate) struct OwnKey {
    pub(crate) ring: KeyRing,
    pub(crate) handle: Arc<Handle>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) runtime: Runtime,
    pub(crate) from: Option<IpAddr>,
}

impl OwnKey {
    /// Returns once the new key is in its place.
    pub(crate) async fn watch(self) {
        let mut said = String::new();
        loop {
            sleep(Duration::from_millis(LOOK_MS)).await;
            let ring = self.ring.clone();
            let next = match spawn_blocking(move || ring.prepare()).await {
                Ok(Ok(Some(next))) => Arc::new(next),
                Ok(Err(error)) => {
                    say(&mut said, format!("the next key can't be used: {error}"));
                    continue;
                }
                _ => continue,
            };
            if self.counts(&next).await {
                let ring = self.ring.clone();
                match spawn_blocking(move || ring.complete()).await {
                    Ok(Ok(())) => {
                        info!(key = %next.fingerprint(), "the key was replaced; this broker starts again with it");
                        return;
                    }
                    Ok(Err(error)) => say(&mut said, format!("the new key counts, and is not in its place: {error}")),
                    Err(_) => {}
                }
            } else if let Err(error) = self.ask(&next).await {
                say(&mut said, format!("the key was not replaced: {error}"));
                sleep(Duration::from_millis(AGAIN_MS)).await;
            }
        }
    }

    async fn ask(&self, next: &MemberKey) -> Result<(), CommandError> {
        let command = Command::ReplaceBrokerKey { broker: self.shared.me, key: next.public() };
        let site = self.handle.snapshot().site_id;
        self.handle.command(Actor::System, site, command).await.map(|_| ())
    }

    /// True where the new key is this broker's already: by its own log; or by what the others say, where it was cut off
    /// after the master had written it, and nobody accepts the old key any more.
    async fn counts(&self, next: &Arc<MemberKey>) -> bool {
        let snapshot = self.handle.snapshot();
        if snapshot.site.brokers.get(&self.shared.me).is_some_and(|b| b.key == next.public()) {
            return true;
        }
        if snapshot.removal.is_none() {
            return false;
        }
        let options = EndpointOptions {
            service: Service::Peer,
            key: next.clone(),
            roster: self.shared.roster.clone(),
            runtime: self.runtime.clone(),
        };
        let Ok(endpoint) = Endpoint::dialer(options, self.from) else { return false };
        for id in snapshot.site.order.iter().filter(|id| **id != self.shared.me) {
            let Some(broker) = snapshot.site.brokers.get(id) else { continue };
            if endpoint.connect(&broker.addresses.peer, Trust::Broker(*id)).await.is_ok() {
                return true;
            }
        }
        false
    }
}

/// Once for each cause.
fn say(said: &mut String, text: String) {
    if *said != text {
        warn!("{text}");
        *said = text;
    }
}
