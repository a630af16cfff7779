//! Looks things up as people write them: by name, by id, or by the beginning of an id.

use crate::CommandError;
use hostler_model::{
    AdminId, BrokerId, GatewayId, GroupId, HostId, ItemId, SiteId, Thing, TokenId, UserId, UserName, beginning_with,
};
use hostler_views::State;
use std::str::FromStr;

/// Looks things up in a site.
pub(crate) struct Find<'a>(pub(crate) &'a State);

impl Find<'_> {
    pub(crate) fn host(&self, text: &str) -> Result<HostId, CommandError> {
        match self.0.named(Thing::Host(HostId([0; 16])), text) {
            Some(Thing::Host(id)) => Ok(id),
            _ => by_id("host", text, self.0.hosts.keys().copied()),
        }
    }

    /// A broker that is a member.
    pub(crate) fn broker(&self, text: &str) -> Result<BrokerId, CommandError> {
        match self.0.named(Thing::Broker(BrokerId([0; 16])), text) {
            Some(Thing::Broker(id)) if self.0.order.contains(&id) => Ok(id),
            _ => by_id("broker", text, self.0.order.iter().copied()),
        }
    }

    /// A broker that is or was a member: a lost master may have been removed on another side.
    pub(crate) fn broker_ever(&self, text: &str) -> Result<BrokerId, CommandError> {
        self.broker(text).or_else(|_| {
            let named = self.0.brokers.iter().find(|(_, b)| b.name.as_str().eq_ignore_ascii_case(text));
            named.map(|(id, _)| Ok(*id)).unwrap_or_else(|| by_id("broker", text, self.0.brokers.keys().copied()))
        })
    }

    pub(crate) fn gateway(&self, text: &str) -> Result<GatewayId, CommandError> {
        match self.0.named(Thing::Gateway(GatewayId([0; 16])), text) {
            Some(Thing::Gateway(id)) => Ok(id),
            _ => by_id("gateway", text, self.0.gateways.keys().copied()),
        }
    }

    pub(crate) fn item(&self, text: &str) -> Result<ItemId, CommandError> {
        match self.0.named(Thing::Item(ItemId([0; 16])), text) {
            Some(Thing::Item(id)) => Ok(id),
            _ => by_id("published item", text, self.0.items.keys().copied()),
        }
    }

    pub(crate) fn group(&self, text: &str) -> Result<GroupId, CommandError> {
        match self.0.named(Thing::Group(GroupId([0; 16])), text) {
            Some(Thing::Group(id)) => Ok(id),
            _ => by_id("group", text, self.0.groups.keys().copied()),
        }
    }

    pub(crate) fn admin(&self, text: &str) -> Result<AdminId, CommandError> {
        match self.0.named(Thing::Admin(AdminId([0; 16])), text) {
            Some(Thing::Admin(id)) => Ok(id),
            _ => by_id("administrator", text, self.0.admins.keys().copied()),
        }
    }

    pub(crate) fn user(&self, text: &str) -> Result<UserId, CommandError> {
        match text.parse::<UserName>().ok().and_then(|name| self.0.user_named(&name)) {
            Some(id) => Ok(id),
            None => by_id("user", text, self.0.users.keys().copied()),
        }
    }

    /// A site of the farm; asked of the main site's state.
    pub(crate) fn site(&self, text: &str) -> Result<SiteId, CommandError> {
        match self.0.named(Thing::Site(SiteId([0; 16])), text) {
            Some(Thing::Site(id)) => Ok(id),
            _ => by_id("site", text, self.0.sites.keys().copied()),
        }
    }

    pub(crate) fn token(&self, main: &State, text: &str) -> Result<TokenId, CommandError> {
        by_id("token", text, self.0.tokens.keys().chain(main.api_tokens.keys()).copied())
    }

    pub(crate) fn users(&self, texts: &[String]) -> Result<Vec<UserId>, CommandError> {
        texts.iter().map(|t| self.user(t)).collect()
    }
}

fn by_id<I: FromStr + Ord + Copy>(what: &str, text: &str, ids: impl Iterator<Item = I>) -> Result<I, CommandError> {
    let shown = || text.chars().take(hostler_model::limits::NAME_BYTES).collect::<String>();
    let not_found = || CommandError::NotFound { what: what.to_string(), name: shown() };
    let wanted = beginning_with::<I>(text).ok_or_else(not_found)?;
    let mut fitting = ids.filter(|id| wanted.contains(id));
    match (fitting.next(), fitting.next()) {
        (Some(id), None) => Ok(id),
        (Some(_), Some(_)) => Err(CommandError::Ambiguous { what: what.to_string(), name: shown() }),
        (None, _) => Err(not_found()),
    }
}
