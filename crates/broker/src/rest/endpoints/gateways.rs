//! Gateways.

use super::{Answer, CommandReply, command};
use crate::rest::caller::Caller;
use crate::rest::problem::Problem;
use crate::rest::server::Rest;
use actix_web::{delete, get, web};
use hostler_events::payload::Role;
use hostler_node::Command;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A gateway.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct GatewayRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where clients reach it.
    pub address: String,
    /// Whether it has a link to the broker that answers; one of another site has none.
    pub up: bool,
    /// RDP connections that it carries.
    pub connections: u32,
    /// Since when it is a member, in ms since 1970.
    pub joined_ms: u64,
}

/// All gateways of the site.
#[utoipa::path(tag = "gateways", operation_id = "list_gateways", responses(
    (status = 200, body = Vec<GatewayRow>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[get("/gateways")]
pub(crate) async fn list(caller: Caller) -> Answer<Vec<GatewayRow>> {
    caller.needs(Role::Auditor)?;
    let now = &caller.snapshot;
    let rows = now.site.gateways.iter().map(|(id, gateway)| GatewayRow {
        id: id.to_string(),
        name: gateway.name.value.to_string(),
        address: gateway.address.value.to_string(),
        up: now.gateways.contains_key(id),
        connections: now.gateways.get(id).copied().unwrap_or(0),
        joined_ms: gateway.joined.wall.0,
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(web::Json(rows))
}

/// Remove a gateway from the farm. Its connections to the brokers end at once.
#[utoipa::path(tag = "gateways", operation_id = "remove_gateway",
    params(("gateway" = String, Path, description = "Name or id")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[delete("/gateways/{gateway}")]
pub(crate) async fn remove(rest: web::Data<Rest>, caller: Caller, path: web::Path<String>) -> Answer<CommandReply> {
    caller.needs(Role::Operator)?;
    command(&rest, &caller, Command::RemoveGateway { gateway: path.into_inner() }).await.map(web::Json)
}
