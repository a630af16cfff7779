//! What each event does to the state.

use super::State;
use crate::names::Names;
use crate::records::{
    Admin, ApiToken, Broker, Field, Founder, Gateway, Group, Host, Item, JoinToken, Mastership, Seal, Site, User,
};
use crate::{Loaded, Note};
use hostler_events::payload::{GatewayField, GroupField, HostField, ItemField, Promoted, PromotionKind};
use hostler_events::{Event, EventRef};
use hostler_model::{AdminId, BrokerId, MemberRole, Name, Thing, TokenId};
use std::collections::BTreeMap;
use std::sync::Arc;

impl State {
    #[allow(clippy::too_many_lines)] // one arm a type of event: splitting it would hide that none is missing
    pub(super) fn fold(&mut self, loaded: &Loaded, event: &Event, touches: &[Thing], notes: &mut Vec<Note>) {
        let (me, at) = (loaded.reference, loaded.header.hlc);
        let first = touches.first();
        if let Some(first) = first
            && self.removed.contains(first)
            && !matches!(event, Event::BrokerJoined(_))
        {
            // A deletion wins over concurrent edits, and a thing is removed once.
            return notes.push(Note::AlreadyRemoved);
        }
        if matches!(first, Some(Thing::Broker(_))) {
            self.brokers_changed = self.brokers_changed.max(at);
        }
        match event {
            Event::Promoted(e) => {
                if e.kind == PromotionKind::First {
                    self.founder.get_or_insert(loaded.header.feed.broker);
                }
                self.promote(loaded, e);
            }
            Event::Sealed(e) => {
                if let Some(master) = self.master.as_mut().filter(|m| m.epoch == loaded.header.epoch) {
                    master.sealed = Some(Seal { successor: e.successor, event: me });
                }
            }
            Event::Voted(_) | Event::Resumed(_) | Event::Reapplied(_) | Event::Discarded(_) => {}
            Event::FarmCreated(e) => self.farm = Some(e.name.clone()),
            Event::SiteCreated(e) => {
                let name = self.name(Thing::Site(e.site), &e.name, notes);
                self.sites.insert(e.site, Site { name, created: at, founder: None });
            }
            Event::SiteOpened(e) => {
                let token = JoinToken {
                    role: MemberRole::Broker,
                    founds: Some(e.site),
                    issuer: e.issuer,
                    verifier: e.verifier,
                    expires: e.expires,
                    used: None,
                    revoked: false,
                    created: at,
                };
                self.tokens.insert(e.token, token);
            }
            Event::SiteFounded(e) => {
                if let Some(site) = self.sites.get_mut(&e.site) {
                    // A later one takes the place of one that never came up: who may say so was decided by the author.
                    let (broker, name, key) = (e.broker, e.name.clone(), e.key);
                    site.founder = Some(Founder { broker, name, key, addresses: e.addresses.clone() });
                }
                self.use_token(Some(e.token), me);
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
                self.admins.insert(e.admin, Arc::new(admin));
            }
            Event::AdminGranted(e) => {
                if let Some(a) = self.admins.get_mut(&e.admin).map(Arc::make_mut) {
                    a.grants.clone_from(&e.grants);
                }
            }
            Event::AdminPasswordSet(e) => {
                if let Some(a) = self.admins.get_mut(&e.admin).map(Arc::make_mut) {
                    a.password_hash.clone_from(&e.password_hash);
                    a.credentials_since = at;
                }
            }
            Event::AdminEnabled(e) => self.enable_admin(e.admin, true, loaded),
            Event::AdminDisabled(e) => self.enable_admin(e.admin, false, loaded),
            Event::AdminRemoved(e) => {
                let name = self.admins.remove(&e.admin).map(|a| a.name.to_string());
                self.remove(Thing::Admin(e.admin), name.as_deref());
                let theirs = self.api_tokens.iter().filter(|(_, t)| t.admin == e.admin).map(|(id, _)| *id);
                for id in theirs.collect::<Vec<_>>() {
                    self.api_tokens.remove(&id);
                }
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
                self.hosts.insert(e.host, Arc::new(host));
                self.use_token(Some(e.token), me);
            }
            Event::HostChanged(e) => {
                let Some(host) = self.hosts.get_mut(&e.host).map(Arc::make_mut) else { return };
                let mut w = Writer { loaded, notes };
                for (n, field) in e.fields.iter().enumerate() {
                    match field {
                        HostField::Name(v) => {
                            let name = rename(&mut self.names, Thing::Host(e.host), &host.name.value, v, w.notes);
                            w.write(n, &mut host.name, &name);
                        }
                        HostField::Address(v) => w.write(n, &mut host.address, v),
                        HostField::Drain(v) => w.write(n, &mut host.drain, v),
                        HostField::HardCap(v) => w.write(n, &mut host.hard_cap, v),
                        HostField::LogonSlots(v) => w.write(n, &mut host.logon_slots, v),
                        HostField::Key(v) => w.write(n, &mut host.key, v),
                    }
                }
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
                self.gateways.insert(e.gateway, Arc::new(gateway));
                self.use_token(Some(e.token), me);
            }
            Event::GatewayChanged(e) => {
                let Some(gateway) = self.gateways.get_mut(&e.gateway).map(Arc::make_mut) else { return };
                let mut w = Writer { loaded, notes };
                for (n, field) in e.fields.iter().enumerate() {
                    match field {
                        GatewayField::Name(v) => {
                            let name =
                                rename(&mut self.names, Thing::Gateway(e.gateway), &gateway.name.value, v, w.notes);
                            w.write(n, &mut gateway.name, &name);
                        }
                        GatewayField::Address(v) => w.write(n, &mut gateway.address, v),
                        GatewayField::Key(v) => w.write(n, &mut gateway.key, v),
                    }
                }
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
                self.items.insert(e.item, Arc::new(item));
            }
            Event::ItemChanged(e) => {
                let Some(item) = self.items.get_mut(&e.item).map(Arc::make_mut) else { return };
                let mut w = Writer { loaded, notes };
                for (n, field) in e.fields.iter().enumerate() {
                    match field {
                        ItemField::Name(v) => {
                            let name = rename(&mut self.names, Thing::Item(e.item), &item.name.value, v, w.notes);
                            w.write(n, &mut item.name, &name);
                        }
                        ItemField::Launch(v) => w.write(n, &mut item.launch, v),
                        ItemField::Audience(v) => w.write(n, &mut item.audience, v),
                        ItemField::Hosts(v) => w.write(n, &mut item.hosts, v),
                        ItemField::Default(v) => w.write(n, &mut item.default, v),
                    }
                }
            }
            Event::ItemUnpublished(e) => {
                let name = self.items.remove(&e.item).map(|i| i.name.value.to_string());
                self.remove(Thing::Item(e.item), name.as_deref());
            }
            Event::UserAdded(e) => {
                // The same person, added on two sides: both ids stay, the name leads to the first.
                self.user_names.entry(e.name.clone()).or_default().push(e.user);
                self.users.insert(e.user, User { name: e.name.clone(), added: at });
            }
            Event::UserRemoved(e) => {
                if let Some(user) = self.users.remove(&e.user)
                    && let Some(ids) = self.user_names.get_mut(&user.name)
                {
                    ids.retain(|id| *id != e.user);
                    if ids.is_empty() {
                        self.user_names.remove(&user.name);
                    }
                }
                self.remove(Thing::User(e.user), None);
            }
            Event::GroupAdded(e) => {
                let name = self.name(Thing::Group(e.group), &e.name, notes);
                let group = Group { name: Field::new(name, me), members: Field::new(e.members.clone(), me), added: at };
                self.groups.insert(e.group, Arc::new(group));
            }
            Event::GroupChanged(e) => {
                let Some(group) = self.groups.get_mut(&e.group).map(Arc::make_mut) else { return };
                let mut w = Writer { loaded, notes };
                for (n, field) in e.fields.iter().enumerate() {
                    match field {
                        GroupField::Name(v) => {
                            let name = rename(&mut self.names, Thing::Group(e.group), &group.name.value, v, w.notes);
                            w.write(n, &mut group.name, &name);
                        }
                        GroupField::Members(v) => w.write(n, &mut group.members, v),
                    }
                }
            }
            Event::GroupRemoved(e) => {
                let name = self.groups.remove(&e.group).map(|g| g.name.value.to_string());
                self.remove(Thing::Group(e.group), name.as_deref());
            }
            Event::TokenCreated(e) => {
                let token = JoinToken {
                    role: e.role,
                    founds: None,
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

    fn promote(&mut self, loaded: &Loaded, promoted: &Promoted) {
        let before = self.master.take();
        // Only a promotion that nobody decided by hand is given back by itself.
        let hands_back = match (promoted.kind, &before) {
            (PromotionKind::Automatic, Some(before)) => Some(before.epoch.broker),
            // A change of the list of voters is the same mastership in a new epoch.
            (PromotionKind::Planned, Some(before)) if before.epoch.broker == loaded.header.feed.broker => {
                before.hands_back
            }
            _ => None,
        };
        let failback = promoted.kind == PromotionKind::Planned
            && before.as_ref().is_some_and(|b| b.hands_back == Some(loaded.header.feed.broker));
        self.failbacks += u32::from(failback);
        self.master = Some(Mastership {
            epoch: loaded.header.epoch,
            promotion: loaded.reference,
            kind: promoted.kind,
            voters: promoted.voters.clone(),
            sealed: None,
            hands_back,
        });
    }

    fn name(&mut self, thing: Thing, wanted: &Name, notes: &mut Vec<Note>) -> Name {
        name(&mut self.names, thing, wanted, notes)
    }

    /// Marks a thing as removed and frees its name.
    fn remove(&mut self, thing: Thing, name: Option<&str>) {
        self.removed.insert(thing);
        if let Some(name) = name {
            self.names.release(thing, name);
        }
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
        if let Some(a) = self.admins.get_mut(&admin).map(Arc::make_mut) {
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

/// Takes a name, and notes where it is another than was wanted.
fn name(names: &mut Names, thing: Thing, wanted: &Name, notes: &mut Vec<Note>) -> Name {
    let name = names.take(thing, wanted);
    if name != *wanted {
        notes.push(Note::Renamed { to: name.clone() });
    }
    name
}

fn rename(names: &mut Names, thing: Thing, old: &Name, new: &Name, notes: &mut Vec<Note>) -> Name {
    names.release(thing, old.as_str());
    name(names, thing, new, notes)
}

fn set(map: &mut BTreeMap<String, String>, key: &str, value: Option<String>) {
    match value {
        Some(v) => map.insert(key.to_string(), v),
        None => map.remove(key),
    };
}
