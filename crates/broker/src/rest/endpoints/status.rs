//! The whole at a glance.

use super::alarms::{self, AlarmRow};
use super::{Answer, Labelled, labelled};
use crate::rest::caller::Caller;
use crate::rest::problem::Problem;
use crate::rest::server::Rest;
use actix_web::{get, web};
use hostler_events::payload::Role;
use hostler_model::Thing;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The site at a glance, as the broker that was asked sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// The farm's name.
    pub farm: Option<String>,
    /// The site.
    pub site: Labelled,
    /// The broker that answers.
    pub broker: Labelled,
    /// The master, as far as that broker knows.
    pub master: Option<Labelled>,
    /// The number of its epoch.
    pub epoch: Option<u64>,
    /// Digest of the views: two brokers with the same events have the same.
    pub digest: String,
    /// Events in that broker's log.
    pub events: u64,
    /// Brokers of the site.
    pub brokers: Count,
    /// Session hosts.
    pub hosts: Count,
    /// Gateways.
    pub gateways: Count,
    /// Sessions that are known.
    pub sessions: u32,
    /// Why that broker is no member of the farm any more, where it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<String>,
    /// What an administrator should know, as that broker sees it: the worst first.
    pub alarms: Vec<AlarmRow>,
}

/// How many there are, and how many of them work.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Count {
    /// All.
    pub total: u32,
    /// Those that answer.
    pub up: u32,
}

/// The site at a glance.
#[utoipa::path(tag = "status", responses(
    (status = 200, body = Status),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[get("/status")]
pub(crate) async fn status(rest: web::Data<Rest>, caller: Caller) -> Answer<Status> {
    caller.needs(Role::Auditor)?;
    caller.at_home()?;
    let now = &caller.snapshot;
    let label = |thing| labelled(thing, &now.site, &now.main);
    let hosts = rest.backend.hosts().await?;
    let up = hosts.iter().filter(|h| h.view.as_ref().is_some_and(|v| v.up)).count();
    let sessions = hosts.iter().filter_map(|h| h.view.as_ref()).map(|v| v.sessions).sum();
    let alive = now.site.order.iter().filter(|id| now.brokers.get(id).is_some_and(|b| b.alive)).count();
    let linked = now.site.gateways.keys().filter(|id| now.gateways.contains_key(id)).count();
    Ok(web::Json(Status {
        version: env!("CARGO_PKG_VERSION").to_string(),
        farm: now.main.farm.as_ref().map(ToString::to_string),
        site: label(Thing::Site(now.site_id)),
        broker: label(Thing::Broker(now.me)),
        master: now.master.map(|(id, _)| label(Thing::Broker(id))),
        epoch: now.master.map(|(_, epoch)| epoch.n),
        digest: now.digest().to_string(),
        events: now.events,
        brokers: count(now.site.order.len(), alive),
        hosts: count(now.site.hosts.len(), up),
        gateways: count(now.site.gateways.len(), linked),
        sessions,
        removed: now.removal.clone(),
        alarms: alarms::rows(now),
    }))
}

fn count(total: usize, up: usize) -> Count {
    let number = |n| u32::try_from(n).unwrap_or(u32::MAX);
    Count { total: number(total), up: number(up) }
}
