//! A seat for a user, as JSON or as the .rdp file that a client opens.

use super::{Labelled, labelled, name};
use crate::backend::Snapshot;
use crate::rest::caller::Caller;
use crate::rest::find;
use crate::rest::problem::Problem;
use crate::rest::server::Rest;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, CONTENT_DISPOSITION};
use actix_web::{HttpRequest, HttpResponse, post, web};
use ed25519_dalek::SigningKey;
use hostler_events::payload::Role;
use hostler_model::{Address, GatewayId, Launch, Thing, UserName};
use hostler_rdp::{RdpFile, SignedTicket, Ticket, UserTag};
use hostler_seating::seat::{Door, Placement, SeatRequest};
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// Who shall be connected, and to what.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConnection {
    /// The user.
    pub user: String,
    /// The published item, by name or id; the site's default if left out.
    #[serde(default)]
    pub item: Option<String>,
    /// Through which gateway, by name or id; the one with the fewest connections if left out.
    #[serde(default)]
    pub gateway: Option<String>,
}

/// A seat that is held for a minute.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionReply {
    /// The ticket: what the client sends as its routing token (`loadbalanceinfo` in a .rdp file).
    pub ticket: String,
    /// The user.
    pub user: String,
    /// What was asked for.
    pub item: Labelled,
    /// The application's command line, where it is no desktop.
    pub command: Option<String>,
    /// The host on which the seat is.
    pub host: Labelled,
    /// The session to which the user comes back.
    pub session: Option<String>,
    /// `existing_session`, `held_seat` or `lowest_score`.
    pub reason: String,
    /// The gateways that are up, the best one first; any of them will do.
    pub gateways: Vec<String>,
}

impl fmt::Debug for ConnectionReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionReply({} on {:?}, …)", self.user, self.host)
    }
}

/// Ask for a seat for a user. With `Accept: application/x-rdp` the answer is the .rdp file.
#[utoipa::path(tag = "connections", operation_id = "connect", responses(
    (status = 200, content((ConnectionReply = "application/json"), (String = "application/x-rdp"))),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[post("/connections")]
pub(crate) async fn connect(
    rest: web::Data<Rest>,
    caller: Caller,
    request: HttpRequest,
    body: web::Json<NewConnection>,
) -> Result<HttpResponse, Problem> {
    caller.needs(Role::HelpDesk)?;
    caller.at_home()?;
    let now = &caller.snapshot;
    let NewConnection { user, item, gateway } = body.into_inner();
    let user: UserName = name("user", &user)?;
    let item = item.map(|text| find::item(&now.site, &text)).transpose()?;
    // Before the seat is taken: one that nobody can reach would be in others' way for a minute.
    let gateways = gateways(now, gateway.as_deref())?;
    let wanted = SeatRequest { user, item, client: caller.address, door: Door::Api, avoid: Vec::new() };
    let placement = rest.backend.seat(wanted).await?;
    tracing::info!(
        user = %placement.user,
        host = placement.host.short(),
        seat = placement.seat.short(),
        ticket = placement.ticket.short(),
        "seated"
    );
    let ticket = ticket(&rest, now, &placement);
    let wants_file = request.headers().get(ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|accept| {
        accept.split(',').any(|t| t.split(';').next().unwrap_or("").trim() == RdpFile::MIME_TYPE)
    });
    if wants_file { file(&gateways, &placement, ticket) } else { Ok(json(now, &gateways, &placement, ticket)) }
}

fn ticket(rest: &Rest, now: &Snapshot, placement: &Placement) -> SignedTicket {
    let ticket = Ticket {
        id: placement.ticket,
        user: UserTag::of(&placement.user),
        item: placement.item,
        host: placement.host,
        seat: placement.seat,
        issuer: now.me,
        issued_at: rest.backend.wall(),
    };
    ticket.sign(&SigningKey::from_bytes(rest.backend.key().secret()))
}

/// The gateways that a client may use, the best one first; at least one.
fn gateways(now: &Snapshot, wanted: Option<&str>) -> Result<Vec<Address>, Problem> {
    let refuse = |code, text| Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, text));
    let address = |id: &GatewayId| now.site.gateways.get(id).map(|g| g.address.value.clone());
    if let Some(text) = wanted {
        let id = find::gateway(&now.site, text)?;
        return match address(&id).filter(|_| now.gateways.contains_key(&id)) {
            Some(address) => Ok(vec![address]),
            None => refuse("gateway_down", format!("gateway {text} has no link to this broker; leave the choice open")),
        };
    }
    let mut live: Vec<_> = now.gateways.iter().filter_map(|(id, load)| Some((*load, address(id)?))).collect();
    live.sort();
    if live.is_empty() {
        let text = "no gateway has a link to this broker; look at them with: hostler gateway list";
        return refuse("no_gateway", text.to_string());
    }
    Ok(live.into_iter().map(|(_, address)| address).collect())
}

fn command_line(placement: &Placement) -> Option<String> {
    match &placement.launch {
        Launch::Desktop => None,
        Launch::Application { command } => Some(command.clone()),
    }
}

fn file(gateways: &[Address], placement: &Placement, ticket: SignedTicket) -> Result<HttpResponse, Problem> {
    let address = gateways.first().ok_or_else(Problem::internal)?;
    let mut file = RdpFile::new(address.clone(), placement.user.clone());
    file.ticket = Some(ticket);
    file.shell = command_line(placement);
    let text = file.text().map_err(|e| Problem::invalid(e.to_string()))?;
    Ok(HttpResponse::Ok()
        .content_type(RdpFile::MIME_TYPE)
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"hostler.rdp\""))
        .body(text))
}

fn json(now: &Snapshot, gateways: &[Address], placement: &Placement, ticket: SignedTicket) -> HttpResponse {
    let label = |thing| labelled(thing, &now.site, &now.main);
    HttpResponse::Ok().json(ConnectionReply {
        ticket: ticket.to_string(),
        user: placement.user.to_string(),
        item: label(Thing::Item(placement.item)),
        command: command_line(placement),
        host: label(Thing::Host(placement.host)),
        session: placement.reattach.map(|id| id.to_string()),
        reason: super::word(&placement.explanation.reason),
        gateways: gateways.iter().map(ToString::to_string).collect(),
    })
}
