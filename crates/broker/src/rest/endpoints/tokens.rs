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
    let now = &caller.snapshot;
    // A site without brokers has no master who could take in the first one: the main site's does that.
    let founds = role == MemberRole::Broker && now.site.brokers.is_empty();
    match role {
        _ if founds => caller.needs_in_farm(Role::Owner)?,
        MemberRole::Broker => caller.needs(Role::Owner)?,
        _ => caller.needs(Role::Operator)?,
    }
    let (issuer, broker) = if founds { main_master(now) } else { issuer(&caller, role) }.ok_or_else(|| {
        let site = now.site_name();
        CommandError::SiteUnreachable { site, why: "none of them answers this broker".to_string() }
    })?;
    let secret = JoinSecret::generate().map_err(|e| no_randomness(&e))?;
    let mut id = [0; 16];
    SysRng.try_fill_bytes(&mut id).map_err(|e| no_randomness(&e))?;
    let id = TokenId(id);
    let expires = rest.backend.wall().plus(SettingKey::TokenLife.value_ms(&now.main));
    let verifier = secret.verifier().0;
    let wanted = if founds {
        Command::OpenSite { site: now.site_id.to_string(), token: id, issuer, verifier, expires }
    } else {
        Command::CreateToken { token: id, role, issuer, verifier, expires }
    };
    let reply = command(&rest, &caller, wanted).await?;
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

/// Where a token for this role can be redeemed: only the master takes in brokers. In another site a broker that is alive
/// takes in the others.
fn issuer(caller: &Caller, role: MemberRole) -> Option<(BrokerId, &Broker)> {
    let now = &caller.snapshot;
    let alive = |id: &BrokerId| now.brokers.get(id).is_some_and(|b| b.alive);
    let master = now.master.map(|(master, _)| master);
    let id = match role {
        MemberRole::Broker => master?,
        _ if caller.is_elsewhere() => {
            master.filter(&alive).or_else(|| now.site.order.iter().copied().find(|id| alive(id)))?
        }
        _ => now.me,
    };
    now.site.brokers.get(&id).map(|broker| (id, broker))
}

/// The main site's master.
fn main_master(now: &Snapshot) -> Option<(BrokerId, &Broker)> {
    let id = now.main.master.as_ref()?.epoch.broker;
    now.main.brokers.get(&id).map(|broker| (id, broker))
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
