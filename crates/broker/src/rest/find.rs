//! Looks up what a path or a body names: by name, by id, or by the beginning of an id that only one thing has.
//! Commands are looked up by whoever carries them out; here is what is only read.

use super::problem::Problem;
use actix_web::http::StatusCode;
use hostler_model::{GatewayId, HostId, ItemId, SessionId, SiteId, Thing, limits};
use hostler_views::State;
use std::fmt::Display;

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

fn by_id<I: Display + Copy>(what: &str, text: &str, ids: impl Iterator<Item = I>) -> Result<I, Problem> {
    let shown: String = text.chars().take(limits::NAME_BYTES).collect();
    let wanted = text.trim().to_ascii_lowercase();
    let mut fitting = ids.filter(|id| wanted.len() >= PREFIX && id.to_string().starts_with(&wanted));
    match (fitting.next(), fitting.next()) {
        (Some(id), None) => Ok(id),
        (Some(_), Some(_)) => Err(Problem::new(
            StatusCode::CONFLICT,
            "ambiguous",
            format!("{shown:?} fits several {what}s; give more of the id"),
        )),
        (None, _) => Err(Problem::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what} {shown:?}"))),
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
