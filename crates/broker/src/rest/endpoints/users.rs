//! Users who are known to the site.

use super::{Answer, CommandReply, command, name};
use crate::rest::caller::Caller;
use crate::rest::problem::Problem;
use crate::rest::server::Rest;
use actix_web::{delete, get, post, web};
use hostler_events::payload::Role;
use hostler_node::Command;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A user.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct UserRow {
    /// Their id.
    pub id: String,
    /// Their name, in lower case.
    pub name: String,
    /// The groups that they are in.
    pub groups: Vec<String>,
    /// Since when, in ms since 1970.
    pub added_ms: u64,
}

/// A user who shall be known.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// Their name, as the session hosts know it.
    pub name: String,
}

/// All users.
#[utoipa::path(tag = "users", operation_id = "list_users", responses(
    (status = 200, body = Vec<UserRow>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[get("/users")]
pub(crate) async fn list(caller: Caller) -> Answer<Vec<UserRow>> {
    caller.needs(Role::Auditor)?;
    let site = &caller.snapshot.site;
    let mut groups: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for group in site.groups.values() {
        for member in &group.members.value {
            groups.entry(*member).or_default().push(group.name.value.to_string());
        }
    }
    let rows = site.users.iter().map(|(id, user)| UserRow {
        id: id.to_string(),
        name: user.name.to_string(),
        groups: groups.remove(id).unwrap_or_default(),
        added_ms: user.added.wall.0,
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(web::Json(rows))
}

/// Make a user known to the site.
#[utoipa::path(tag = "users", operation_id = "add_user", responses(
    (status = 200, body = CommandReply),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[post("/users")]
pub(crate) async fn add(rest: web::Data<Rest>, caller: Caller, body: web::Json<NewUser>) -> Answer<CommandReply> {
    caller.needs(Role::Operator)?;
    command(&rest, &caller, Command::AddUser { name: name("name", &body.name)? }).await.map(web::Json)
}

/// Forget a user. Their sessions go on; they get no new ones.
#[utoipa::path(tag = "users", operation_id = "remove_user", params(("user" = String, Path, description = "Name or id")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[delete("/users/{user}")]
pub(crate) async fn remove(rest: web::Data<Rest>, caller: Caller, path: web::Path<String>) -> Answer<CommandReply> {
    caller.needs(Role::Operator)?;
    command(&rest, &caller, Command::RemoveUser { user: path.into_inner() }).await.map(web::Json)
}
