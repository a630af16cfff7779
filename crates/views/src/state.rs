//! What a site's events add up to, up to some place in their order.
//!
//! What grows with the farm is in persistent maps: a copy shares all that does not change afterwards, so copying a state,
//! and comparing it with a copy that was changed a little, takes no longer in a large farm.

mod digest;
mod fold;
mod settle;

pub use digest::{Digests, digest_of};
pub(crate) use settle::decides_mastership;

use crate::names::Names;
use crate::records::{
    Admin, ApiToken, Broker, Field, Gateway, Group, Host, Item, JoinToken, Mastership, Settlement, Site, User,
};
use crate::{Lane, Loaded, Note};
use hostler_events::payload::{Grant, PromotionKind, Role};
use hostler_events::{Event, EventRef};
use hostler_model::{
    AdminId, BrokerId, GatewayId, GroupId, Hlc, HostId, ItemId, Name, SiteId, Thing, TokenId, UserId, UserName,
};
use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a site's events add up to. The main site's also has the farm's own matters.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// How many events were folded.
    pub(crate) folded: u64,
    /// The farm's name, in the main site.
    pub farm: Option<Name>,
    /// The broker whose promotion began the site.
    pub founder: Option<BrokerId>,
    /// The sites, in the main site.
    pub sites: BTreeMap<SiteId, Site>,
    /// Who is master.
    pub master: Option<Mastership>,
    /// How often the mastership went back by itself to whom it had been taken from.
    pub failbacks: u32,
    /// Brokers, removed ones too.
    pub brokers: BTreeMap<BrokerId, Broker>,
    /// Members by priority, the first in line first.
    pub order: Vec<BrokerId>,
    /// When anything about the brokers last changed.
    pub brokers_changed: Hlc,
    /// Session hosts. These records are large, and a change of one copies its neighbours in the map: hence shared.
    pub hosts: OrdMap<HostId, Arc<Host>>,
    /// Gateways.
    pub gateways: OrdMap<GatewayId, Arc<Gateway>>,
    /// Published items.
    pub items: OrdMap<ItemId, Arc<Item>>,
    /// Users.
    pub users: OrdMap<UserId, User>,
    /// Groups.
    pub groups: OrdMap<GroupId, Arc<Group>>,
    /// Administrators, in the main site.
    pub admins: OrdMap<AdminId, Arc<Admin>>,
    /// Join tokens.
    pub tokens: OrdMap<TokenId, JoinToken>,
    /// Programs' tokens, in the main site.
    pub api_tokens: OrdMap<TokenId, ApiToken>,
    /// Farm-wide settings that are not at their default.
    pub settings: BTreeMap<String, String>,
    /// The site's policies that are not at their default.
    pub policies: BTreeMap<String, Field<Option<String>>>,
    /// Superseded and quarantined events that were settled.
    pub settled: OrdMap<EventRef, Settlement>,
    /// Of several users with one name, added on two sides, the first in the order is meant.
    user_names: OrdMap<UserName, Vec<UserId>>,
    names: Names,
    removed: OrdSet<Thing>,
    /// Orphans: applied together with what they wait for.
    orphans: Vec<EventRef>,
}

/// Finds an event of the site.
pub(crate) type Find<'a> = &'a dyn Fn(&EventRef) -> Option<Arc<Loaded>>;
/// Finds an event's lane, orphans apart.
pub(crate) type LaneOf<'a> = &'a dyn Fn(&Loaded) -> Lane;

impl State {
    /// Folds one event that the rules let through. Says what became of it, which may be that it is an orphan.
    pub(crate) fn apply(
        &mut self,
        loaded: &Loaded,
        find: Find<'_>,
        lane_of: LaneOf<'_>,
        notes: &mut Vec<Note>,
    ) -> Lane {
        let Some(event) = &loaded.event else {
            notes.push(Note::Unreadable);
            return Lane::Applied;
        };
        if let Some((target, reapplied)) = settle::settles(event) {
            self.settle(loaded, target, reapplied, find, lane_of, notes);
            return Lane::Applied;
        }
        let touches = event.touches();
        if self.is_orphan(loaded, event, &touches) {
            self.orphans.push(loaded.reference);
            return Lane::Orphaned;
        }
        self.fold(loaded, event, &touches, notes);
        Lane::Applied
    }

    /// True once the thing was removed.
    #[must_use]
    pub fn is_removed(&self, thing: Thing) -> bool {
        self.removed.contains(&thing)
    }

