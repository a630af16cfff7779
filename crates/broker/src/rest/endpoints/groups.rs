//! Groups of users.

use super::{Answer, CommandReply, command, name, user_names};
use crate::rest::caller::Caller;
use crate::rest::problem::Problem;
use crate::rest::server::Rest;
use actix_web::{delete, get, patch, post, web};
use hostler_events::payload::Role;
use hostler_node::Command;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct GroupRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its members' names.
    pub members: Vec<String>,
    /// Since when, in ms since 1970.
    pub added_ms: u64,
}

/// A group that shall begin.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGroup {
    /// Its name.
    pub name: String,
    /// Its members, by name or id.
    #[serde(default)]
    pub members: Vec<String>,
}

/// Who comes into a group and who leaves it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupChange {
    /// Who comes.
    #[serde(default)]
    pub add: Vec<String>,
    /// Who goes.
    #[serde(default)]
    pub remove: Vec<String>,
}

/// All groups.
#[utoipa::path(tag = "groups", operation_id = "list_groups", responses(
    (status = 200, body = Vec<GroupRow>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[get("/groups")]
pub(crate) async fn list(caller: Caller) -> Answer<Vec<GroupRow>> {
    caller.needs(Role::Auditor)?;
    let site = &caller.snapshot.site;
    let rows = site.groups.iter().map(|(id, group)| GroupRow {
        id: id.to_string(),
        name: group.name.value.to_string(),
        members: user_names(site, &group.members.value),
        added_ms: group.added.wall.0,
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(web::Json(rows))
}

/// Begin a group.
#[utoipa::path(tag = "groups", operation_id = "add_group", responses(
    (status = 200, body = CommandReply),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[post("/groups")]
pub(crate) async fn add(rest: web::Data<Rest>, caller: Caller, body: web::Json<NewGroup>) -> Answer<CommandReply> {
    caller.needs(Role::Operator)?;
    let NewGroup { name: group, members } = body.into_inner();
    command(&rest, &caller, Command::AddGroup { name: name("name", &group)?, members }).await.map(web::Json)
}

/// Add members to a group and remove others from it.
#[utoipa::path(tag = "groups", operation_id = "change_group",
    params(("group" = String, Path, description = "Name or id")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[patch("/groups/{group}")]
pub(crate) async fn change(
    rest: web::Data<Rest>,
    caller: Caller,
    path: web::Path<String>,
    body: web::Json<GroupChange>,
) -> Answer<CommandReply> {
    caller.needs(Role::Operator)?;
    let GroupChange { add: come, remove: go } = body.into_inner();
    let wanted = Command::ChangeGroup { group: path.into_inner(), add: come, remove: go };
    command(&rest, &caller, wanted).await.map(web::Json)
}

/// End a group.
#[utoipa::path(tag = "groups", operation_id = "remove_group",
    params(("group" = String, Path, description = "Name or id")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[delete("/groups/{group}")]
pub(crate) async fn remove(rest: web::Data<Rest>, caller: Caller, path: web::Path<String>) -> Answer<CommandReply> {
    caller.needs(Role::Operator)?;
    command(&rest, &caller, Command::RemoveGroup { group: path.into_inner() }).await.map(web::Json)
}
