//! Users' sessions, and why each is where it is.

use super::{Answer, Labelled, labelled, word};
use crate::backend::{SessionNow, Snapshot};
use crate::rest::caller::Caller;
use crate::rest::find;
use crate::rest::problem::Problem;
use crate::rest::server::Rest;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, post, web};
use hostler_events::payload::Role;
use hostler_model::{SessionId, Thing, UserName, limits};
use hostler_seating::explanation::Explanation;
use hostler_seating::report::Origin;
use hostler_wire::messages::agent::SessionOrder;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionRow {
    /// Its id, the same for its whole life.
    pub id: String,
    /// Whose session it is.
    pub user: String,
    /// Where it is.
    pub host: Labelled,
    /// `active` or `disconnected`.
    pub state: String,
    /// What it was asked for; `null` where it began without a seat, past the broker.
    pub item: Option<Labelled>,
    /// When it began, by the host's clock, in ms since 1970.
    pub started_ms: u64,
}

/// Which sessions are wanted.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SessionFilter {
    /// Only this user's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Only those on this host, by name or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// A text for a session's user.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// The text, in one or more lines.
    pub text: String,
}

/// Why a session is where it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Why {
    /// The session.
    pub session: String,
    /// When it was decided, in ms since 1970, by that broker's clock.
    pub at_ms: u64,
    /// The broker that decided.
    pub broker: Labelled,
    /// For whom.
    pub user: String,
    /// What for.
    pub item: Labelled,
    /// Where to.
    pub host: Labelled,
    /// `existing_session`, `held_seat` or `lowest_score`.
    pub reason: String,
    /// The best candidates as they were then, the chosen one first.
    pub candidates: Vec<CandidateRow>,
    /// Hosts that were not looked at, by cause.
    pub excluded: Vec<ExcludedRow>,
    /// How many hosts were eligible; where there are many, the candidates are a sample.
    pub eligible: u32,
}

/// A host that was looked at, with its figures of that moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct CandidateRow {
    /// Its name then.
    pub name: String,
    /// Its score in thousandths; lower is better.
    pub score: u32,
    /// CPU in use, in thousandths.
    pub cpu_permille: u16,
    /// Memory in use, in thousandths.
    pub memory_permille: u16,
    /// Sessions and held seats.
    pub taken: u32,
    /// The most of those.
    pub hard_cap: u32,
    /// Logons in flight.
    pub logons: u32,
    /// How old its report was, in ms.
    pub report_age_ms: u64,
}

/// Hosts that were not looked at for one cause.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ExcludedRow {
    /// The cause, for programs.
    pub why: String,
    /// The cause in words.
    pub words: String,
    /// How many.
    pub count: u32,
    /// The names of the first few.
    pub names: Vec<String>,
}