    /// The user with this name.
    #[must_use]
    pub fn user_named(&self, name: &UserName) -> Option<UserId> {
        self.user_names.get(name).and_then(|ids| ids.first()).copied()
    }

    /// All users with this name, the first in the order first.
    #[must_use]
    pub fn users_named(&self, name: &UserName) -> &[UserId] {
        self.user_names.get(name).map_or(&[], Vec::as_slice)
    }

    /// The names of all users, in order.
    pub fn user_names(&self) -> impl Iterator<Item = &UserName> {
        self.user_names.keys()
    }

    /// The names of users from this one on, in order.
    pub fn user_names_from(&self, first: &UserName) -> impl Iterator<Item = &UserName> + use<'_> {
        self.user_names.range(first.clone()..).map(|(name, _)| name)
    }

    /// What has this name among things of the kind of `like`; case does not matter.
    #[must_use]
    pub fn named(&self, like: Thing, name: &str) -> Option<Thing> {
        self.names.holder(like, name)
    }

    /// The highest role that an enabled administrator has in a site; asked of the main site's state.
    #[must_use]
    pub fn role_of(&self, admin: AdminId, site: SiteId) -> Option<Role> {
        self.best_role(admin, |grant| grant.site.is_none_or(|s| s == site))
    }

    /// The highest role that an enabled administrator has in the whole farm, not in single sites; asked of the main
    /// site's state.
    #[must_use]
    pub fn farm_role_of(&self, admin: AdminId) -> Option<Role> {
        self.best_role(admin, |grant| grant.site.is_none())
    }

    /// The highest role that an enabled administrator has anywhere; asked of the main site's state.
    #[must_use]
    pub fn role_anywhere_of(&self, admin: AdminId) -> Option<Role> {
        self.best_role(admin, |_| true)
    }

    fn best_role(&self, admin: AdminId, counts: impl Fn(&Grant) -> bool) -> Option<Role> {
        let admin = self.admins.get(&admin).filter(|a| a.enabled)?;
        let roles = admin.grants.iter().filter(|g| counts(g)).map(|g| g.role);
        roles.filter(|role| *role != Role::Promoter).max()
    }

    /// True where an enabled administrator may force a promotion in a site; asked of the main site's state.
    #[must_use]
    pub fn may_force_promotions(&self, admin: AdminId, site: SiteId) -> bool {
        let admin = self.admins.get(&admin).filter(|a| a.enabled);
        let right = |g: &Grant| g.role == Role::Promoter && g.site.is_none_or(|s| s == site);
        admin.is_some_and(|a| a.grants.iter().any(right))
    }

    /// True where the thing was created, removed or not.
    #[must_use]
    pub fn knows(&self, thing: Thing) -> bool {
        let there = match thing {
            Thing::Site(id) => self.sites.contains_key(&id),
            Thing::Broker(id) => self.brokers.contains_key(&id),
            Thing::Gateway(id) => self.gateways.contains_key(&id),
            Thing::Host(id) => self.hosts.contains_key(&id),
            Thing::Item(id) => self.items.contains_key(&id),
            Thing::User(id) => self.users.contains_key(&id),
            Thing::Group(id) => self.groups.contains_key(&id),
            Thing::Admin(id) => self.admins.contains_key(&id),
            Thing::Token(id) => self.tokens.contains_key(&id) || self.api_tokens.contains_key(&id),
        };
        there || self.removed.contains(&thing)
    }

    /// An event is an orphan where what it touches, beside what it creates, or its author was not created by an event
    /// that counts. The first broker of a site authors its first events before it is in the list itself.
    fn is_orphan(&self, loaded: &Loaded, event: &Event, touches: &[Thing]) -> bool {
        let author = loaded.header.feed.broker;
        let founds = matches!(event, Event::Promoted(p) if p.kind == PromotionKind::First);
        if !founds && self.founder != Some(author) && !self.brokers.contains_key(&author) {
            return true;
        }
        touches.iter().skip(usize::from(creates(event))).any(|t| !self.knows(*t))
    }
}

/// True where the first thing that the event touches begins with it.
fn creates(event: &Event) -> bool {
    matches!(
        event,
        Event::SiteCreated(_)
            | Event::BrokerJoined(_)
            | Event::AdminAdded(_)
            | Event::ApiTokenCreated(_)
            | Event::HostJoined(_)
            | Event::GatewayJoined(_)
            | Event::ItemPublished(_)
            | Event::UserAdded(_)
            | Event::GroupAdded(_)
            | Event::TokenCreated(_)
            | Event::SiteOpened(_)
    )
}
