//! What a site's events add up to, up to some place in their order.

use crate::names::Names;
use crate::records::{
    Admin, ApiToken, Broker, Field, Gateway, Group, Host, Item, JoinToken, Mastership, Settlement, Site, User,
};
use crate::{Lane, Loaded, Note};
use hostler_events::payload::{GatewayField, GroupField, HostField, ItemField, PromotionKind};
use hostler_events::{Event, EventRef};
use hostler_model::{
    AdminId, BrokerId, GatewayId, GroupId, Hlc, HostId, ItemId, Name, SiteId, Thing, TokenId, UserId, UserName,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
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
    /// Brokers, removed ones too.
    pub brokers: BTreeMap<BrokerId, Broker>,
    /// Members by priority, the first in line first.
    pub order: Vec<BrokerId>,
    /// When anything about the brokers last changed.
    pub brokers_changed: Hlc,
    /// Session hosts.
    pub hosts: BTreeMap<HostId, Host>,
    /// Gateways.
    pub gateways: BTreeMap<GatewayId, Gateway>,
    /// Published items.
    pub items: BTreeMap<ItemId, Item>,
    /// Users.
    pub users: BTreeMap<UserId, User>,
    /// Groups.
    pub groups: BTreeMap<GroupId, Group>,
    /// Administrators, in the main site.
    pub admins: BTreeMap<AdminId, Admin>,
    /// Join tokens.
    pub tokens: BTreeMap<TokenId, JoinToken>,
    /// Programs' tokens, in the main site.
    pub api_tokens: BTreeMap<TokenId, ApiToken>,
    /// Farm-wide settings that are not at their default.
    pub settings: BTreeMap<String, String>,
    /// The site's policies that are not at their default.
    pub policies: BTreeMap<String, Field<Option<String>>>,
    /// Superseded and quarantined events that were settled.
    pub settled: BTreeMap<EventRef, Settlement>,
    user_names: BTreeMap<UserName, UserId>,
    names: Names,
    removed: BTreeSet<Thing>,
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
        if let Some((target, reapplied)) = settles(event) {
            self.settle(loaded, target, reapplied, find, lane_of, notes);
            return Lane::Applied;
        }
        if self.is_orphan(loaded, event) {
            self.orphans.push(loaded.reference);
            return Lane::Orphaned;
        }
        self.fold(loaded, event, notes);
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
        self.user_names.get(name).copied()
    }

    /// The names of all users, in order.
    pub fn user_names(&self) -> impl Iterator<Item = &UserName> {
        self.user_names.keys()
    }

    /// What has this name among things of the kind of `like`; case does not matter.
    #[must_use]
    pub fn named(&self, like: Thing, name: &str) -> Option<Thing> {
        self.names.holder(like, name)
    }

    /// True where the thing was created, removed or not.
    #[must_use]
    pub fn knows(&self, thing: Thing) -> bool {
        self.removed.contains(&thing)
            || match thing {
                Thing::Site(id) => self.sites.contains_key(&id),
                Thing::Broker(id) => self.brokers.contains_key(&id),
                Thing::Gateway(id) => self.gateways.contains_key(&id),
                Thing::Host(id) => self.hosts.contains_key(&id),
                Thing::Item(id) => self.items.contains_key(&id),
                Thing::User(id) => self.users.contains_key(&id),
                Thing::Group(id) => self.groups.contains_key(&id),
                Thing::Admin(id) => self.admins.contains_key(&id),
                Thing::Token(id) => self.tokens.contains_key(&id) || self.api_tokens.contains_key(&id),
            }
    }

    /// An event is an orphan where what it touches, beside what it creates, or its author was not created by an event
    /// that counts. The first broker of a site authors its first events before it is in the list itself.
    fn is_orphan(&self, loaded: &Loaded, event: &Event) -> bool {
        let author = loaded.header.feed.broker;
        let founds = matches!(event, Event::Promoted(p) if p.kind == PromotionKind::First);
        if !founds && self.founder != Some(author) && !self.brokers.contains_key(&author) {
            return true;
        }
        let touches = event.touches();
        touches.iter().skip(usize::from(creates(event))).any(|t| !self.knows(*t))
    }

    fn settle(
        &mut self,
        loaded: &Loaded,
        target: EventRef,
        reapplied: bool,
        find: Find<'_>,
        lane_of: LaneOf<'_>,
        notes: &mut Vec<Note>,
    ) {
        // What stands behind it in the order can't have been seen by its author.
        let Some(found) = find(&target).filter(|f| f.key() < loaded.key()) else {
            return notes.push(Note::SettledNothing);
        };
        let waits = !matches!(lane_of(&found), Lane::Applied) && !matches!(found.event, Some(Event::Promoted(_)));
        if self.settled.contains_key(&target) || !waits {
            return notes.push(Note::SettledNothing);
        }
        self.settled.insert(target, Settlement { reapplied, by: loaded.reference });
        if !reapplied {
            return;
        }
        self.fold_or_wait(&found, notes);
        // What waited for it may be applied now, and what waited for that.
        let mut waiting = std::mem::take(&mut self.orphans);
        loop {
            let before = waiting.len();
            for reference in std::mem::take(&mut waiting) {
                match find(&reference) {
                    Some(orphan) if orphan.event.as_ref().is_some_and(|e| !self.is_orphan(&orphan, e)) => {
                        if let Some(event) = &orphan.event {
                            self.fold(&orphan, event, notes);
                        }
                    }
                    _ => waiting.push(reference),
                }
            }
            if waiting.len() == before {
                break;
            }
        }
        self.orphans = waiting;
    }

    fn fold_or_wait(&mut self, loaded: &Loaded, notes: &mut Vec<Note>) {
        if let Some(event) = &loaded.event {
            if self.is_orphan(loaded, event) {
                self.orphans.push(loaded.reference);
            } else {
                self.fold(loaded, event, notes);
            }
        }
    }

    fn name(&mut self, thing: Thing, wanted: &Name, notes: &mut Vec<Note>) -> Name {
        let name = self.names.take(thing, wanted);
        if name != *wanted {
            notes.push(Note::Renamed { to: name.clone() });
        }
        name
    }

    /// Marks a thing as removed and frees its name.
    fn remove(&mut self, thing: Thing, name: Option<&str>) {
        self.removed.insert(thing);
        if let Some(name) = name {
            self.names.release(thing, name);
        }
    }

    #[allow(clippy::too_many_lines)] // one arm a type of event: splitting it would hide that none is missing
    fn fold(&mut self, loaded: &Loaded, event: &Event, notes: &mut Vec<Note>) {
        let (me, at) = (loaded.reference, loaded.header.hlc);
        if let Some(first) = event.touches().first()
            && self.removed.contains(first)
            && !matches!(event, Event::BrokerJoined(_))
        {
            // A deletion wins over concurrent edits, and a thing is removed once.
            return notes.push(Note::AlreadyRemoved);
        }
        if matches!(event.touches().first(), Some(Thing::Broker(_))) {
            self.brokers_changed = self.brokers_changed.max(at);
        }
        match event {
            Event::Promoted(e) => {
                if e.kind == PromotionKind::First {
                    self.founder.get_or_insert(loaded.header.feed.broker);
                }
                self.master = Some(Mastership { epoch: loaded.header.epoch, promotion: me, voters: e.voters.clone() });
            }
            Event::Resumed(_) | Event::Reapplied(_) | Event::Discarded(_) => {}
            Event::FarmCreated(e) => self.farm = Some(e.name.clone()),
            Event::SiteCreated(e) => {
                let name = self.name(Thing::Site(e.site), &e.name, notes);
                self.sites.insert(e.site, Site { name, created: at });
            }
            Event::SettingSet(e) => set(&mut self.settings, &e.key, e.value.clone()),
            Event::BrokerJoined(e) => {
                let thing = Thing::Broker(e.broker);
                if let Some(former) = self.brokers.get(&e.broker) {
                    let former = former.name.to_string();
                    self.names.release(thing, &former);
                }
                self.removed.remove(&thing);
                let name = self.name(thing, &e.name, notes);
                let broker = Broker {
                    name,
                    key: e.key,
                    addresses: e.addresses.clone(),
                    enabled: true,
                    standby: e.standby,
                    joined: at,
                    removed: false,
                };
                self.brokers.insert(e.broker, broker);
                self.order.retain(|b| *b != e.broker);
                self.order.push(e.broker);
                self.use_token(e.token, me);
            }
            Event::BrokerEnabled(e) => self.enable_broker(e.broker, true),
            Event::BrokerDisabled(e) => self.enable_broker(e.broker, false),
            Event::BrokerRemoved(e) => self.remove_broker(e.broker),
            Event::BrokerCompromised(e) => self.remove_broker(e.broker),
            Event::BrokersOrdered(e) => {
                // Whoever joined on another side meanwhile stays at the end.
                let listed: Vec<_> = e.order.iter().copied().filter(|b| self.order.contains(b)).collect();
                let rest: Vec<_> = self.order.iter().copied().filter(|b| !listed.contains(b)).collect();
                self.order = listed.into_iter().chain(rest).collect();
            }
            Event::BrokerKeyReplaced(e) => {
                if let Some(b) = self.brokers.get_mut(&e.broker) {
                    b.key = e.key;
                }
            }
            Event::AdminAdded(e) => {
                let name = self.name(Thing::Admin(e.admin), &e.name, notes);
                let admin = Admin {
                    name,
                    password_hash: e.password_hash.clone(),
                    grants: e.grants.clone(),
                    enabled: true,
                    added: at,
                    credentials_since: at,
                };
                self.admins.insert(e.admin, admin);
            }
            Event::AdminGranted(e) => {
                if let Some(a) = self.admins.get_mut(&e.admin) {
                    a.grants.clone_from(&e.grants);
                }
            }
            Event::AdminPasswordSet(e) => {
                if let Some(a) = self.admins.get_mut(&e.admin) {
                    a.password_hash.clone_from(&e.password_hash);
                    a.credentials_since = at;
                }
            }
            Event::AdminEnabled(e) => self.enable_admin(e.admin, true, loaded),
            Event::AdminDisabled(e) => self.enable_admin(e.admin, false, loaded),
            Event::AdminRemoved(e) => {
                let name = self.admins.remove(&e.admin).map(|a| a.name.to_string());
                self.remove(Thing::Admin(e.admin), name.as_deref());
                self.api_tokens.retain(|_, t| t.admin != e.admin);
            }
            Event::ApiTokenCreated(e) => {
                let token = ApiToken {
                    admin: e.admin,
                    label: e.label.clone(),
                    secret_hash: e.secret_hash,
                    expires: e.expires,
                    revoked: false,
                    created: at,
                };
                self.api_tokens.insert(e.token, token);
            }
            Event::HostJoined(e) => {
                let name = self.name(Thing::Host(e.host), &e.name, notes);
                let host = Host {
                    name: Field::new(name, me),
                    key: Field::new(e.key, me),
                    address: Field::new(e.address.clone(), me),
                    drain: Field::new(false, me),
                    hard_cap: Field::new(None, me),
                    logon_slots: Field::new(None, me),
                    joined: at,
                };
                self.hosts.insert(e.host, host);
                self.use_token(Some(e.token), me);
            }
            Event::HostChanged(e) => {
                let Some(mut host) = self.hosts.remove(&e.host) else { return };
                let mut w = Writer { loaded, notes };
                for (n, field) in e.fields.iter().enumerate() {
                    match field {
                        HostField::Name(v) => {
                            let name = self.rename(Thing::Host(e.host), &host.name.value, v, w.notes);
                            w.write(n, &mut host.name, &name);
                        }
                        HostField::Address(v) => w.write(n, &mut host.address, v),
                        HostField::Drain(v) => w.write(n, &mut host.drain, v),
                        HostField::HardCap(v) => w.write(n, &mut host.hard_cap, v),
                        HostField::LogonSlots(v) => w.write(n, &mut host.logon_slots, v),
                        HostField::Key(v) => w.write(n, &mut host.key, v),
                    }
                }
                self.hosts.insert(e.host, host);
            }
            Event::HostRemoved(e) => {
                let name = self.hosts.remove(&e.host).map(|h| h.name.value.to_string());
                self.remove(Thing::Host(e.host), name.as_deref());
            }
            Event::GatewayJoined(e) => {
                let name = self.name(Thing::Gateway(e.gateway), &e.name, notes);
                let gateway = Gateway {
                    name: Field::new(name, me),
                    key: Field::new(e.key, me),
                    address: Field::new(e.address.clone(), me),
                    joined: at,
                };
                self.gateways.insert(e.gateway, gateway);
                self.use_token(Some(e.token), me);
            }
            Event::GatewayChanged(e) => {
                let Some(mut gateway) = self.gateways.remove(&e.gateway) else { return };
                let mut w = Writer { loaded, notes };
                for (n, field) in e.fields.iter().enumerate() {
                    match field {
                        GatewayField::Name(v) => {
                            let name = self.rename(Thing::Gateway(e.gateway), &gateway.name.value, v, w.notes);
                            w.write(n, &mut gateway.name, &name);
                        }
                        GatewayField::Address(v) => w.write(n, &mut gateway.address, v),
                        GatewayField::Key(v) => w.write(n, &mut gateway.key, v),
                    }
                }
                self.gateways.insert(e.gateway, gateway);
            }
            Event::GatewayRemoved(e) => {
                let name = self.gateways.remove(&e.gateway).map(|g| g.name.value.to_string());
                self.remove(Thing::Gateway(e.gateway), name.as_deref());
            }
            Event::ItemPublished(e) => {
                let name = self.name(Thing::Item(e.item), &e.name, notes);
                let item = Item {
                    name: Field::new(name, me),
                    launch: Field::new(e.launch.clone(), me),
                    audience: Field::new(e.audience.clone(), me),
                    hosts: Field::new(e.hosts.clone(), me),
                    default: Field::new(e.default, me),
                    published: at,
                };
                self.items.insert(e.item, item);
            }
            Event::ItemChanged(e) => {
                let Some(mut item) = self.items.remove(&e.item) else { return };
                let mut w = Writer { loaded, notes };
                for (n, field) in e.fields.iter().enumerate() {
                    match field {
                        ItemField::Name(v) => {
                            let name = self.rename(Thing::Item(e.item), &item.name.value, v, w.notes);
                            w.write(n, &mut item.name, &name);
                        }
                        ItemField::Launch(v) => w.write(n, &mut item.launch, v),
                        ItemField::Audience(v) => w.write(n, &mut item.audience, v),
                        ItemField::Hosts(v) => w.write(n, &mut item.hosts, v),
                        ItemField::Default(v) => w.write(n, &mut item.default, v),
                    }
                }
                self.items.insert(e.item, item);
            }
            Event::ItemUnpublished(e) => {
                let name = self.items.remove(&e.item).map(|i| i.name.value.to_string());
                self.remove(Thing::Item(e.item), name.as_deref());
            }
            Event::UserAdded(e) => {
                // The same person, added on two sides: both ids stay, the name leads to the first.
                self.user_names.entry(e.name.clone()).or_insert(e.user);
                self.users.insert(e.user, User { name: e.name.clone(), added: at });
            }
            Event::UserRemoved(e) => {
                if let Some(user) = self.users.remove(&e.user) {
                    let next = self.users.iter().find(|(_, u)| u.name == user.name).map(|(id, _)| *id);
                    match next {
                        Some(id) => self.user_names.insert(user.name, id),
                        None => self.user_names.remove(&user.name),
                    };
                }
                self.remove(Thing::User(e.user), None);
            }
            Event::GroupAdded(e) => {
                let name = self.name(Thing::Group(e.group), &e.name, notes);
                let group = Group { name: Field::new(name, me), members: Field::new(e.members.clone(), me), added: at };
                self.groups.insert(e.group, group);
            }
            Event::GroupChanged(e) => {
                let Some(mut group) = self.groups.remove(&e.group) else { return };
                let mut w = Writer { loaded, notes };
                for (n, field) in e.fields.iter().enumerate() {
                    match field {
                        GroupField::Name(v) => {
                            let name = self.rename(Thing::Group(e.group), &group.name.value, v, w.notes);
                            w.write(n, &mut group.name, &name);
                        }
                        GroupField::Members(v) => w.write(n, &mut group.members, v),
                    }
                }
                self.groups.insert(e.group, group);
            }
            Event::GroupRemoved(e) => {
                let name = self.groups.remove(&e.group).map(|g| g.name.value.to_string());
                self.remove(Thing::Group(e.group), name.as_deref());
            }
            Event::TokenCreated(e) => {
                let token = JoinToken {
                    role: e.role,
                    issuer: e.issuer,
                    verifier: e.verifier,
                    expires: e.expires,
                    used: None,
                    revoked: false,
                    created: at,
                };
                self.tokens.insert(e.token, token);
            }
            Event::TokenRevoked(e) => {
                if let Some(t) = self.tokens.get_mut(&e.token) {
                    t.revoked = true;
                }
                if let Some(t) = self.api_tokens.get_mut(&e.token) {
                    t.revoked = true;
                }
            }
            Event::PolicySet(e) => match self.policies.get_mut(&e.key) {
                Some(field) => Writer { loaded, notes }.write(0, field, &e.value),
                None => {
                    self.policies.insert(e.key.clone(), Field::new(e.value.clone(), me));
                }
            },
        }
    }

    fn rename(&mut self, thing: Thing, old: &Name, new: &Name, notes: &mut Vec<Note>) -> Name {
        self.names.release(thing, old.as_str());
        self.name(thing, new, notes)
    }

    fn use_token(&mut self, token: Option<TokenId>, by: EventRef) {
        if let Some(t) = token.and_then(|id| self.tokens.get_mut(&id)) {
            t.used.get_or_insert(by);
        }
    }

    fn enable_broker(&mut self, broker: BrokerId, enabled: bool) {
        if let Some(b) = self.brokers.get_mut(&broker) {
            b.enabled = enabled;
            b.standby &= !enabled;
        }
    }

    fn remove_broker(&mut self, broker: BrokerId) {
        self.order.retain(|b| *b != broker);
        let name = self.brokers.get_mut(&broker).map(|b| {
            b.enabled = false;
            b.removed = true;
            b.name.to_string()
        });
        self.remove(Thing::Broker(broker), name.as_deref());
    }

    fn enable_admin(&mut self, admin: AdminId, enabled: bool, loaded: &Loaded) {
        if let Some(a) = self.admins.get_mut(&admin) {
            a.enabled = enabled;
            a.credentials_since = loaded.header.hlc;
        }
    }
}

/// Writes fields of an edit, and notes which of them replaced an edit that the author had not seen.
struct Writer<'a> {
    loaded: &'a Loaded,
    notes: &'a mut Vec<Note>,
}

impl Writer<'_> {
    fn write<T: Clone>(&mut self, field: usize, slot: &mut Field<T>, value: &T) {
        let base = self.loaded.header.bases.get(field).copied().flatten();
        if base.is_some_and(|b| b != slot.edit) {
            self.notes.push(Note::Overwrote { field, edit: slot.edit });
        }
        *slot = Field::new(value.clone(), self.loaded.reference);
    }
}

fn set(map: &mut BTreeMap<String, String>, key: &str, value: Option<String>) {
    match value {
        Some(v) => map.insert(key.to_string(), v),
        None => map.remove(key),
    };
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
    )
}

fn settles(event: &Event) -> Option<(EventRef, bool)> {
    match event {
        Event::Reapplied(e) => Some((e.event, true)),
        Event::Discarded(e) => Some((e.event, false)),
        _ => None,
    }
}
