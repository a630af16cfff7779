//! What an administrator should know.

use super::{Answer, Labelled, labelled};
use crate::backend::Snapshot;
use crate::rest::caller::Caller;
use crate::rest::problem::Problem;
use actix_web::{get, web};
use hostler_events::payload::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something that an administrator should know.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct AlarmRow {
    /// Which; it stays the same. Each has a page in the documentation.
    pub code: String,
    /// `critical` or `warning`.
    pub severity: String,
    /// Since when, in ms since 1970.
    pub since_ms: u64,
    /// What it is about, where that is one thing.
    pub about: Option<Labelled>,
    /// In words.
    pub text: String,
    /// What to do first.
    pub advice: String,
}

/// The alarms, as the broker that answers sees them: the worst first.
#[utoipa::path(tag = "status", operation_id = "list_alarms", responses(
    (status = 200, body = Vec<AlarmRow>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[get("/alarms")]
pub(crate) async fn list(caller: Caller) -> Answer<Vec<AlarmRow>> {
    caller.needs(Role::Auditor)?;
    caller.at_home()?;
    Ok(web::Json(rows(&caller.snapshot)))
}

pub(super) fn rows(now: &Snapshot) -> Vec<AlarmRow> {
    let row = |alarm: &hostler_node::Alarm| AlarmRow {
        code: alarm.code.name().to_string(),
        severity: alarm.code.severity().name().to_string(),
        since_ms: alarm.since.0,
        about: alarm.about.map(|thing| labelled(thing, &now.site, &now.main)),
        text: alarm.text.clone(),
        advice: alarm.code.advice().to_string(),
    };
    now.alarms.iter().map(row).collect()
}
