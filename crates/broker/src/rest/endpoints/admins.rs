//! Administrators.

use super::{Answer, CommandReply, command, name};
use crate::backend::Snapshot;
use crate::rest::caller::Caller;
use crate::rest::find;
use crate::rest::problem::Problem;
use crate::rest::server::Rest;
use actix_web::{delete, get, patch, post, web};
use hostler_events::payload::{Grant, Role};
use hostler_node::Command;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// Grants that one administrator may have: one for each site, and some more.
const GRANTS: usize = 64;

/// A role, in the whole farm or in one site.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantRow {
    /// `auditor`, `help_desk`, `operator` or `owner`; each may do what those before it may.
    #[schema(value_type = String, example = "operator")]
    pub role: Role,
    /// The site's name or id; the whole farm if left out.
    #[serde(default)]
    pub site: Option<String>,
}

/// An administrator.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct AdminRow {
    /// Their id.
    pub id: String,
    /// Their name.
    pub name: String,
    /// What they may do.
    pub grants: Vec<GrantRow>,
    /// Whether they may work.
    pub enabled: bool,
    /// Since when, in ms since 1970.
    pub added_ms: u64,
}

/// An administrator who shall be added.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAdmin {
    /// Their name.
    pub name: String,
    /// Their first password.
    pub password: String,
    /// What they may do.
    pub grants: Vec<GrantRow>,
}

impl fmt::Debug for NewAdmin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewAdmin({:?}, …)", self.name)
    }
}

/// What shall be otherwise with an administrator: exactly one of these, since each is an event of its own.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminChange {
    /// What they may do from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<Vec<GrantRow>>,
    /// A new password: all their logons end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Whether they may work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

impl fmt::Debug for AdminChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminChange(…)")
    }
}

/// All administrators.
#[utoipa::path(tag = "admins", operation_id = "list_admins", responses(
    (status = 200, body = Vec<AdminRow>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[get("/admins")]
pub(crate) async fn list(caller: Caller) -> Answer<Vec<AdminRow>> {
    caller.needs_in_farm(Role::Auditor)?;
    let main = &caller.snapshot.main;
    let site_name = |id| main.sites.get(&id).map_or_else(|| id.to_string(), |s| s.name.to_string());
    let rows = main.admins.iter().map(|(id, admin)| AdminRow {
        id: id.to_string(),
        name: admin.name.to_string(),
        grants: admin.grants.iter().map(|g| GrantRow { role: g.role, site: g.site.map(site_name) }).collect(),
        enabled: admin.enabled,
        added_ms: admin.added.wall.0,
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(web::Json(rows))
}

/// Add an administrator.
#[utoipa::path(tag = "admins", operation_id = "add_admin", responses(
    (status = 200, body = CommandReply),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[post("/admins")]
pub(crate) async fn add(rest: web::Data<Rest>, caller: Caller, body: web::Json<NewAdmin>) -> Answer<CommandReply> {
    caller.needs_in_farm(Role::Owner)?;
    let NewAdmin { name: admin, password, grants } = body.into_inner();
    let wanted = Command::AddAdmin {
        name: name("name", &admin)?,
        grants: read_grants(&caller.snapshot, &grants)?,
        password_hash: rest.passwords.hash(password).await?,
    };
    command(&rest, &caller, wanted).await.map(web::Json)
}

/// Change what an administrator may do, their password, or whether they may work. Everybody may change their own
/// password.
#[utoipa::path(tag = "admins", operation_id = "change_admin",
    params(("admin" = String, Path, description = "Name or id")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[patch("/admins/{admin}")]
pub(crate) async fn change(
    rest: web::Data<Rest>,
    caller: Caller,
    path: web::Path<String>,
    body: web::Json<AdminChange>,
) -> Answer<CommandReply> {
    // Their own password anybody may change: which one that is, whoever carries the command out knows.
    if body.password.is_some() { caller.needs_anywhere(Role::Auditor) } else { caller.needs_in_farm(Role::Owner) }?;
    let admin = path.into_inner();
    let wanted = match body.into_inner() {
        AdminChange { grants: Some(grants), password: None, enabled: None } => {
            Command::GrantAdmin { admin, grants: read_grants(&caller.snapshot, &grants)? }
        }
        AdminChange { grants: None, password: Some(password), enabled: None } => {
            Command::SetPassword { admin, password_hash: rest.passwords.hash(password).await? }
        }
        AdminChange { grants: None, password: None, enabled: Some(true) } => Command::EnableAdmin { admin },
        AdminChange { grants: None, password: None, enabled: Some(false) } => Command::DisableAdmin { admin },
        _ => return Err(Problem::invalid("give exactly one of grants, password and enabled")),
    };
    command(&rest, &caller, wanted).await.map(web::Json)
}

/// Remove an administrator. Their logons and API tokens end at once.
#[utoipa::path(tag = "admins", operation_id = "remove_admin",
    params(("admin" = String, Path, description = "Name or id")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[delete("/admins/{admin}")]
pub(crate) async fn remove(rest: web::Data<Rest>, caller: Caller, path: web::Path<String>) -> Answer<CommandReply> {
    caller.needs_in_farm(Role::Owner)?;
    command(&rest, &caller, Command::RemoveAdmin { admin: path.into_inner() }).await.map(web::Json)
}

fn read_grants(now: &Snapshot, rows: &[GrantRow]) -> Result<Vec<Grant>, Problem> {
    if rows.len() > GRANTS {
        return Err(Problem::invalid(format!("{} grants are too many; {GRANTS} is the most", rows.len())));
    }
    let grant = |row: &GrantRow| {
        let site = row.site.as_deref().map(|text| find::site(&now.main, text)).transpose()?;
        Ok(Grant { role: row.role, site })
    };
    rows.iter().map(grant).collect()
}
