//! Tokens with which programs act for an administrator.

use super::{Answer, CommandReply, command, name};
use crate::rest::api_token::ApiToken;
use crate::rest::caller::Caller;
use crate::rest::problem::Problem;
use crate::rest::server::Rest;
use actix_web::{delete, get, post, web};
use hostler_events::payload::Role;
use hostler_node::Command;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// A program's token, without its secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ApiTokenRow {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub label: String,
    /// For whom it acts.
    pub admin: String,
    /// `good`, `revoked` or `expired`.
    pub state: String,
    /// Until when it is good, in ms since 1970; `null` is for ever.
    pub expires_ms: Option<u64>,
    /// Since when, in ms since 1970.
    pub created_ms: u64,
}

/// A program's token that shall be made; it acts for whoever makes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiToken {
    /// What it is for.
    pub label: String,
    /// How long it is good, in ms; for ever if left out.
    #[serde(default)]
    pub life_ms: Option<u64>,
}

/// A program's new token. This is the only time that its text is shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiTokenReply {
    /// The bearer token; a secret.
    pub token: String,
    /// Until when it is good, in ms since 1970; `null` is for ever.
    pub expires_ms: Option<u64>,
    /// What came of the command.
    #[serde(flatten)]
    pub reply: CommandReply,
}

impl fmt::Debug for ApiTokenReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiTokenReply({:?}, …)", self.reply)
    }
}

/// Programs' tokens, revoked ones too: all of them, or one's own where one's roles are limited to sites.
#[utoipa::path(tag = "api-tokens", operation_id = "list_api_tokens", responses(
    (status = 200, body = Vec<ApiTokenRow>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[get("/api-tokens")]
pub(crate) async fn list(rest: web::Data<Rest>, caller: Caller) -> Answer<Vec<ApiTokenRow>> {
    caller.needs_anywhere(Role::Auditor)?;
    let (main, now) = (&caller.snapshot.main, rest.backend.wall());
    // Those of others are the whole farm's matter.
    let all = caller.farm_role().is_some_and(|role| role >= Role::Auditor);
    let shown = main.api_tokens.iter().filter(|(_, token)| all || token.admin == caller.admin);
    let rows = shown.map(|(id, token)| {
        let state = match token.expires {
            _ if token.revoked => "revoked",
            Some(expires) if now >= expires => "expired",
            _ => "good",
        };
        ApiTokenRow {
            id: id.to_string(),
            label: token.label.to_string(),
            admin: main.admins.get(&token.admin).map_or_else(|| token.admin.to_string(), |a| a.name.to_string()),
            state: state.to_string(),
            expires_ms: token.expires.map(|e| e.0),
            created_ms: token.created.wall.0,
        }
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|r| r.created_ms);
    Ok(web::Json(rows))
}

/// Make a token with which a program acts for whoever makes it.
#[utoipa::path(tag = "api-tokens", operation_id = "create_api_token", responses(
    (status = 200, body = ApiTokenReply),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[post("/api-tokens")]
pub(crate) async fn create(
    rest: web::Data<Rest>,
    caller: Caller,
    body: web::Json<NewApiToken>,
) -> Answer<ApiTokenReply> {
    caller.needs_anywhere(Role::Auditor)?;
    let label = name("label", &body.label)?;
    let expires = body.life_ms.map(|ms| rest.backend.wall().plus(ms));
    let token = ApiToken::generate().map_err(|error| {
        tracing::error!(%error, "the operating system gave no random bytes, so no token was made");
        Problem::internal()
    })?;
    let wanted = Command::CreateApiToken { token: token.id, label, secret_hash: token.hash, expires };
    let reply = command(&rest, &caller, wanted).await?;
    Ok(web::Json(ApiTokenReply { token: token.text, expires_ms: expires.map(|e| e.0), reply }))
}

/// Revoke a program's token.
#[utoipa::path(tag = "api-tokens", operation_id = "revoke_api_token",
    params(("token" = String, Path, description = "Id or its beginning")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[delete("/api-tokens/{token}")]
pub(crate) async fn revoke(rest: web::Data<Rest>, caller: Caller, path: web::Path<String>) -> Answer<CommandReply> {
    // Who may revoke whose is decided with the command.
    caller.needs_anywhere(Role::Auditor)?;
    command(&rest, &caller, Command::RevokeToken { token: path.into_inner() }).await.map(web::Json)
}
