//! Tokens: to join the farm with, and for programs. A new token goes to standard output alone, so that a script can
//! take it; what people should know about it goes to standard error.

use crate::args::{ApiTokenCommand, TokenCommand};
use crate::context::{Context, done_text, now_ms, print, print_json, read};
use crate::failure::Failure;
use crate::table::Table;
use crate::times;
use hostler_broker::rest::api_tokens::{ApiTokenReply, ApiTokenRow, NewApiToken};
use hostler_broker::rest::tokens::{NewToken, TokenReply, TokenRow};
use reqwest::Method;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Commands about join tokens.
pub(super) async fn token(context: &Context, command: &TokenCommand) -> Result<(), Failure> {
    match command {
        TokenCommand::Create { role } => {
            let answer = context.order(Method::POST, &["tokens"], Some(&NewToken { role: *role })).await?;
            if context.json() {
                return print_json(&answer);
            }
            let TokenReply { token, expires_ms, address, reply } = read(answer)?;
            eprint!("{}", done_text(&reply, &format!("A token for one {role} is made; it is shown this once")));
            eprintln!(
                "Good until {} ({}), at {address}/udp. On the new {role}: hostler join TOKEN",
                times::date(expires_ms),
                times::relative(now_ms(), expires_ms)
            );
            print(&format!("{token}\n"))
        }
        TokenCommand::List => {
            let now = now_ms();
            let none = "There are no tokens; make one with: hostler token create broker|gateway|agent";
            let table = Table::new(&["ID", "FOR A", "STATE", "AT", "EXPIRES", "MADE"], none);
            context.rows(context.get(&["tokens"]).await?, table, |row: TokenRow, table| {
                let (expires, made) = (times::moment(now, row.expires_ms), times::moment(now, row.created_ms));
                table.row([row.id, row.role, row.state, row.issuer, expires, made]);
            })
        }
        TokenCommand::Revoke { token } => {
            let answer = context.order(Method::DELETE, &["tokens", token], None::<&()>).await?;
            context.done(answer, &format!("Token {token} is worth nothing any more"))
        }
    }
}

/// Commands about programs' tokens.
pub(super) async fn api_token(context: &Context, command: &ApiTokenCommand) -> Result<(), Failure> {
    match command {
        ApiTokenCommand::Create { label, days } => {
            let wanted = NewApiToken { label: label.clone(), life_ms: days.map(|d| u64::from(d) * DAY_MS) };
            let answer = context.order(Method::POST, &["api-tokens"], Some(&wanted)).await?;
            if context.json() {
                return print_json(&answer);
            }
            let ApiTokenReply { token, expires_ms, reply } = read(answer)?;
            eprint!("{}", done_text(&reply, &format!("A token for {label} is made; it is shown this once")));
            let until = expires_ms.map_or_else(|| "revoked".to_string(), times::date);
            eprintln!("Good until {until}. A program sends it as its bearer token, or sets HOSTLER_TOKEN.");
            print(&format!("{token}\n"))
        }
        ApiTokenCommand::List => {
            let now = now_ms();
            let table = Table::new(&["ID", "LABEL", "FOR", "STATE", "EXPIRES", "MADE"], "There are no API tokens.");
            context.rows(context.get(&["api-tokens"]).await?, table, |row: ApiTokenRow, table| {
                let expires = row.expires_ms.map_or_else(|| "never".into(), |at| times::moment(now, at));
                let made = times::moment(now, row.created_ms);
                table.row([row.id, row.label, row.admin, row.state, expires, made]);
            })
        }
        ApiTokenCommand::Revoke { token } => {
            let answer = context.order(Method::DELETE, &["api-tokens", token], None::<&()>).await?;
            context.done(answer, &format!("Token {token} is worth nothing any more"))
        }
    }
}
