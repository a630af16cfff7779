//! Undoes everyday changes, by new events: what was is in the log.

use super::items::sorted;
use super::{Decide, Decision, Draft, settle};
use crate::CommandError;
use hostler_events::payload::*;
use hostler_events::{Event, EventRef};
use hostler_model::{GroupId, ItemId, Name, Thing, UserId, UserName};
use hostler_views::audit::event_short;
use hostler_views::{Entry, Lane};
use std::mem::discriminant;

impl Decide<'_> {
    /// Undoes what an event did, where nothing later is in the way.
    pub(super) fn revert(&mut self, event: &str) -> Result<Decision, CommandError> {
        let entry = settle::find(self.timeline, event)?;
        let name = event_short(&entry.loaded.reference);
        if !self.counts(entry) {
            return invalid(format!("event {name} is {}: it has no effect that could be undone", entry.lane));
        }
        let Some(event) = entry.loaded.event.clone() else {
            return invalid(format!("event {name} can't be read by this program: update this broker"));
        };
        let this = Undone { entry, name };
        match event {
            Event::HostChanged(e) => self.revert_host(&this, &e),
            Event::GatewayChanged(e) => self.revert_gateway(&this, &e),
            Event::ItemChanged(e) => self.revert_item(&this, &e),
            Event::GroupChanged(e) => self.revert_group(&this, &e),
            Event::PolicySet(e) => self.revert_policy(&this, &e),
            Event::HostJoined(e) => {
                self.remove(&this, Thing::Host(e.host), Event::HostRemoved(HostRemoved { host: e.host }))
            }
            Event::GatewayJoined(e) => {
                let removed = Event::GatewayRemoved(GatewayRemoved { gateway: e.gateway });
                self.remove(&this, Thing::Gateway(e.gateway), removed)
            }
            Event::ItemPublished(e) => {
                self.remove(&this, Thing::Item(e.item), Event::ItemUnpublished(ItemUnpublished { item: e.item }))
            }
            Event::UserAdded(e) => {
                self.remove(&this, Thing::User(e.user), Event::UserRemoved(UserRemoved { user: e.user }))
            }
            Event::GroupAdded(e) => {
                self.remove(&this, Thing::Group(e.group), Event::GroupRemoved(GroupRemoved { group: e.group }))
            }
            Event::ItemUnpublished(e) => self.publish_again(&this, e.item),
            Event::UserRemoved(e) => self.add_user_again(&this, e.user),
            Event::GroupRemoved(e) => self.add_group_again(&this, e.group),
            Event::TokenCreated(e) => match self.site.tokens.get(&e.token) {
                Some(token) if token.revoked => {
                    invalid(format!("the token of event {} was revoked already", this.name))
                }
                Some(token) => match &token.used {
                    Some(by) => invalid(format!(
                        "the token of event {} was used, by event {}; to undo that: hostler log revert {1}",
                        this.name,
                        event_short(by)
                    )),
                    None => {
                        let revoked = Event::TokenRevoked(TokenRevoked { token: e.token });
                        Ok(Decision::about(Thing::Token(e.token)).with(revoked))
                    }
                },
                None => invalid(format!("the token of event {} is gone", this.name)),
            },
            Event::HostRemoved(_) | Event::GatewayRemoved(_) => invalid(format!(
                "event {} removed a member, whose key is worth nothing since: let it join again, with: hostler token \
                 create",
                this.name
            )),
            Event::TokenRevoked(_) => {
                invalid(format!("event {} revoked a token, which nobody may trust again: make a new one", this.name))
            }
            Event::Reapplied(_) | Event::Discarded(_) => {
                invalid(format!("event {} settled another one, which is done once and for all", this.name))
            }
            Event::Voted(_) => invalid(format!("event {} is a vote: votes are never taken back", this.name)),
            _ => invalid(format!(
                "event {} is {}, and only everyday changes are undone like this: give the command that does the opposite",
                this.name, this.entry.loaded.header.class
            )),
        }
    }

    fn revert_host(&mut self, this: &Undone<'_>, e: &HostChanged) -> Result<Decision, CommandError> {
        let thing = Thing::Host(e.host);
        let Some(now) = self.site.hosts.get(&e.host) else { return self.gone(this, thing) };
        let (mut fields, mut bases) = (Vec::new(), Vec::new());
        for field in &e.fields {
            let edit = match field {
                HostField::Name(_) => now.name.edit,
                HostField::Address(_) => now.address.edit,
                HostField::Drain(_) => now.drain.edit,
                HostField::HardCap(_) => now.hard_cap.edit,
                HostField::LogonSlots(_) => now.logon_slots.edit,
                HostField::Key(_) => return this.is_a_key(),
            };
            this.still_stands(edit)?;
            let before = self.last_before(this, |event| match event {
                Event::HostJoined(j) if j.host == e.host => Some(match field {
                    HostField::Name(_) => HostField::Name(j.name.clone()),
                    HostField::Address(_) => HostField::Address(j.address.clone()),
                    HostField::Drain(_) => HostField::Drain(false),
                    HostField::HardCap(_) => HostField::HardCap(None),
                    HostField::LogonSlots(_) => HostField::LogonSlots(None),
                    HostField::Key(_) => HostField::Key(j.key),
                }),
                Event::HostChanged(c) if c.host == e.host => same(&c.fields, field),
                _ => None,
            });
            let before = before.ok_or_else(|| this.nothing_before())?;
            if let HostField::Name(name) = &before {
                self.name_is_free(thing, name)?;
            }
            fields.push(before);
            bases.push(Some(edit));
        }
        let event = Event::HostChanged(HostChanged { host: e.host, fields });
        Ok(Decision::about(thing).with(Draft::edit(event, bases)))
    }

    fn revert_gateway(&mut self, this: &Undone<'_>, e: &GatewayChanged) -> Result<Decision, CommandError> {
        let thing = Thing::Gateway(e.gateway);
        let Some(now) = self.site.gateways.get(&e.gateway) else { return self.gone(this, thing) };
        let (mut fields, mut bases) = (Vec::new(), Vec::new());
        for field in &e.fields {
            let edit = match field {
                GatewayField::Name(_) => now.name.edit,
                GatewayField::Address(_) => now.address.edit,
                GatewayField::Key(_) => return this.is_a_key(),
            };
            this.still_stands(edit)?;
            let before = self.last_before(this, |event| match event {
                Event::GatewayJoined(j) if j.gateway == e.gateway => Some(match field {
                    GatewayField::Name(_) => GatewayField::Name(j.name.clone()),
                    GatewayField::Address(_) => GatewayField::Address(j.address.clone()),
                    GatewayField::Key(_) => GatewayField::Key(j.key),
                }),
                Event::GatewayChanged(c) if c.gateway == e.gateway => same(&c.fields, field),
                _ => None,
            });
            let before = before.ok_or_else(|| this.nothing_before())?;
            if let GatewayField::Name(name) = &before {
                self.name_is_free(thing, name)?;
            }
            fields.push(before);
            bases.push(Some(edit));
        }
        let event = Event::GatewayChanged(GatewayChanged { gateway: e.gateway, fields });
        Ok(Decision::about(thing).with(Draft::edit(event, bases)))
    }

    fn revert_item(&mut self, this: &Undone<'_>, e: &ItemChanged) -> Result<Decision, CommandError> {
        let thing = Thing::Item(e.item);
        let Some(now) = self.site.items.get(&e.item) else { return self.gone(this, thing) };
        let (mut fields, mut bases) = (Vec::new(), Vec::new());
        for field in &e.fields {
            let edit = match field {
                ItemField::Name(_) => now.name.edit,
                ItemField::Launch(_) => now.launch.edit,
                ItemField::Audience(_) => now.audience.edit,
                ItemField::Hosts(_) => now.hosts.edit,
                ItemField::Default(_) => now.default.edit,
            };
            this.still_stands(edit)?;
            let before = self.last_before(this, |event| match event {
                Event::ItemPublished(p) if p.item == e.item => Some(match field {
                    ItemField::Name(_) => ItemField::Name(p.name.clone()),
                    ItemField::Launch(_) => ItemField::Launch(p.launch.clone()),
                    ItemField::Audience(_) => ItemField::Audience(p.audience.clone()),
                    ItemField::Hosts(_) => ItemField::Hosts(p.hosts.clone()),
                    ItemField::Default(_) => ItemField::Default(p.default),
                }),
                Event::ItemChanged(c) if c.item == e.item => same(&c.fields, field),
                _ => None,
            });
            let before = match before.ok_or_else(|| this.nothing_before())? {
                ItemField::Audience(audience) => ItemField::Audience(self.still_there(audience)),
                ItemField::Name(name) => {
                    self.name_is_free(thing, &name)?;
                    ItemField::Name(name)
                }
                other => other,
            };
            fields.push(before);
            bases.push(Some(edit));
        }
        let event = Event::ItemChanged(ItemChanged { item: e.item, fields });
        Ok(Decision::about(thing).with(Draft::edit(event, bases)))
    }

    fn revert_group(&mut self, this: &Undone<'_>, e: &GroupChanged) -> Result<Decision, CommandError> {
        let thing = Thing::Group(e.group);
        let Some(now) = self.site.groups.get(&e.group) else { return self.gone(this, thing) };
        let (mut fields, mut bases) = (Vec::new(), Vec::new());
        for field in &e.fields {
            let edit = match field {
                GroupField::Name(_) => now.name.edit,
                GroupField::Members(_) => now.members.edit,
            };
            this.still_stands(edit)?;
            let before = self.last_before(this, |event| match event {
                Event::GroupAdded(a) if a.group == e.group => Some(match field {
                    GroupField::Name(_) => GroupField::Name(a.name.clone()),
                    GroupField::Members(_) => GroupField::Members(a.members.clone()),
                }),
                Event::GroupChanged(c) if c.group == e.group => same(&c.fields, field),
                _ => None,
            });
            let before = match before.ok_or_else(|| this.nothing_before())? {
                GroupField::Members(members) => GroupField::Members(self.users_there(members)),
                GroupField::Name(name) => {
                    self.name_is_free(thing, &name)?;
                    GroupField::Name(name)
                }
            };
            fields.push(before);
            bases.push(Some(edit));
        }
        let event = Event::GroupChanged(GroupChanged { group: e.group, fields });
        Ok(Decision::about(thing).with(Draft::edit(event, bases)))
    }

    fn revert_policy(&mut self, this: &Undone<'_>, e: &PolicySet) -> Result<Decision, CommandError> {
        let edit = self.site.policies.get(&e.key).map(|f| f.edit).ok_or_else(|| this.nothing_before())?;
        this.still_stands(edit)?;
        let before = self.last_before(this, |event| match event {
            Event::PolicySet(p) if p.key == e.key => Some(p.value.clone()),
            _ => None,
        });
        let event = Event::PolicySet(PolicySet { key: e.key.clone(), value: before.flatten() });
        Ok(Decision::default().with(Draft::edit(event, vec![Some(edit)])))
    }

    /// Undoes that a thing came: it goes, unless somebody changed it since.
    fn remove(&mut self, this: &Undone<'_>, thing: Thing, event: Event) -> Result<Decision, CommandError> {
        if self.site.is_removed(thing) {
            return self.gone(this, thing);
        }
        let touches = |e: &&Entry| e.loaded.header.touches.first() == Some(&thing) && self.counts(e);
        match self.after(this).find(touches) {
            Some(later) => invalid(this.in_the_way(&later.loaded.reference)),
            None => Ok(Decision::about(thing).with(event)),
        }
    }

    fn publish_again(&mut self, this: &Undone<'_>, item: ItemId) -> Result<Decision, CommandError> {
        let mut was: Option<ItemPublished> = None;
        for event in self.before(this) {
            match (event, &mut was) {
                (Event::ItemPublished(p), _) if p.item == item => was = Some(p.clone()),
                (Event::ItemChanged(c), Some(was)) if c.item == item => c.fields.iter().for_each(|f| change(was, f)),
                _ => {}
            }
        }
        let mut was = was.ok_or_else(|| this.nothing_before())?;
        let hosts = was
            .hosts
            .take()
            .map(|hosts| sorted(hosts.into_iter().filter(|h| self.site.hosts.contains_key(h)).collect()));
        let (audience, item) = (self.still_there(std::mem::take(&mut was.audience)), ItemId(self.random_id()));
        let thing = Thing::Item(item);
        self.name_is_free(thing, &was.name)?;
        let ItemPublished { name, launch, default, .. } = was;
        let event = ItemPublished { item, name, launch, audience, hosts, default };
        Ok(Decision::about(thing).with(Event::ItemPublished(event)).warn(new_id()))
    }

    fn add_user_again(&mut self, this: &Undone<'_>, user: UserId) -> Result<Decision, CommandError> {
        let added = self.before(this).filter_map(|e| match e {
            Event::UserAdded(a) if a.user == user => Some(a.name.clone()),
            _ => None,
        });
        let name: UserName = added.last().ok_or_else(|| this.nothing_before())?;
        if self.site.user_named(&name).is_some() {
            return Err(CommandError::Exists { what: "user".to_string(), name: name.to_string() });
        }
        let user = UserId(self.random_id());
        let decision = Decision::about(Thing::User(user)).with(Event::UserAdded(UserAdded { user, name }));
        Ok(decision.warn(format!("{}; groups and items that named the user don't name it now", new_id())))
    }

    fn add_group_again(&mut self, this: &Undone<'_>, group: GroupId) -> Result<Decision, CommandError> {
        let mut was: Option<(Name, Vec<UserId>)> = None;
        for event in self.before(this) {
            match (event, &mut was) {
                (Event::GroupAdded(a), _) if a.group == group => was = Some((a.name.clone(), a.members.clone())),
                (Event::GroupChanged(c), Some(was)) if c.group == group => {
                    for field in &c.fields {
                        match field {
                            GroupField::Name(name) => was.0.clone_from(name),
                            GroupField::Members(members) => was.1.clone_from(members),
                        }
                    }
                }
                _ => {}
            }
        }
        let (name, members) = was.ok_or_else(|| this.nothing_before())?;
        let (members, group) = (self.users_there(members), GroupId(self.random_id()));
        let thing = Thing::Group(group);
        self.name_is_free(thing, &name)?;
        let decision = Decision::about(thing).with(Event::GroupAdded(GroupAdded { group, name, members }));
        Ok(decision.warn(format!("{}; items that named the group don't name it now", new_id())))
    }

    /// The value of a field before the event that is undone.
    fn last_before<T>(&self, this: &Undone<'_>, value: impl Fn(&Event) -> Option<T>) -> Option<T> {
        self.before(this).filter_map(value).last()
    }

    /// What counts and stands before the event that is undone.
    fn before<'s>(&'s self, this: &Undone<'_>) -> impl Iterator<Item = &'s Event> {
        let key = this.entry.key;
        let earlier = self.timeline.entries().iter().take_while(move |e| e.key < key);
        earlier.filter(|e| self.counts(e)).filter_map(|e| e.loaded.event.as_ref())
    }

    fn after<'s>(&'s self, this: &Undone<'_>) -> impl Iterator<Item = &'s Entry> {
        let key = this.entry.key;
        self.timeline.entries().iter().filter(move |e| e.key > key)
    }

    fn counts(&self, entry: &Entry) -> bool {
        let settled = self.site.settled.get(&entry.loaded.reference);
        entry.lane == Lane::Applied || settled.is_some_and(|s| s.reapplied)
    }

    /// What the event was about has been removed since.
    fn gone(&self, this: &Undone<'_>, thing: Thing) -> Result<Decision, CommandError> {
        let ends = |e: &&Entry| {
            let removes = matches!(
                e.loaded.event,
                Some(
                    Event::HostRemoved(_)
                        | Event::GatewayRemoved(_)
                        | Event::ItemUnpublished(_)
                        | Event::UserRemoved(_)
                        | Event::GroupRemoved(_)
                )
            );
            removes && e.loaded.header.touches.first() == Some(&thing) && self.counts(e)
        };
        match self.timeline.entries().iter().find(ends) {
            Some(removal) => invalid(this.in_the_way(&removal.loaded.reference)),
            None => invalid(format!("what event {} changed is not there any more", this.name)),
        }
    }

    fn users_there(&self, users: Vec<UserId>) -> Vec<UserId> {
        sorted(users.into_iter().filter(|u| self.site.users.contains_key(u)).collect())
    }

    /// An audience, without those who are gone.
    fn still_there(&self, audience: Audience) -> Audience {
        let groups = audience.groups.into_iter().filter(|g| self.site.groups.contains_key(g));
        Audience {
            everyone: audience.everyone,
            users: self.users_there(audience.users),
            groups: sorted(groups.collect()),
        }
    }
}

