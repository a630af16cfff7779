//! Whose request it is, and what they may do. Every endpoint but the logon takes a [`Caller`], so none can be reached
//! without one.

use super::api_token::ApiToken;
use super::find;
use super::login_token::LoginToken;
use super::problem::Problem;
use super::server::Rest;
use super::site_asked::SiteAsked;
use crate::backend::Snapshot;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use hostler_events::Actor;
use hostler_events::payload::Role;
use hostler_model::{AdminId, BrokerId};
use std::future::{Ready, ready};
use std::net::IpAddr;
use std::sync::Arc;

/// Characters of a bearer token that are looked at.
const TOKEN_CHARACTERS: usize = 512;

/// An administrator who proved who they are, and the broker as it was at that moment.
pub(crate) struct Caller {
    /// Who.
    pub(crate) admin: AdminId,
    /// Their highest role in the site that the request is about; nothing where they have none there.
    pub(crate) role: Option<Role>,
    /// Where they come from.
    pub(crate) address: Option<IpAddr>,
    /// The broker as it was when the request came, with the site that the request is about.
    pub(crate) snapshot: Arc<Snapshot>,
    /// True where that is another site than the broker's own.
    elsewhere: bool,
}

impl Caller {
    /// Refuses whoever has a lesser role here.
    pub(crate) fn needs(&self, least: Role) -> Result<(), Problem> {
        if self.role.is_some_and(|role| role >= least) {
            return Ok(());
        }
        let text = format!("this takes the role {}, which you do not have here", least.name());
        Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", text))
    }

    /// Refuses whoever has a lesser role in the whole farm: a role that is limited to a site does not count.
    pub(crate) fn needs_in_farm(&self, least: Role) -> Result<(), Problem> {
        if self.farm_role().is_some_and(|role| role >= least) {
            return Ok(());
        }
        let text = format!("this takes the role {} in the whole farm, which you do not have", least.name());
        Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", text))
    }

    /// Refuses whoever has a lesser role in every site: for what is about the caller, or no secret among administrators.
    pub(crate) fn needs_anywhere(&self, least: Role) -> Result<(), Problem> {
        if self.snapshot.main.role_anywhere_of(self.admin).is_some_and(|role| role >= least) {
            return Ok(());
        }
        let text = format!("this takes the role {}, which you have nowhere", least.name());
        Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", text))
    }

    /// Their highest role in the whole farm.
    pub(crate) fn farm_role(&self) -> Option<Role> {
        self.snapshot.main.farm_role_of(self.admin)
    }

    /// True where the request is about another site than the broker's own.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.elsewhere
    }

    /// Refuses what only the brokers of the site know, where this is none of them; and says who they are.
    pub(crate) fn at_home(&self) -> Result<(), Problem> {
        if !self.elsewhere {
            return Ok(());
        }
        let now = &self.snapshot;
        let alive = |id: &&BrokerId| now.brokers.get(id).is_some_and(|b| b.alive);
        let at = |id: &BrokerId| Some(now.site.brokers.get(id)?.addresses.access.to_string());
        let brokers: Vec<String> = now.site.order.iter().filter(alive).filter_map(at).collect();
        let ask = match brokers.as_slice() {
            [] => "none of them is reachable from here".to_string(),
            some => format!("ask one of them: {}", some.join(", ")),
        };
        let text = format!("only the brokers of site {} know this; {ask}", now.site_name());
        Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "other_site", text))
    }

    /// As whom commands are given.
    pub(crate) fn actor(&self) -> Actor {
        Actor::Admin(self.admin)
    }

    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let rest = request.app_data::<web::Data<Rest>>().ok_or_else(Problem::internal)?;
        let header = request.headers().get(AUTHORIZATION).and_then(|v| v.to_str().ok());
        let token = header.and_then(|v| v.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = token.filter(|(_, t)| t.len() <= TOKEN_CHARACTERS) else {
            return Err(Problem::unauthorized("log in first: this request carries no bearer token"));
        };
        let snapshot = rest.backend.snapshot();
        let now = rest.backend.wall();
        let token = token.trim();
        let admin = if LoginToken::looks_like(token) {
            LoginToken::verify(token, &snapshot, &rest.signatures, now).map(|t| t.admin).map_err(|e| e.to_string())
        } else if ApiToken::looks_like(token) {
            ApiToken::verify(token, &snapshot, now).map_err(|e| e.to_string())
        } else {
            Err("this is no token of a Hostler farm".to_string())
        };
        let admin = admin.map_err(|why| Problem::unauthorized(format!("log in again: {why}")))?;
        tracing::Span::current().record("admin", admin.short());
        let address = request.peer_addr().map(|a| a.ip().to_canonical());
        let asked = request.extensions().get::<SiteAsked>().map(|asked| find::site(&snapshot.main, &asked.0));
        let site = asked.transpose()?.unwrap_or(snapshot.site_id);
        let elsewhere = site != snapshot.site_id;
        let role = snapshot.main.role_of(admin, site);
        Ok(Self { admin, role, address, snapshot: snapshot.of_site(site), elsewhere })
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_have_the_names_that_json_gives_them() {
        for role in [Role::Auditor, Role::HelpDesk, Role::Operator, Role::Owner, Role::Promoter] {
            assert_eq!(serde_json::to_value(role).unwrap(), role.name());
        }
    }
}
