//! Looks up what a path or a body names: by name, by id, or by the beginning of an id that only one thing has.
//! Commands are looked up by whoever carries them out; here is what is only read.

use super::problem::Problem;
use actix_web::http::StatusCode;
use hostler_events::Actor;
use hostler_model::{
    AdminId, BrokerId, GatewayId, GroupId, HostId, ItemId, SessionId, SiteId, Thing, TokenId, UserName, beginning_with,
    limits,
};
use hostler_views::State;
use std::str::FromStr;

/// The least part of an id that is looked at.
const PREFIX: usize = 6;

pub(super) fn host(site: &State, text: &str) -> Result<HostId, Problem> {
    match site.named(Thing::Host(HostId([0; 16])), text) {
        Some(Thing::Host(id)) => Ok(id),
        _ => by_id("host", text, site.hosts.keys().copied()),
    }
}

pub(super) fn gateway(site: &State, text: &str) -> Result<GatewayId, Problem> {
    match site.named(Thing::Gateway(GatewayId([0; 16])), text) {
        Some(Thing::Gateway(id)) => Ok(id),
        _ => by_id("gateway", text, site.gateways.keys().copied()),
    }
}

pub(super) fn item(site: &State, text: &str) -> Result<ItemId, Problem> {
    match site.named(Thing::Item(ItemId([0; 16])), text) {
        Some(Thing::Item(id)) => Ok(id),
        _ => by_id("published item", text, site.items.keys().copied()),
    }
}

pub(super) fn site(main: &State, text: &str) -> Result<SiteId, Problem> {
    match main.named(Thing::Site(SiteId([0; 16])), text) {
        Some(Thing::Site(id)) => Ok(id),
        _ => by_id("site", text, main.sites.keys().copied()),
    }
}

pub(super) fn session(sessions: impl Iterator<Item = SessionId>, text: &str) -> Result<SessionId, Problem> {
    by_id("session", text, sessions)
}

/// Whoever wants something: an administrator, a join token, or `system`.
pub(super) fn actor(site: &State, main: &State, text: &str) -> Result<Actor, Problem> {
    if text == "system" {
        return Ok(Actor::System);
    }
    if let Some(Thing::Admin(id)) = main.named(Thing::Admin(AdminId([0; 16])), text) {
        return Ok(Actor::Admin(id));
    }
    // Also who is gone: their ids are in the log.
    let whole = |text: &str| text.parse::<AdminId>().ok();
    let admins = main.admins.keys().copied().chain(whole(text)).map(Actor::Admin);
    let tokens = site.tokens.keys().copied().map(Actor::Token);
    let id = |actor: &Actor| match actor {
        Actor::System => String::new(),
        Actor::Admin(id) => id.to_string(),
        Actor::Token(id) => id.to_string(),
    };
    let wanted = text.trim().to_ascii_lowercase();
    let mut fitting: Vec<Actor> =
        tokens.chain(admins).filter(|a| wanted.len() >= PREFIX && id(a).starts_with(&wanted)).collect();
    fitting.dedup_by_key(|a| id(a));
    match fitting[..] {
        [] => Err(not_found("administrator or token", text)),
        [one] => Ok(one),
        [one, other] if id(&one) == id(&other) => Ok(one),
        _ => Err(ambiguous("administrator or token", text)),
    }
}

/// All things with this name, or the one with this id, which may be gone.
pub(super) fn things(site: &State, main: &State, text: &str) -> Result<Vec<Thing>, Problem> {
    let none = [0; 16];
    let like = [
        Thing::Broker(BrokerId(none)),
        Thing::Gateway(GatewayId(none)),
        Thing::Host(HostId(none)),
        Thing::Item(ItemId(none)),
        Thing::Group(GroupId(none)),
    ];
    let mut named: Vec<Thing> = like.iter().filter_map(|like| site.named(*like, text)).collect();
    named.extend([Thing::Admin(AdminId(none)), Thing::Site(SiteId(none))].iter().filter_map(|l| main.named(*l, text)));
    let user = text.parse::<UserName>().ok().and_then(|name| site.user_named(&name));
    named.extend(user.map(Thing::User));
    if named.is_empty()
        && let Ok(TokenId(id)) = text.parse()
    {
        // Of which kind it is, nobody knows any more.
        named.extend([
            Thing::Broker(BrokerId(id)),
            Thing::Gateway(GatewayId(id)),
            Thing::Host(HostId(id)),
            Thing::Item(ItemId(id)),
            Thing::Group(GroupId(id)),
            Thing::User(hostler_model::UserId(id)),
            Thing::Admin(AdminId(id)),
            Thing::Site(SiteId(id)),
            Thing::Token(TokenId(id)),
        ]);
    }
    if named.is_empty() { Err(not_found("thing with the name or whole id", text)) } else { Ok(named) }
}

fn shown(text: &str) -> String {
    text.chars().take(limits::NAME_BYTES).collect()
}

fn not_found(what: &str, text: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what} {:?}", shown(text)))
}

fn ambiguous(what: &str, text: &str) -> Problem {
    let text = format!("{:?} fits several {what}s; give more of the id", shown(text));
    Problem::new(StatusCode::CONFLICT, "ambiguous", text)
}

fn by_id<I: FromStr + Ord + Copy>(what: &str, text: &str, ids: impl Iterator<Item = I>) -> Result<I, Problem> {
    let wanted = beginning_with::<I>(text).ok_or_else(|| not_found(what, text))?;
    let mut fitting = ids.filter(|id| wanted.contains(id));
    match (fitting.next(), fitting.next()) {
        (Some(id), None) => Ok(id),
        (Some(_), Some(_)) => Err(ambiguous(what, text)),
        (None, _) => Err(not_found(what, text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_an_id_is_enough_where_only_one_fits() {
        let (a, b) = (SessionId([0x11; 16]), SessionId([[0x11; 8], [0x22; 8]].concat().try_into().unwrap()));
        let find = |text: &str| session([a, b].into_iter(), text).map_err(|p| p.code);
        let (full, common) = (a.to_string(), a.to_string()[..8].to_string());
        for (text, want) in [
            (full.as_str(), Ok(a)),
            (&full.to_uppercase(), Ok(a)),
            (&full[..16], Ok(a)),
            (&common, Err("ambiguous".to_string())),
            (&full[..5], Err("not_found".into())),
            ("", Err("not_found".into())),
            ("zzzzzzzz", Err("not_found".into())),
        ] {
            assert_eq!(find(text), want, "{text:?}");
        }
    }
}