/// Sessions of the site.
#[utoipa::path(tag = "sessions", operation_id = "list_sessions", params(SessionFilter), responses(
    (status = 200, body = Vec<SessionRow>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[get("/sessions")]
pub(crate) async fn list(
    rest: web::Data<Rest>,
    caller: Caller,
    filter: web::Query<SessionFilter>,
) -> Answer<Vec<SessionRow>> {
    caller.needs(Role::Auditor)?;
    caller.at_home()?;
    let now = &caller.snapshot;
    let host = filter.host.as_deref().map(|text| find::host(&now.site, text)).transpose()?;
    let user: Option<UserName> = filter.user.as_deref().map(|text| super::name("user", text)).transpose()?;
    let sessions = rest.backend.sessions().await?.into_iter();
    let wanted = sessions
        .filter(|s| host.is_none_or(|host| s.host == host) && user.as_ref().is_none_or(|user| s.session.user == *user));
    let mut rows: Vec<_> = wanted.map(|s| row(now, &s)).collect();
    rows.sort_by(|a, b| (&a.user, a.started_ms, &a.id).cmp(&(&b.user, b.started_ms, &b.id)));
    Ok(web::Json(rows))
}

/// Cut the client off; the session goes on.
#[utoipa::path(tag = "sessions", operation_id = "disconnect_session",
    params(("session" = String, Path, description = "Id or its beginning")),
    responses(
        (status = 204, description = "The host has done it"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[post("/sessions/{session}/disconnect")]
pub(crate) async fn disconnect(
    rest: web::Data<Rest>,
    caller: Caller,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    order(&rest, &caller, &path, SessionOrder::Disconnect).await
}

/// End the session, and all programs in it.
#[utoipa::path(tag = "sessions", operation_id = "log_off_session",
    params(("session" = String, Path, description = "Id or its beginning")),
    responses(
        (status = 204, description = "The host has done it"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[post("/sessions/{session}/logoff")]
pub(crate) async fn log_off(
    rest: web::Data<Rest>,
    caller: Caller,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    order(&rest, &caller, &path, SessionOrder::LogOff).await
}

/// Show the session's user a text.
#[utoipa::path(tag = "sessions", operation_id = "message_session",
    params(("session" = String, Path, description = "Id or its beginning")),
    responses(
        (status = 204, description = "The host has done it"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[post("/sessions/{session}/message")]
pub(crate) async fn message(
    rest: web::Data<Rest>,
    caller: Caller,
    path: web::Path<String>,
    body: web::Json<NewMessage>,
) -> Result<HttpResponse, Problem> {
    let text = body.into_inner().text;
    if text.trim().is_empty() || text.len() > limits::TEXT_BYTES {
        return Err(Problem::invalid(format!("a message has 1 to {} bytes", limits::TEXT_BYTES)));
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(Problem::invalid("a message must not contain control characters other than line ends"));
    }
    order(&rest, &caller, &path, SessionOrder::Message { text }).await
}

/// Why a session is where it is: what the broker knew when it decided.
#[utoipa::path(tag = "sessions", operation_id = "why_session",
    params(("session" = String, Path, description = "Id or its beginning")),
    responses(
        (status = 200, body = Why),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[get("/sessions/{session}/why")]
pub(crate) async fn why(rest: web::Data<Rest>, caller: Caller, path: web::Path<String>) -> Answer<Why> {
    caller.needs(Role::Auditor)?;
    caller.at_home()?;
    let session = find_session(&rest, &path).await?;
    let Some(explanation) = rest.backend.explain(session).await? else {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "no_explanation",
            format!(
                "session {} had no seat: it began past the broker, or while the agent was not running",
                session.short()
            ),
        ));
    };
    Ok(web::Json(told(&caller.snapshot, session, &explanation)))
}

async fn order(rest: &Rest, caller: &Caller, path: &str, order: SessionOrder) -> Result<HttpResponse, Problem> {
    caller.needs(Role::HelpDesk)?;
    caller.at_home()?;
    let session = find_session(rest, path).await?;
    let what = match order {
        SessionOrder::Disconnect => "disconnect",
        SessionOrder::LogOff => "log off",
        SessionOrder::Message { .. } => "message",
    };
    tracing::info!(session = session.short(), what, "an order to a session");
    rest.backend.order(session, order).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn find_session(rest: &Rest, text: &str) -> Result<SessionId, Problem> {
    find::session(rest.backend.sessions().await?.iter().map(|s| s.session.id), text)
}

fn row(now: &Snapshot, session: &SessionNow) -> SessionRow {
    let label = |thing| labelled(thing, &now.site, &now.main);
    let SessionNow { host, session } = session;
    SessionRow {
        id: session.id.to_string(),
        user: session.user.to_string(),
        host: label(Thing::Host(*host)),
        state: word(&session.state),
        item: match session.origin {
            Origin::Seat { item, .. } => Some(label(Thing::Item(item))),
            Origin::Unbrokered => None,
        },
        started_ms: session.started.0,
    }
}

fn told(now: &Snapshot, session: SessionId, e: &Explanation) -> Why {
    let label = |thing| labelled(thing, &now.site, &now.main);
    let candidate = |c: &hostler_seating::explanation::Candidate| CandidateRow {
        name: c.name.to_string(),
        score: c.score,
        cpu_permille: c.cpu.0,
        memory_permille: c.memory.0,
        taken: c.taken,
        hard_cap: c.hard_cap,
        logons: c.logons,
        report_age_ms: c.report_age_ms,
    };
    let excluded = |x: &hostler_seating::explanation::Excluded| ExcludedRow {
        why: word(&x.why),
        words: x.why.words().to_string(),
        count: x.count,
        names: x.names.iter().map(ToString::to_string).collect(),
    };
    Why {
        session: session.to_string(),
        at_ms: e.at.0,
        broker: label(Thing::Broker(e.broker)),
        user: e.user.to_string(),
        item: label(Thing::Item(e.item)),
        host: label(Thing::Host(e.host)),
        reason: word(&e.reason),
        candidates: e.candidates.iter().map(candidate).collect(),
        excluded: e.excluded.iter().map(excluded).collect(),
        eligible: e.eligible,
    }
}
