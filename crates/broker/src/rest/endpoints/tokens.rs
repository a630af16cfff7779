//! Tokens to join the farm with.

use super::{Answer, CommandReply, command};
use crate::backend::Snapshot;
use crate::rest::caller::Caller;
use crate::rest::problem::Problem;
use crate::rest::server::Rest;
use actix_web::{delete, get, post, web};
use hostler_events::payload::Role;
use hostler_model::{BrokerId, MemberRole, TokenId, Wall};
use hostler_node::{Command, CommandError, SettingKey};
use hostler_views::{Broker, JoinToken};
use hostler_wire::{Fingerprint, JoinSecret};
use rand::TryRng;
use rand::rngs::SysRng;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// A join token, without its secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct TokenRow {
    /// Its id.
    pub id: String,
    /// What may join with it: `broker`, `gateway` or `agent`.
    pub role: String,
    /// The name of the broker where alone it can be redeemed.
    pub issuer: String,
    /// `open`, `used`, `revoked` or `expired`.
    pub state: String,
    /// Until when it is good, in ms since 1970.
    pub expires_ms: u64,
    /// Since when, in ms since 1970.
    pub created_ms: u64,
}

/// A token that shall be made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What shall join with it: `broker`, `gateway` or `agent`.
    #[schema(value_type = String, example = "agent")]
    pub role: MemberRole,
}

/// A new join token. This is the only time that its text is shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenReply {
    /// The text to join with; a secret.
    pub token: String,
    /// Until when it is good, in ms since 1970.
    pub expires_ms: u64,
    /// Where its broker listens for joiners (UDP).
    pub address: String,
    /// What came of the command.
    #[serde(flatten)]
    pub reply: CommandReply,
}

impl fmt::Debug for TokenReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenReply({:?}, …)", self.reply)
    }
}

/// All join tokens, used ones too.
#[utoipa::path(tag = "tokens", operation_id = "list_tokens", responses(
    (status = 200, body = Vec<TokenRow>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[get("/tokens")]
pub(crate) async fn list(rest: web::Data<Rest>, caller: Caller) -> Answer<Vec<TokenRow>> {
    caller.needs(Role::Auditor)?;
    let (site, now) = (&caller.snapshot.site, rest.backend.wall());
    let broker_name = |id| site.brokers.get(id).map_or_else(|| id.to_string(), |b: &Broker| b.name.to_string());
    let rows = site.tokens.iter().map(|(id, token)| TokenRow {
        id: id.to_string(),
        role: token.role.to_string(),
        issuer: broker_name(&token.issuer),
        state: state(token, now).to_string(),
        expires_ms: token.expires.0,
        created_ms: token.created.wall.0,
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|r| r.created_ms);
    Ok(web::Json(rows))
}

/// Make a join token. A broker's is redeemed at the master, the others' at the broker that answers.
#[utoipa::path(tag = "tokens", operation_id = "create_token", responses(
    (status = 200, body = TokenReply),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[post("/tokens")]
pub(crate) async fn create(rest: web::Data<Rest>, caller: Caller, body: web::Json<NewToken>) -> Answer<TokenReply> {
    let role = body.role;
    caller.needs(if role == MemberRole::Broker { Role::Owner } else { Role::Operator })?;
    let now = &caller.snapshot;
    let (issuer, broker) = issuer(now, role).ok_or(CommandError::NotReady)?;
    let secret = JoinSecret::generate().map_err(|e| no_randomness(&e))?;
    let mut id = [0; 16];
    SysRng.try_fill_bytes(&mut id).map_err(|e| no_randomness(&e))?;
    let id = TokenId(id);
    let expires = rest.backend.wall().plus(SettingKey::TokenLife.value_ms(&now.main));
    let verifier = secret.verifier().0;
    let reply = command(&rest, &caller, Command::CreateToken { token: id, role, issuer, verifier, expires }).await?;
    let address = broker.addresses.join.clone();
    let token = hostler_wire::JoinToken {
        role,
        site: now.site_id,
        id,
        expires,
        issuer: Fingerprint::of(&broker.key),
        address: address.clone(),
        secret,
    };
    Ok(web::Json(TokenReply { token: token.reveal(), expires_ms: expires.0, address: address.to_string(), reply }))
}

/// Revoke a join token. What joined with it stays.
#[utoipa::path(tag = "tokens", operation_id = "revoke_token",
    params(("token" = String, Path, description = "Id or its beginning")),
    responses(
        (status = 200, body = CommandReply),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    ))]
#[delete("/tokens/{token}")]
pub(crate) async fn revoke(rest: web::Data<Rest>, caller: Caller, path: web::Path<String>) -> Answer<CommandReply> {
    caller.needs(Role::Operator)?;
    command(&rest, &caller, Command::RevokeToken { token: path.into_inner() }).await.map(web::Json)
}

/// Where a token for this role can be redeemed: only the master takes in brokers.
fn issuer(now: &Snapshot, role: MemberRole) -> Option<(BrokerId, &Broker)> {
    let id = if role == MemberRole::Broker { now.master?.0 } else { now.me };
    now.site.brokers.get(&id).map(|broker| (id, broker))
}

fn state(token: &JoinToken, now: Wall) -> &'static str {
    if token.used.is_some() {
        "used"
    } else if token.revoked {
        "revoked"
    } else if now >= token.expires {
        "expired"
    } else {
        "open"
    }
}

fn no_randomness(error: &dyn fmt::Display) -> Problem {
    tracing::error!(%error, "the operating system gave no random bytes, so no token was made");
    Problem::internal()
}
