//! Logging in to the administration.

use super::Answer;
use crate::rest::login_token::LoginToken;
use crate::rest::problem::Problem;
use crate::rest::server::Rest;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, post, web};
use hostler_model::{AdminId, Thing};
use hostler_node::SettingKey;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// The least time that a logon is good, in ms, whatever the setting says: a setting that ends logons at once could not be
/// changed back by anybody.
const LEAST_LIFE_MS: u64 = 60_000;

/// Who logs in.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The administrator's name; case does not matter.
    pub name: String,
    /// Their password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({:?}, …)", self.name)
    }
}

/// Somebody has logged in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoggedIn {
    /// The bearer token, good on every broker of the farm.
    pub token: String,
    /// Until when, in ms since 1970.
    pub expires_ms: u64,
    /// The farm's name.
    pub farm: Option<String>,
    /// The administrator's name as it was given to them.
    pub name: String,
}

impl fmt::Debug for LoggedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoggedIn({:?}, …)", self.name)
    }
}

/// Log in with name and password. After some wrong tries one has to wait.
#[utoipa::path(tag = "login", security(()), responses(
    (status = 200, body = LoggedIn),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[post("/login")]
pub(crate) async fn login(
    rest: web::Data<Rest>,
    request: HttpRequest,
    body: web::Json<Credentials>,
) -> Answer<LoggedIn> {
    let Credentials { name, password } = body.into_inner();
    let address = request.peer_addr().map(|a| a.ip());
    if let Err(wait_s) = rest.limits.try_login(address, &name, rest.mono()) {
        tracing::warn!(?name, wait_s, "too many tries to log in");
        let text = format!("too many tries to log in as {name:?} from this address; wait {wait_s} s");
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", text).retry_after(wait_s));
    }
    let snapshot = rest.backend.snapshot();
    let admin = match snapshot.main.named(Thing::Admin(AdminId([0; 16])), name.trim()) {
        Some(Thing::Admin(id)) => snapshot.main.admins.get(&id).filter(|a| a.enabled).map(|a| (id, a)),
        _ => None,
    };
    let right = rest.passwords.verify(password, admin.map(|(_, a)| a.password_hash.clone())).await?;
    let Some((id, admin)) = admin.filter(|_| right) else {
        tracing::warn!(?name, "a logon was refused");
        return Err(Problem::unauthorized("name or password is wrong, or the administrator is disabled"));
    };
    rest.limits.succeeded(address, &name);
    let issued = LoginToken::issued_at(rest.backend.wall(), admin);
    let expires = issued.plus(SettingKey::LoginLife.value_ms(&snapshot.main).max(LEAST_LIFE_MS));
    let token = LoginToken { admin: id, issuer: snapshot.me, issued, expires };
    tracing::info!(admin = id.short(), "logged in");
    Ok(web::Json(LoggedIn {
        token: token.sign(rest.backend.key()),
        expires_ms: expires.0,
        farm: snapshot.main.farm.as_ref().map(ToString::to_string),
        name: admin.name.to_string(),
    }))
}
