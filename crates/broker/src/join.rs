//! Takes in new members: whoever has a token, and proves it without sending its secret.

use crate::backend::Backend;
use crate::catalog::{broker_list, farm_list};
use crate::handle::Handle;
use hostler_events::Actor;
use hostler_model::{BrokerId, GatewayId, HostId, Name, PublicKey};
use hostler_node::{Command, CommandError};
use hostler_views::State;
use hostler_wire::messages::join::{JoinAs, JoinRefusal, JoinRequest, Joined};
use hostler_wire::{Arrivals, Connection, Fingerprint, JoinProof, JoinVerifier, Typed, exporter};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tracing::{Instrument, info, info_span, warn};

/// Joins that are looked at, at one time.
const AT_ONCE: usize = 16;
/// How long the new member has to read its answer, in ms.
const READ_MS: u64 = 2_000;

/// Takes in new members until the endpoint is closed.
pub(crate) async fn serve(mut arrivals: Arrivals, handle: Arc<Handle>) {
    let at_once = Arc::new(Semaphore::new(AT_ONCE));
    while let Some(connection) = arrivals.next().await {
        let Ok(permit) = at_once.clone().try_acquire_owned() else { continue };
        let handle = handle.clone();
        let span = info_span!("join", remote = %connection.remote());
        let one = async move {
            if let Err(error) = take_in(&connection, &handle).await {
                warn!(%error, "join failed");
            }
            drop(permit);
        };
        tokio::spawn(one.instrument(span));
    }
}

async fn take_in(connection: &Connection, handle: &Handle) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut link: Typed<Result<Joined, JoinRefusal>, JoinRequest> = connection.accept_link().await?.into();
    let Some(request) = link.recv().await? else { return Ok(()) };
    let answer = answer(connection, handle, &request).await;
    match &answer {
        Ok(joined) => info!(name = %joined.name, role = %request.join_as.role(), "joined"),
        Err(why) => warn!(token = %request.token.short(), role = %request.join_as.role(), %why, "join refused"),
    }
    link.send(&answer).await?;
    // The other side closes when it has read its answer.
    let _ = tokio::time::timeout(Duration::from_millis(READ_MS), connection.closed()).await;
    Ok(())
}

async fn answer(connection: &Connection, handle: &Handle, request: &JoinRequest) -> Result<Joined, JoinRefusal> {
    let key = connection.identity().key;
    let snapshot = handle.snapshot();
    let token = snapshot.site.tokens.get(&request.token).ok_or(JoinRefusal::Unknown)?;
    let secret = exporter(connection).map_err(|_| JoinRefusal::Unknown)?;
    let proof = JoinProof::from_bytes(&request.proof).ok_or(JoinRefusal::Unknown)?;
    if key != request.key || !JoinVerifier(token.verifier).accepts(&proof, &secret, &key) {
        return Err(JoinRefusal::Unknown);
    }
    // From here on they have the secret, so they may know what is wrong with their token.
    if token.revoked {
        return Err(JoinRefusal::Unknown);
    }
    if token.used.is_some() {
        return Err(JoinRefusal::Used);
    }
    if handle.wall() > token.expires {
        return Err(JoinRefusal::Expired);
    }
    let wanted = request.join_as.role();
    if token.role != wanted {
        return Err(JoinRefusal::Role { token: token.role, wanted });
    }
    let id = member_id(&snapshot.site, &key);
    let command = command(request, id);
    let carried_out = handle.command(Actor::Token(request.token), snapshot.site_id, command).await;
    let outcome = carried_out.map_err(|error| match error {
        CommandError::Token(_) => JoinRefusal::Used,
        other => JoinRefusal::NotNow(other.to_string()),
    })?;
    let founds = token.founds;
    let snapshot = handle.snapshot();
    let site = &snapshot.site;
    let name: Option<Name> = match request.join_as {
        JoinAs::Broker(_) if founds.is_some() => None,
        JoinAs::Broker(_) => site.brokers.get(&BrokerId(id)).map(|b| b.name.clone()),
        JoinAs::Gateway(_) => site.gateways.get(&GatewayId(id)).map(|g| g.name.value.clone()),
        JoinAs::Agent(_) => site.hosts.get(&HostId(id)).map(|h| h.name.value.clone()),
    };
    let epoch = snapshot.master.map_or(hostler_model::Epoch::NONE, |(_, epoch)| epoch);
    Ok(Joined {
        farm: snapshot.main.farm.clone().unwrap_or_else(|| request.name.clone()),
        site: founds.unwrap_or(snapshot.site_id),
        name: name.unwrap_or_else(|| request.name.clone()),
        // A broker gets everybody whose events it will have to check; the others keep to their site.
        brokers: match request.join_as {
            JoinAs::Broker(_) => farm_list(&snapshot, epoch),
            JoinAs::Gateway(_) | JoinAs::Agent(_) => broker_list(site, epoch),
        },
        durable_on: (outcome.durable_on, outcome.members),
    })
}

/// A member is named by its first key. A broker that was removed and comes back may have had another one since.
fn member_id(site: &State, key: &PublicKey) -> [u8; 16] {
    let former = site.brokers.iter().find(|(_, b)| b.removed && b.key == *key);
    former.map_or_else(|| Fingerprint::of(key).0, |(id, _)| id.0)
}

fn command(request: &JoinRequest, id: [u8; 16]) -> Command {
    let (token, name, key) = (request.token, request.name.clone(), request.key);
    match &request.join_as {
        JoinAs::Broker(addresses) => {
            Command::JoinBroker { token, broker: BrokerId(id), name, key, addresses: addresses.clone() }
        }
        JoinAs::Gateway(address) => {
            Command::JoinGateway { token, gateway: GatewayId(id), name, key, address: address.clone() }
        }
        JoinAs::Agent(address) => Command::JoinHost { token, host: HostId(id), name, key, address: address.clone() },
    }
}
