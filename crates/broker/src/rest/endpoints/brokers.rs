//! Brokers of the site.

use super::Answer;
use crate::rest::caller::Caller;
use crate::rest::problem::Problem;
use actix_web::{get, web};
use hostler_events::payload::Role;
use hostler_wire::Fingerprint;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A broker of the site.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct BrokerRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its place in the list of those who may become master; 1 is the first.
    pub priority: u32,
    /// Whether it is the master.
    pub master: bool,
    /// Whether it takes work.
    pub enabled: bool,
    /// Whether it takes work only when an active one is gone.
    pub standby: bool,
    /// Whether it is alive, as the broker that answers sees it.
    pub alive: bool,
    /// Whether it is the one that answers.
    pub answers: bool,
    /// Fingerprint of its key: what HTTPS clients pin.
    pub fingerprint: String,
    /// Where it listens.
    pub addresses: Addresses,
    /// Events that it lacks.
    pub lag_events: u64,
    /// How far its clock is behind that of the one that answers, in ms.
    pub clock_behind_ms: i64,
    /// Since when it is a member, in ms since 1970.
    pub joined_ms: u64,
}

/// Where a broker listens.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Addresses {
    /// UDP: joining.
    pub join: String,
    /// TCP: HTTPS; UDP: gateways.
    pub access: String,
    /// UDP: agents.
    pub agent: String,
    /// UDP: brokers.
    pub peer: String,
}

/// The brokers of the site, by priority.
#[utoipa::path(tag = "brokers", operation_id = "list_brokers", responses(
    (status = 200, body = Vec<BrokerRow>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[get("/brokers")]
pub(crate) async fn list(caller: Caller) -> Answer<Vec<BrokerRow>> {
    caller.needs(Role::Auditor)?;
    let now = &caller.snapshot;
    let rows = now.site.order.iter().zip(1..).filter_map(|(id, priority)| {
        let broker = now.site.brokers.get(id)?;
        let known = now.brokers.get(id).copied().unwrap_or_default();
        let at = &broker.addresses;
        Some(BrokerRow {
            id: id.to_string(),
            name: broker.name.to_string(),
            priority,
            master: now.master.is_some_and(|(master, _)| master == *id),
            enabled: broker.enabled,
            standby: broker.standby,
            alive: known.alive,
            answers: *id == now.me,
            fingerprint: Fingerprint::of(&broker.key).to_string(),
            addresses: Addresses {
                join: at.join.to_string(),
                access: at.access.to_string(),
                agent: at.agent.to_string(),
                peer: at.peer.to_string(),
            },
            lag_events: known.lag_events,
            clock_behind_ms: known.clock_behind_ms,
            joined_ms: broker.joined.wall.0,
        })
    });
    Ok(web::Json(rows.collect()))
}
