//! Sites of the farm.

use super::{Answer, CommandReply, command, name};
use crate::rest::caller::Caller;
use crate::rest::problem::Problem;
use crate::rest::server::Rest;
use actix_web::{get, post, web};
use hostler_events::payload::Role;
use hostler_node::Command;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A site of the farm.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SiteRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether the farm's own matters belong to it: administrators, settings, sites.
    pub main: bool,
    /// Whether the broker that answers is one of its brokers.
    pub answers: bool,
    /// Its brokers, by priority. Before the first of them has begun the site there are none.
    pub brokers: Vec<String>,
    /// How many of them are alive, as the broker that answers sees it.
    pub alive: u32,
    /// The name of its master.
    pub master: Option<String>,
    /// The number of its master's epoch.
    pub epoch: Option<u64>,
    /// Session hosts.
    pub hosts: u32,
    /// Gateways.
    pub gateways: u32,
    /// Published items.
    pub items: u32,
    /// Since when, in ms since 1970.
    pub created_ms: u64,
}

/// A site that shall begin.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSite {
    /// Its name.
    pub name: String,
}

/// All sites of the farm, the main one first.
#[utoipa::path(tag = "sites", operation_id = "list_sites", responses(
    (status = 200, body = Vec<SiteRow>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[get("/sites")]
pub(crate) async fn list(rest: web::Data<Rest>, caller: Caller) -> Answer<Vec<SiteRow>> {
    caller.needs_anywhere(Role::Auditor)?;
    let here = rest.backend.snapshot();
    let row = |(id, site): (&hostler_model::SiteId, &hostler_views::Site)| {
        let state = here.sites.get(id).cloned().unwrap_or_default();
        let broker_name = |id: &hostler_model::BrokerId| Some(state.brokers.get(id)?.name.to_string());
        let alive = state.order.iter().filter(|b| here.brokers.get(b).is_some_and(|b| b.alive)).count();
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        SiteRow {
            id: id.to_string(),
            name: site.name.to_string(),
            main: state.farm.is_some(),
            answers: *id == here.site_id,
            brokers: state.order.iter().filter_map(broker_name).collect(),
            alive: number(alive),
            master: state.master.as_ref().and_then(|m| broker_name(&m.epoch.broker)),
            epoch: state.master.as_ref().map(|m| m.epoch.n),
            hosts: number(state.hosts.len()),
            gateways: number(state.gateways.len()),
            items: number(state.items.len()),
            created_ms: site.created.wall.0,
        }
    };
    let mut rows: Vec<_> = here.main.sites.iter().map(row).collect();
    rows.sort_by(|a, b| (!a.main, &a.name).cmp(&(!b.main, &b.name)));
    Ok(web::Json(rows))
}

/// Begin a site. It has no brokers yet: the first one joins with a token that is made for the site.
#[utoipa::path(tag = "sites", operation_id = "add_site", responses(
    (status = 200, body = CommandReply),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[post("/sites")]
pub(crate) async fn add(rest: web::Data<Rest>, caller: Caller, body: web::Json<NewSite>) -> Answer<CommandReply> {
    caller.needs_in_farm(Role::Owner)?;
    command(&rest, &caller, Command::AddSite { name: name("name", &body.name)? }).await.map(web::Json)
}
