//! Brokers of the site.

mod rows;

use super::{Answer, CommandReply, command};
use crate::rest::caller::Caller;
use crate::rest::problem::Problem;
use crate::rest::server::Rest;
use actix_web::{delete, get, post, web};
use hostler_events::payload::Role;
use hostler_node::Command;
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
    /// In a word: `unreachable`, `lagging`, `disabled`, `master`, `standby`, `active`; the first of these that it is.
    pub state: String,
    /// Whether it is the master.
    pub master: bool,
    /// Whether it takes work.
    pub enabled: bool,
    /// Whether it takes work only when an active one is gone.
    pub standby: bool,
    /// Whether users are seated by it now: what is enabled and alive, and standbys where they are needed.
    pub serving: bool,
    /// Whether it is alive, as the broker that answers sees it.
    pub alive: bool,
    /// Whether it is the one that answers.
    pub answers: bool,
    /// Fingerprint of its key: what HTTPS clients pin.
    pub fingerprint: String,
    /// Where it listens.
    pub addresses: Addresses,
    /// Its program's version, as it told; nothing where it has not been heard since the one that answers started.
    pub version: Option<String>,
    /// Logons that it decided within the last hour; since its start, where that is less long ago.
    pub logons_last_hour: u32,
    /// Its share of all brokers' logons of the last hour, in thousandths; nothing where there were none.
    pub logon_share_permille: Option<u16>,
    /// Events that it lacks of what is on the disk of the one that answers; of that one's own, those that it lacks of
    /// what any other has.
    pub lag_events: u64,
    /// How old the oldest of them is, in ms; of the one that answers, for how long it has lacked any.
    pub lag_ms: u64,
    /// How far its clock is behind that of the one that answers, in ms.
    pub clock_behind_ms: i64,
    /// Since when it is a member, in ms since 1970.
    pub joined_ms: u64,
    /// Since when it has been the master without a break, in ms since 1970.
    pub master_since_ms: Option<u64>,
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
    Ok(web::Json(rows::rows(&caller.snapshot)))
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
