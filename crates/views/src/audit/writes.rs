//! Which fields an event writes: so that a change can be put down to those who made it.

use super::things::Subject;
use hostler_events::Event;
use hostler_events::payload::{GatewayField, GroupField, HostField, ItemField};
use hostler_model::Thing;

/// One thing that an event writes to, and which of its fields; all of them where none is named.
pub(super) struct Writes {
    pub(super) subject: Subject,
    pub(super) fields: Vec<&'static str>,
}

impl Writes {
    /// True where the event writes this field.
    pub(super) fn covers(&self, field: &str) -> bool {
        self.fields.is_empty() || self.fields.contains(&field)
    }
}

/// What an event writes, where it is applied.
#[allow(clippy::too_many_lines)] // one arm a type of event: splitting it would hide that none is missing
pub(super) fn writes(event: &Event) -> Vec<Writes> {
    use Event as E;
    let some = |subject, fields: &[&'static str]| Writes { subject, fields: fields.to_vec() };
    let all = |thing| Writes { subject: Subject::Thing(thing), fields: Vec::new() };
    let whole = |subject| Writes { subject, fields: Vec::new() };
    let part = |thing, fields: &[&'static str]| Writes { subject: Subject::Thing(thing), fields: fields.to_vec() };
    match event {
        E::Promoted(_) => vec![whole(Subject::Mastership)],
        E::Sealed(_) => vec![some(Subject::Mastership, &["sealed"])],
        E::Resumed(_) | E::Voted(_) => Vec::new(),
        E::FarmCreated(_) => vec![whole(Subject::Farm)],
        E::SiteCreated(e) => vec![all(Thing::Site(e.site))],
        E::SiteOpened(e) => vec![all(Thing::Token(e.token))],
        E::SiteFounded(e) => vec![part(Thing::Site(e.site), &["founder"]), part(Thing::Token(e.token), &["used"])],
        E::SettingSet(e) => vec![whole(Subject::Setting(e.key.clone()))],
        E::BrokerJoined(e) => {
            let token = e.token.map(|token| part(Thing::Token(token), &["used"]));
            [all(Thing::Broker(e.broker)), whole(Subject::Order)].into_iter().chain(token).collect()
        }
        E::BrokerEnabled(e) => vec![part(Thing::Broker(e.broker), &["enabled", "standby"])],
        E::BrokerDisabled(e) => vec![part(Thing::Broker(e.broker), &["enabled", "standby"])],
        E::BrokerRemoved(e) => {
            vec![part(Thing::Broker(e.broker), &["enabled", "removed"]), whole(Subject::Order)]
        }
        E::BrokerCompromised(e) => {
            vec![part(Thing::Broker(e.broker), &["enabled", "removed"]), whole(Subject::Order)]
        }
        E::BrokersOrdered(_) => vec![whole(Subject::Order)],
        E::BrokerKeyReplaced(e) => vec![part(Thing::Broker(e.broker), &["key"])],
        E::AdminAdded(e) => vec![all(Thing::Admin(e.admin))],
        E::AdminGranted(e) => vec![part(Thing::Admin(e.admin), &["grants"])],
        E::AdminPasswordSet(e) => vec![part(Thing::Admin(e.admin), &["password_hash", "credentials_since"])],
        E::AdminEnabled(e) => vec![part(Thing::Admin(e.admin), &["enabled", "credentials_since"])],
        E::AdminDisabled(e) => vec![part(Thing::Admin(e.admin), &["enabled", "credentials_since"])],
        E::AdminRemoved(e) => vec![all(Thing::Admin(e.admin))],
        E::ApiTokenCreated(e) => vec![all(Thing::Token(e.token))],
        E::HostJoined(e) => vec![all(Thing::Host(e.host)), part(Thing::Token(e.token), &["used"])],
        E::HostChanged(e) => {
            vec![part(Thing::Host(e.host), &e.fields.iter().map(host_field).collect::<Vec<_>>())]
        }
        E::HostRemoved(e) => vec![all(Thing::Host(e.host))],
        E::GatewayJoined(e) => vec![all(Thing::Gateway(e.gateway)), part(Thing::Token(e.token), &["used"])],
        E::GatewayChanged(e) => {
            vec![part(Thing::Gateway(e.gateway), &e.fields.iter().map(gateway_field).collect::<Vec<_>>())]
        }
        E::GatewayRemoved(e) => vec![all(Thing::Gateway(e.gateway))],
        E::ItemPublished(e) => vec![all(Thing::Item(e.item))],
        E::ItemChanged(e) => {
            vec![part(Thing::Item(e.item), &e.fields.iter().map(item_field).collect::<Vec<_>>())]
        }
        E::ItemUnpublished(e) => vec![all(Thing::Item(e.item))],
        E::UserAdded(e) => vec![all(Thing::User(e.user))],
        E::UserRemoved(e) => vec![all(Thing::User(e.user))],
        E::GroupAdded(e) => vec![all(Thing::Group(e.group))],
        E::GroupChanged(e) => {
            vec![part(Thing::Group(e.group), &e.fields.iter().map(group_field).collect::<Vec<_>>())]
        }
        E::GroupRemoved(e) => vec![all(Thing::Group(e.group))],
        E::TokenCreated(e) => vec![all(Thing::Token(e.token))],
        E::TokenRevoked(e) => vec![part(Thing::Token(e.token), &["revoked"])],
        E::PolicySet(e) => vec![whole(Subject::Policy(e.key.clone()))],
        E::Reapplied(e) => vec![whole(Subject::Event(e.event))],
        E::Discarded(e) => vec![whole(Subject::Event(e.event))],
    }
}

fn host_field(field: &HostField) -> &'static str {
    match field {
        HostField::Name(_) => "name",
        HostField::Address(_) => "address",
        HostField::Drain(_) => "drain",
        HostField::HardCap(_) => "hard_cap",
        HostField::LogonSlots(_) => "logon_slots",
        HostField::Key(_) => "key",
    }
}

fn gateway_field(field: &GatewayField) -> &'static str {
    match field {
        GatewayField::Name(_) => "name",
        GatewayField::Address(_) => "address",
        GatewayField::Key(_) => "key",
    }
}

fn item_field(field: &ItemField) -> &'static str {
    match field {
        ItemField::Name(_) => "name",
        ItemField::Launch(_) => "launch",
        ItemField::Audience(_) => "audience",
        ItemField::Hosts(_) => "hosts",
        ItemField::Default(_) => "default",
    }
}

fn group_field(field: &GroupField) -> &'static str {
    match field {
        GroupField::Name(_) => "name",
        GroupField::Members(_) => "members",
    }
}
