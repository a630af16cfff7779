//! The endpoints, one file for each kind of thing, with the types that they take and give. Times are in ms since 1970.

pub mod admins;
pub mod alarms;
pub mod api_tokens;
pub mod audit;
pub(super) mod backup;
pub mod brokers;
pub mod connections;
pub mod export;
pub mod gateways;
pub mod groups;
pub mod hosts;
pub mod items;
pub mod log;
pub mod login;
pub mod past;
pub mod sessions;
pub mod settings;
pub mod sites;
pub mod status;
pub mod tokens;
pub mod users;

use super::caller::Caller;
use super::problem::Problem;
use super::server::Rest;
use actix_web::web;
use hostler_model::{Name, Thing, UserId};
use hostler_node::{Command, Outcome};
use hostler_views::State;
use hostler_views::audit::event_text;
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use utoipa::ToSchema;

/// What an endpoint answers.
pub(super) type Answer<T> = Result<web::Json<T>, Problem>;

/// Registers all endpoints.
pub(super) fn all(config: &mut web::ServiceConfig) {
    config
        .service(login::login)
        .service(status::status)
        .service(alarms::list)
        .service(brokers::list)
        .service(brokers::enable)
        .service(brokers::disable)
        .service(brokers::up)
        .service(brokers::down)
        .service(brokers::remove)
        .service(brokers::revoke)
        .service(brokers::promote)
        .service((hosts::list, hosts::show, hosts::change, hosts::remove))
        .service((gateways::list, gateways::remove))
        .service((items::list, items::publish, items::change, items::unpublish))
        .service((users::list, users::add, users::remove))
        .service((groups::list, groups::add, groups::change, groups::remove))
        .service((admins::list, admins::add, admins::change, admins::remove))
        .service((tokens::list, tokens::create, tokens::revoke))
        .service((api_tokens::list, api_tokens::create, api_tokens::revoke))
        .service((settings::list, settings::set, settings::unset))
        .service((sessions::list, sessions::disconnect, sessions::log_off, sessions::message, sessions::why))
        .service((sites::list, sites::add))
        .service(connections::connect)
        .service(backup::backup)
        .service((log::list, audit::promotions, audit::superseded, audit::show))
        .service((audit::reapply, audit::discard, audit::revert))
        .service((past::at, past::diff, export::export));
}

/// A thing, by its id and its name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Labelled {
    /// What kind of thing: `host`, `item`, `admin` and so on.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Its name, where it (still) has one.
    pub name: Option<String>,
}

/// A command was carried out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct CommandReply {
    /// What it was about: the new thing, where it made one.
    pub thing: Option<Labelled>,
    /// The events that it became; none where everything was so already.
    pub events: Vec<String>,
    /// On how many brokers' disks it is.
    pub durable_on: u32,
    /// How many brokers there are.
    pub members: u32,
    /// What the administrator should know.
    pub warnings: Vec<String>,
}

/// Gives a command to the broker.
async fn command(rest: &Rest, caller: &Caller, command: Command) -> Result<CommandReply, Problem> {
    let outcome = rest.backend.command(caller.actor(), caller.snapshot.site_id, command).await?;
    // The new thing is in the views by now, on the broker that carried the command out.
    let snapshot = rest.backend.snapshot().of_site(caller.snapshot.site_id);
    let Outcome { thing, events, durable_on, members, warnings } = outcome;
    Ok(CommandReply {
        thing: thing.map(|thing| labelled(thing, &snapshot.site, &snapshot.main)),
        events: events.iter().map(event_text).collect(),
        durable_on,
        members,
        warnings,
    })
}

fn labelled(thing: Thing, site: &State, main: &State) -> Labelled {
    let (kind, id, name) = match thing {
        Thing::Site(id) => ("site", id.to_string(), main.sites.get(&id).map(|s| s.name.to_string())),
        Thing::Broker(id) => {
            let known = site.brokers.get(&id).or_else(|| main.brokers.get(&id));
            ("broker", id.to_string(), known.map(|b| b.name.to_string()))
        }
        Thing::Gateway(id) => ("gateway", id.to_string(), site.gateways.get(&id).map(|g| g.name.value.to_string())),
        Thing::Host(id) => ("host", id.to_string(), site.hosts.get(&id).map(|h| h.name.value.to_string())),
        Thing::Item(id) => ("item", id.to_string(), site.items.get(&id).map(|i| i.name.value.to_string())),
        Thing::User(id) => ("user", id.to_string(), site.users.get(&id).map(|u| u.name.to_string())),
        Thing::Group(id) => ("group", id.to_string(), site.groups.get(&id).map(|g| g.name.value.to_string())),
        Thing::Admin(id) => ("admin", id.to_string(), main.admins.get(&id).map(|a| a.name.to_string())),
        Thing::Token(id) => ("token", id.to_string(), main.api_tokens.get(&id).map(|t| t.label.to_string())),
    };
    Labelled { kind: kind.to_string(), id, name }
}

/// The names of users; those who are gone are left out.
fn user_names(site: &State, users: &[UserId]) -> Vec<String> {
    users.iter().filter_map(|id| site.users.get(id)).map(|u| u.name.to_string()).collect()
}

/// The word that JSON has for a value of an enum without fields.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// Reads a name; the problem says which one is wrong.
fn name<T: std::str::FromStr<Err: Display>>(what: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|e| Problem::invalid(format!("{what}: {e}")))
}

fn optional_name(what: &str, text: Option<&String>) -> Result<Option<Name>, Problem> {
    text.map(|text| name(what, text)).transpose()
}
