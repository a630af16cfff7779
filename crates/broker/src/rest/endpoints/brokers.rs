//! Brokers of the site.

use super::{Answer, CommandReply, command};
use crate::rest::caller::Caller;
use crate::rest::problem::Problem;
use crate::rest::server::Rest;
use actix_web::{delete, get, post, web};
use hostler_events::payload::Role;
use hostler_node::Command;
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

/// Another broker shall be the master.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// Only where the present master is lost: then nobody hands over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force: Option<Force>,
}

/// A promotion without the present master.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Force {
    /// The name or id of the master that was lost.
    pub lost: String,
    /// Why; it stands in the log for ever.
    pub reason: String,
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

/// Let a broker take work again; a standby becomes active.
#[utoipa::path(tag = "brokers", operation_id = "enable_broker", params(("broker" = String, Path, description = "Name or id")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[post("/brokers/{broker}/enable")]
pub(crate) async fn enable(rest: web::Data<Rest>, caller: Caller, path: web::Path<String>) -> Answer<CommandReply> {
    command(&rest, &caller, Command::EnableBroker { broker: path.into_inner() }).await.map(web::Json)
}

/// Let a broker take no more work. It keeps the log, and can be enabled again.
#[utoipa::path(tag = "brokers", operation_id = "disable_broker", params(("broker" = String, Path, description = "Name or id")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[post("/brokers/{broker}/disable")]
pub(crate) async fn disable(rest: web::Data<Rest>, caller: Caller, path: web::Path<String>) -> Answer<CommandReply> {
    command(&rest, &caller, Command::DisableBroker { broker: path.into_inner() }).await.map(web::Json)
}

/// Move a broker one place towards the first in line.
#[utoipa::path(tag = "brokers", operation_id = "move_broker_up", params(("broker" = String, Path, description = "Name or id")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[post("/brokers/{broker}/up")]
pub(crate) async fn up(rest: web::Data<Rest>, caller: Caller, path: web::Path<String>) -> Answer<CommandReply> {
    command(&rest, &caller, Command::MoveBroker { broker: path.into_inner(), up: true }).await.map(web::Json)
}

/// Move a broker one place away from the first in line.
#[utoipa::path(tag = "brokers", operation_id = "move_broker_down", params(("broker" = String, Path, description = "Name or id")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[post("/brokers/{broker}/down")]
pub(crate) async fn down(rest: web::Data<Rest>, caller: Caller, path: web::Path<String>) -> Answer<CommandReply> {
    command(&rest, &caller, Command::MoveBroker { broker: path.into_inner(), up: false }).await.map(web::Json)
}

/// Remove a broker from the farm. Its key is worth nothing from then on.
#[utoipa::path(tag = "brokers", operation_id = "remove_broker", params(("broker" = String, Path, description = "Name or id")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[delete("/brokers/{broker}")]
pub(crate) async fn remove(rest: web::Data<Rest>, caller: Caller, path: web::Path<String>) -> Answer<CommandReply> {
    command(&rest, &caller, Command::RemoveBroker { broker: path.into_inner() }).await.map(web::Json)
}

/// Say that a broker's key was stolen: it is removed, and what it wrote unseen is quarantined.
#[utoipa::path(tag = "brokers", operation_id = "revoke_broker", params(("broker" = String, Path, description = "Name or id")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[post("/brokers/{broker}/revoke")]
pub(crate) async fn revoke(rest: web::Data<Rest>, caller: Caller, path: web::Path<String>) -> Answer<CommandReply> {
    command(&rest, &caller, Command::RevokeBroker { broker: path.into_inner() }).await.map(web::Json)
}

/// Make a broker the master: the present one hands over. Where it is lost, a promotion can be forced.
#[utoipa::path(tag = "brokers", operation_id = "promote_broker",
    params(("broker" = String, Path, description = "Name or id")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[post("/brokers/{broker}/promote")]
pub(crate) async fn promote(
    rest: web::Data<Rest>,
    caller: Caller,
    path: web::Path<String>,
    body: web::Json<Promotion>,
) -> Answer<CommandReply> {
    let broker = path.into_inner();
    let wanted = match body.into_inner().force {
        None => Command::Promote { broker },
        Some(Force { lost, reason }) => Command::ForcePromotion { broker, lost, reason },
    };
    command(&rest, &caller, wanted).await.map(web::Json)
}
