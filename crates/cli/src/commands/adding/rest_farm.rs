//! The farm, as the steps need it, by REST.

use crate::context::{Context, read};
use crate::failure::Failure;
use hostler_broker::rest::brokers::BrokerRow;
use hostler_broker::rest::gateways::GatewayRow;
use hostler_broker::rest::hosts::HostRow;
use hostler_broker::rest::sites::SiteRow;
use hostler_broker::rest::tokens::{NewToken, TokenReply};
use hostler_deploy::{Farm, FarmError, JoinSecret, Standing};
use hostler_model::MemberRole;
use hostler_wire::JoinToken;
use reqwest::Method;

/// The farm that the stored logon is for.
pub(in crate::commands) struct RestFarm<'a>(&'a Context);

impl<'a> RestFarm<'a> {
    pub(super) fn new(context: &'a Context) -> Self {
        Self(context)
    }

    /// The id of the site that is meant.
    pub(super) async fn site(&self) -> Result<String, Failure> {
        let sites: Vec<SiteRow> = read(self.0.get(&["sites"]).await?)?;
        let meant = |site: &SiteRow| match self.0.site() {
            Some(wanted) => wanted == site.id || wanted.eq_ignore_ascii_case(&site.name),
            None => site.answers,
        };
        let none = || Failure::Usage("there is no such site; list them with: hostler site list".into());
        sites.into_iter().find(meant).map(|site| site.id).ok_or_else(none)
    }

    async fn members(&self, role: MemberRole, id: &str) -> Result<Standing, Failure> {
        let standing = |found: Option<bool>| match found {
            None => Standing::Unknown,
            Some(false) => Standing::Down,
            Some(true) => Standing::Up,
        };
        Ok(match role {
            MemberRole::Broker => {
                let rows: Vec<BrokerRow> = read(self.0.get(&["brokers"]).await?)?;
                match rows.into_iter().find(|row| row.id == id) {
                    Some(row) if row.answers => Standing::Up,
                    Some(row) if row.alive && row.lag_events > 0 => Standing::Behind(row.lag_events),
                    row => standing(row.map(|row| row.alive)),
                }
            }
            MemberRole::Gateway => {
                let rows: Vec<GatewayRow> = read(self.0.get(&["gateways"]).await?)?;
                standing(rows.into_iter().find(|row| row.id == id).map(|row| row.up))
            }
            MemberRole::Agent => {
                let rows: Vec<HostRow> = read(self.0.get(&["hosts"]).await?)?;
                standing(rows.into_iter().find(|row| row.id == id).map(|row| row.up))
            }
        })
    }

    async fn new_token(&self, role: MemberRole) -> Result<JoinSecret, Failure> {
        let answer = self.0.order(Method::POST, &["tokens"], Some(&NewToken { role })).await?;
        let TokenReply { token: text, .. } = read(answer)?;
        // Where it is not understood, it is of another version; the machine that joins will say so.
        let id = text.parse::<JoinToken>().map(|token| token.id.to_string()).unwrap_or_default();
        Ok(JoinSecret { id, text })
    }
}

impl Farm for RestFarm<'_> {
    async fn token(&self, role: MemberRole) -> Result<JoinSecret, FarmError> {
        self.new_token(role).await.map_err(failed)
    }

    async fn revoke(&self, token: &JoinSecret) -> Result<(), FarmError> {
        self.0.order(Method::DELETE, &["tokens", &token.id], None::<&()>).await.map(drop).map_err(failed)
    }

    async fn standing(&self, role: MemberRole, id: &str) -> Result<Standing, FarmError> {
        self.members(role, id).await.map_err(failed)
    }

    async fn remove(&self, role: MemberRole, id: &str) -> Result<(), FarmError> {
        let list = match role {
            MemberRole::Broker => "brokers",
            MemberRole::Gateway => "gateways",
            MemberRole::Agent => "hosts",
        };
        self.0.order(Method::DELETE, &[list, id], None::<&()>).await.map(drop).map_err(failed)
    }
}

fn failed(failure: Failure) -> FarmError {
    FarmError(failure.to_string())
}
