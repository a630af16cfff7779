//! Settings of the farm, and policies of the site.

use super::{Answer, CommandReply, command};
use crate::rest::caller::Caller;
use crate::rest::problem::Problem;
use crate::rest::server::Rest;
use actix_web::{delete, get, put, web};
use hostler_events::payload::Role;
use hostler_node::{Command, PolicyKey, SettingKey};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A setting.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SettingRow {
    /// Its key.
    pub key: String,
    /// `farm` or `site`.
    pub scope: String,
    /// Its value.
    pub value: String,
    /// The value where nobody said otherwise.
    pub default: String,
    /// Whether somebody said otherwise.
    pub set: bool,
    /// What it is for.
    pub help: String,
}

/// A value for a setting.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewValue {
    /// The value, as text: `true`, `20`, `30s`, `5m`.
    pub value: String,
}

/// All settings with their values.
#[utoipa::path(tag = "settings", operation_id = "list_settings", responses(
    (status = 200, body = Vec<SettingRow>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[get("/settings")]
pub(crate) async fn list(caller: Caller) -> Answer<Vec<SettingRow>> {
    caller.needs(Role::Auditor)?;
    let (main, site) = (&caller.snapshot.main, &caller.snapshot.site);
    let farm = SettingKey::ALL.iter().map(|key| SettingRow {
        key: key.to_string(),
        scope: "farm".into(),
        value: key.value(main).into(),
        default: key.default_value().into(),
        set: main.settings.contains_key(&key.to_string()),
        help: key.help().into(),
    });
    let policies = PolicyKey::ALL.iter().map(|key| SettingRow {
        key: key.to_string(),
        scope: "site".into(),
        value: key.value(site).into(),
        default: key.default_value().into(),
        set: site.policies.get(&key.to_string()).is_some_and(|f| f.value.is_some()),
        help: key.help().into(),
    });
    let mut rows: Vec<_> = farm.chain(policies).collect();
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(web::Json(rows))
}

/// Give a setting another value.
#[utoipa::path(tag = "settings", operation_id = "set_setting", params(("key" = String, Path, description = "Its key")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[put("/settings/{key}")]
pub(crate) async fn set(
    rest: web::Data<Rest>,
    caller: Caller,
    path: web::Path<String>,
    body: web::Json<NewValue>,
) -> Answer<CommandReply> {
    caller.needs(Role::Operator)?;
    let wanted = Command::Set { key: path.into_inner(), value: Some(body.into_inner().value) };
    command(&rest, &caller, wanted).await.map(web::Json)
}

/// Take a setting back to its default.
#[utoipa::path(tag = "settings", operation_id = "unset_setting",
    params(("key" = String, Path, description = "Its key")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[delete("/settings/{key}")]
pub(crate) async fn unset(rest: web::Data<Rest>, caller: Caller, path: web::Path<String>) -> Answer<CommandReply> {
    caller.needs(Role::Operator)?;
    command(&rest, &caller, Command::Set { key: path.into_inner(), value: None }).await.map(web::Json)
}
