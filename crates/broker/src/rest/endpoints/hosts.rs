//! Session hosts.

use super::{Answer, CommandReply, command, name, optional_name, word};
use crate::backend::HostNow;
use crate::rest::body::present;
use crate::rest::caller::Caller;
use crate::rest::find;
use crate::rest::problem::Problem;
use crate::rest::server::Rest;
use actix_web::http::StatusCode;
use actix_web::{delete, get, patch, web};
use hostler_events::payload::Role;
use hostler_node::Command;
use hostler_seating::site::HostView;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A session host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct HostRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where gateways reach its RDP.
    pub address: String,
    /// In one word: `ready`, or why it takes nobody new (`down`, `stale`, `draining`, `full`, `no_slot`, `set_aside`,
    /// `silent` before its first report, `other_site` where only brokers of another site know).
    pub state: String,
    /// Whether there is a link to its agent.
    pub up: bool,
    /// Whether it takes nobody new, by order or by its own decision.
    pub draining: bool,
    /// Whether an administrator ordered that.
    pub drain: bool,
    /// CPU in use, in thousandths.
    pub cpu_permille: u16,
    /// Memory in use, in thousandths.
    pub memory_permille: u16,
    /// Sessions.
    pub sessions: u32,
    /// Sessions and held seats.
    pub taken: u32,
    /// The most sessions and seats.
    pub hard_cap: u32,
    /// That figure as an administrator set it.
    pub hard_cap_set: Option<u32>,
    /// Logons in flight.
    pub logons: u32,
    /// Logons that it takes at once now.
    pub logon_slots: u32,
    /// That figure as an administrator set it.
    pub logon_slots_set: Option<u32>,
    /// How old its last report is, in ms.
    pub report_age_ms: Option<u64>,
    /// How long its slow start still takes, in ms.
    pub slow_start_left_ms: u64,
    /// How its sessions are told apart: `per_user` or `per_item`.
    pub session_kind: Option<String>,
    /// Since when it is a member, in ms since 1970.
    pub joined_ms: u64,
}

/// What shall be otherwise with a host. What is left out stays as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HostChange {
    /// Another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it takes nobody new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<bool>,
    /// The most sessions; `null` goes back to the agent's own figure.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub hard_cap: Option<Option<u32>>,
    /// Logons at the same time; `null` goes back to the agent's own figure.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub logon_slots: Option<Option<u32>>,
    /// Where gateways reach its RDP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// All session hosts of the site.
#[utoipa::path(tag = "hosts", operation_id = "list_hosts", responses(
    (status = 200, body = Vec<HostRow>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[get("/hosts")]
pub(crate) async fn list(rest: web::Data<Rest>, caller: Caller) -> Answer<Vec<HostRow>> {
    caller.needs(Role::Auditor)?;
    let mut rows: Vec<_> =
        known_hosts(&rest, &caller).await?.into_iter().filter_map(|host| row(&caller, host)).collect();
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(web::Json(rows))
}

/// One session host, by name or id.
#[utoipa::path(tag = "hosts", operation_id = "show_host", params(("host" = String, Path, description = "Name or id")),
    responses(
        (status = 200, body = HostRow),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[get("/hosts/{host}")]
pub(crate) async fn show(rest: web::Data<Rest>, caller: Caller, path: web::Path<String>) -> Answer<HostRow> {
    caller.needs(Role::Auditor)?;
    let id = find::host(&caller.snapshot.site, &path)?;
    let found = known_hosts(&rest, &caller).await?.into_iter().find(|h| h.host == id);
    let found = found.unwrap_or(HostNow { host: id, view: None });
    let gone = || Problem::new(StatusCode::NOT_FOUND, "not_found", format!("there is no host {path:?}"));
    row(&caller, found).map(web::Json).ok_or_else(gone)
}

/// Change what is said of a host: drain it, cap it, give it another name or address.
#[utoipa::path(tag = "hosts", operation_id = "change_host", params(("host" = String, Path, description = "Name or id")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[patch("/hosts/{host}")]
pub(crate) async fn change(
    rest: web::Data<Rest>,
    caller: Caller,
    path: web::Path<String>,
    body: web::Json<HostChange>,
) -> Answer<CommandReply> {
    caller.needs(Role::Operator)?;
    let HostChange { name: new_name, drain, hard_cap, logon_slots, address } = body.into_inner();
    let wanted = Command::ChangeHost {
        host: path.into_inner(),
        name: optional_name("name", new_name.as_ref())?,
        drain,
        hard_cap,
        logon_slots,
        address: address.map(|a| name("address", &a)).transpose()?,
    };
    command(&rest, &caller, wanted).await.map(web::Json)
}

/// Remove a host from the farm. Its sessions go on, and nobody is sent there any more.
#[utoipa::path(tag = "hosts", operation_id = "remove_host", params(("host" = String, Path, description = "Name or id")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[delete("/hosts/{host}")]
pub(crate) async fn remove(rest: web::Data<Rest>, caller: Caller, path: web::Path<String>) -> Answer<CommandReply> {
    caller.needs(Role::Operator)?;
    command(&rest, &caller, Command::RemoveHost { host: path.into_inner() }).await.map(web::Json)
}

/// The hosts of the site that the request is about. Of another site's hosts only what the log says is known here.
async fn known_hosts(rest: &Rest, caller: &Caller) -> Result<Vec<HostNow>, Problem> {
    if caller.is_elsewhere() {
        return Ok(caller.snapshot.site.hosts.keys().map(|host| HostNow { host: *host, view: None }).collect());
    }
    Ok(rest.backend.hosts().await?)
}

fn row(caller: &Caller, host: HostNow) -> Option<HostRow> {
    let known = caller.snapshot.site.hosts.get(&host.host)?;
    let view = host.view.as_ref();
    let figure = |of: fn(&HostView) -> u32| view.map_or(0, of);
    Some(HostRow {
        id: host.host.to_string(),
        name: known.name.value.to_string(),
        address: known.address.value.to_string(),
        state: match view {
            Some(view) => state(view),
            None if caller.is_elsewhere() => "other_site".to_string(),
            None => "silent".to_string(),
        },
        up: view.is_some_and(|v| v.up),
        draining: view.map_or(known.drain.value, |v| v.draining),
        drain: known.drain.value,
        cpu_permille: view.map_or(0, |v| v.load.cpu.0),
        memory_permille: view.map_or(0, |v| v.load.memory.0),
        sessions: figure(|v| v.sessions),
        taken: figure(|v| v.taken),
        hard_cap: figure(|v| v.hard_cap),
        hard_cap_set: known.hard_cap.value,
        logons: figure(|v| v.logons),
        logon_slots: figure(|v| v.logon_slots),
        logon_slots_set: known.logon_slots.value,
        report_age_ms: view.and_then(|v| v.report_age_ms),
        slow_start_left_ms: view.map_or(0, |v| v.slow_start_left_ms),
        session_kind: view.and_then(|v| v.kind).map(|k| word(&k)),
        joined_ms: known.joined.wall.0,
    })
}

fn state(view: &HostView) -> String {
    match view.excluded {
        _ if !view.up => "down".to_string(),
        Some(why) => word(&why),
        None if view.draining => "draining".to_string(),
        None => "ready".to_string(),
    }
}