/// The event that is undone.
struct Undone<'a> {
    entry: &'a Entry,
    name: String,
}

impl Undone<'_> {
    /// Refuses where a later edit has taken this one's place.
    fn still_stands(&self, edit: EventRef) -> Result<(), CommandError> {
        if edit == self.entry.loaded.reference { Ok(()) } else { invalid(self.in_the_way(&edit)) }
    }

    fn in_the_way(&self, later: &EventRef) -> String {
        format!(
            "event {} can't be undone: event {} is later and in the way; undo that one first",
            self.name,
            event_short(later)
        )
    }

    fn is_a_key<T>(&self) -> Result<T, CommandError> {
        invalid(format!("event {} replaced a key, which can't be given back: it may be in other hands", self.name))
    }

    fn nothing_before(&self) -> CommandError {
        CommandError::Invalid(format!("the log does not say what was before event {}", self.name))
    }
}

fn same<F: Clone>(fields: &[F], like: &F) -> Option<F> {
    fields.iter().rev().find(|f| discriminant(*f) == discriminant(like)).cloned()
}

fn change(item: &mut ItemPublished, field: &ItemField) {
    match field {
        ItemField::Name(v) => item.name.clone_from(v),
        ItemField::Launch(v) => item.launch.clone_from(v),
        ItemField::Audience(v) => item.audience.clone_from(v),
        ItemField::Hosts(v) => item.hosts.clone_from(v),
        ItemField::Default(v) => item.default = *v,
    }
}

fn new_id() -> String {
    "ids are never used again, so it has a new one".to_string()
}

fn invalid<T>(why: String) -> Result<T, CommandError> {
    Err(CommandError::Invalid(why))
}
