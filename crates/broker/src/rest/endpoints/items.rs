//! Published items: desktops and applications.

use super::{Answer, CommandReply, command, name, optional_name, user_names};
use crate::rest::body::present;
use crate::rest::caller::Caller;
use crate::rest::find;
use crate::rest::problem::Problem;
use crate::rest::server::Rest;
use actix_web::{delete, get, patch, post, web};
use hostler_events::payload::Role;
use hostler_model::{ItemId, Launch};
use hostler_node::{Command, ItemSpec};
use hostler_views::{Item, State};
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use utoipa::ToSchema;

/// A published item.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ItemRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What starts: `null` is the desktop, else an application's command line.
    pub command: Option<String>,
    /// Whether all users of the site may use it.
    pub everyone: bool,
    /// Users who may use it.
    pub users: Vec<String>,
    /// Groups whose members may use it.
    pub groups: Vec<String>,
    /// Hosts on which it runs; `null` is everywhere.
    pub hosts: Option<Vec<String>>,
    /// Whether those get it who don't say what they want.
    pub default: bool,
    /// Since when, in ms since 1970.
    pub published_ms: u64,
}

/// An item that shall be published. Users, groups and hosts are given by name or id.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    /// Its name.
    pub name: String,
    /// The command line of an application; a desktop without one.
    #[serde(default)]
    pub command: Option<String>,
    /// Whether all users of the site may use it.
    #[serde(default)]
    pub everyone: bool,
    /// Users who may use it.
    #[serde(default)]
    pub users: Vec<String>,
    /// Groups whose members may use it.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Hosts on which it runs; everywhere if empty.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Whether those get it who don't say what they want.
    #[serde(default)]
    pub default: bool,
}

/// What shall be otherwise with an item. What is left out stays as it is; a list replaces the whole list.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemChange {
    /// Another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The command line of an application; `null` makes it a desktop.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub command: Option<Option<String>>,
    /// Whether all users of the site may use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub everyone: Option<bool>,
    /// Users who may use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<String>>,
    /// Groups whose members may use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// Hosts on which it runs; everywhere if empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts: Option<Vec<String>>,
    /// Whether those get it who don't say what they want.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<bool>,
}

/// All published items.
#[utoipa::path(tag = "items", operation_id = "list_items", responses(
    (status = 200, body = Vec<ItemRow>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[get("/items")]
pub(crate) async fn list(caller: Caller) -> Answer<Vec<ItemRow>> {
    caller.needs(Role::Auditor)?;
    let site = &caller.snapshot.site;
    let mut rows: Vec<_> = site.items.iter().map(|(id, item)| row(site, *id, item)).collect();
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(web::Json(rows))
}

/// Publish a desktop or an application.
#[utoipa::path(tag = "items", operation_id = "publish_item", responses(
    (status = 200, body = CommandReply),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[post("/items")]
pub(crate) async fn publish(rest: web::Data<Rest>, caller: Caller, body: web::Json<NewItem>) -> Answer<CommandReply> {
    caller.needs(Role::Operator)?;
    let NewItem { name: item, command: line, everyone, users, groups, hosts, default } = body.into_inner();
    let wanted = Command::Publish {
        name: name("name", &item)?,
        launch: launch(line),
        spec: ItemSpec { everyone, users, groups, hosts, default },
    };
    command(&rest, &caller, wanted).await.map(web::Json)
}

/// Change a published item.
#[utoipa::path(tag = "items", operation_id = "change_item", params(("item" = String, Path, description = "Name or id")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[patch("/items/{item}")]
pub(crate) async fn change(
    rest: web::Data<Rest>,
    caller: Caller,
    path: web::Path<String>,
    body: web::Json<ItemChange>,
) -> Answer<CommandReply> {
    caller.needs(Role::Operator)?;
    let id = find::item(&caller.snapshot.site, &path)?;
    let wanted = Command::ChangeItem {
        item: id.to_string(),
        name: optional_name("name", body.name.as_ref())?,
        launch: body.command.clone().map(launch),
        spec: changed_spec(&caller.snapshot.site, id, &body)?,
    };
    command(&rest, &caller, wanted).await.map(web::Json)
}

/// Publish an item no longer. Sessions go on.
#[utoipa::path(tag = "items", operation_id = "unpublish_item",
    params(("item" = String, Path, description = "Name or id")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[delete("/items/{item}")]
pub(crate) async fn unpublish(rest: web::Data<Rest>, caller: Caller, path: web::Path<String>) -> Answer<CommandReply> {
    caller.needs(Role::Operator)?;
    command(&rest, &caller, Command::Unpublish { item: path.into_inner() }).await.map(web::Json)
}

fn launch(command: Option<String>) -> Launch {
    command.map_or(Launch::Desktop, |command| Launch::Application { command })
}

/// The item's whole audience and hosts with what the change says; nothing where it says nothing of them.
fn changed_spec(site: &State, id: ItemId, wanted: &ItemChange) -> Result<Option<ItemSpec>, Problem> {
    let ItemChange { everyone, users, groups, hosts, default, .. } = wanted;
    let nothing = everyone.is_none() && users.is_none() && groups.is_none() && hosts.is_none() && default.is_none();
    let Some(item) = site.items.get(&id).filter(|_| !nothing) else { return Ok(None) };
    let audience = &item.audience.value;
    let kept_hosts = match (&item.hosts.value, hosts) {
        (_, Some(hosts)) => hosts.clone(),
        (None, None) => Vec::new(),
        (Some(hosts), None) => {
            let kept = texts(hosts.iter().filter(|h| site.hosts.contains_key(*h)));
            if kept.is_empty() {
                // An empty list would publish it everywhere, which nobody asked for.
                return Err(Problem::invalid(
                    "all hosts of this item were removed from the farm; say on which hosts it runs",
                ));
            }
            kept
        }
    };
    let kept_users = || texts(audience.users.iter().filter(|u| site.users.contains_key(*u)));
    let kept_groups = || texts(audience.groups.iter().filter(|g| site.groups.contains_key(*g)));
    Ok(Some(ItemSpec {
        everyone: everyone.unwrap_or(audience.everyone),
        users: users.clone().unwrap_or_else(kept_users),
        groups: groups.clone().unwrap_or_else(kept_groups),
        hosts: kept_hosts,
        default: default.unwrap_or(item.default.value),
    }))
}

fn texts<I: Display>(ids: impl Iterator<Item = I>) -> Vec<String> {
    ids.map(|id| id.to_string()).collect()
}

fn row(site: &State, id: ItemId, item: &Item) -> ItemRow {
    let audience = &item.audience.value;
    let host_name = |id| site.hosts.get(id).map(|h| h.name.value.to_string());
    let group_name = |id| site.groups.get(id).map(|g| g.name.value.to_string());
    ItemRow {
        id: id.to_string(),
        name: item.name.value.to_string(),
        command: match &item.launch.value {
            Launch::Desktop => None,
            Launch::Application { command } => Some(command.clone()),
        },
        everyone: audience.everyone,
        users: user_names(site, &audience.users),
        groups: audience.groups.iter().filter_map(group_name).collect(),
        hosts: item.hosts.value.as_ref().map(|hosts| hosts.iter().filter_map(host_name).collect()),
        default: item.default.value,
        published_ms: item.published.wall.0,
    }
}
