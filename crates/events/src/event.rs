//! The events, and the table from which their stored forms, numbers and names come.

use crate::codec::{self, CodecError};
use crate::payload::*;
use crate::registry::Kind;
use crate::{Class, OnUnknown};
use hostler_model::Thing;
use serde::Serialize;

/// Why an event's payload can't be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeEventError {
    /// A type that this program does not know.
    #[error("event type {0} is not known to this program: a newer broker wrote it")]
    Kind(u16),
    /// A version that this program does not know.
    #[error("version {version} of event type {name} is not known to this program: a newer broker wrote it")]
    Version {
        /// The type.
        name: &'static str,
        /// The version.
        version: u16,
    },
    /// Not the bytes of that type.
    #[error("the payload of a {name} event can't be read: {error}")]
    Payload {
        /// The type.
        name: &'static str,
        /// What is wrong with the bytes.
        error: CodecError,
    },
}

impl DecodeEventError {
    /// True where the event may be fine and only this program is too old.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Kind(_) | Self::Version { .. })
    }
}

macro_rules! events {
    ($($(#[$doc:meta])* $id:literal $name:literal v $version:literal $class:ident $unknown:ident $variant:ident;)+) => {
        /// One thing that happened.
        #[derive(Clone, PartialEq, Eq, Debug, Serialize)]
        #[serde(untagged)]
        pub enum Event {
            $($(#[$doc])* $variant($variant),)+
        }

        /// All types of events, by number.
        pub const REGISTRY: &[Kind] = &[$(Kind {
            id: $id,
            name: $name,
            version: $version,
            class: Class::$class,
            on_unknown: OnUnknown::$unknown,
        },)+];

        impl Event {
            /// What is known about this event's type.
            #[must_use]
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$variant(_) => Kind {
                        id: $id,
                        name: $name,
                        version: $version,
                        class: Class::$class,
                        on_unknown: OnUnknown::$unknown,
                    },)+
                }
            }

            /// The payload's stored form.
            ///
            /// # Errors
            /// Where the codec fails.
            pub fn payload(&self) -> Result<Vec<u8>, CodecError> {
                match self {
                    $(Self::$variant(e) => codec::encode(e),)+
                }
            }

            /// Reads a payload. Older versions come out as today's form.
            ///
            /// # Errors
            /// Where the type or version is not known, or the bytes are not those of that type.
            pub fn read(kind: u16, version: u16, payload: &[u8]) -> Result<Self, DecodeEventError> {
                match (kind, version) {
                    $(($id, $version) => codec::decode(payload)
                        .map(Self::$variant)
                        .map_err(|error| DecodeEventError::Payload { name: $name, error }),)+
                    $(($id, _) => Err(DecodeEventError::Version { name: $name, version }),)+
                    _ => Err(DecodeEventError::Kind(kind)),
                }
            }
        }
    };
}

events! {
    /// A broker became the master.
    1 "promoted" v 1 Structural Halt Promoted;
    /// The master goes on in a new incarnation.
    2 "resumed" v 1 Structural Halt Resumed;
    /// The master stops, so that another takes over with everything that it wrote.
    3 "sealed" v 1 Structural Halt Sealed;
    /// A broker wants another to become the master.
    4 "voted" v 1 Everyday Halt Voted;
    /// The farm began.
    10 "farm.created" v 1 Structural Halt FarmCreated;
    /// A site began.
    11 "site.created" v 1 Structural Halt SiteCreated;
    /// A farm-wide setting changed.
    12 "setting.set" v 1 Structural Skip SettingSet;
    /// A site's first broker joined.
    13 "site.founded" v 1 Structural Halt SiteFounded;
    /// A token was given out for a site's first broker.
    14 "site.opened" v 1 Structural Halt SiteOpened;
    /// A broker joined.
    20 "broker.joined" v 1 Structural Halt BrokerJoined;
    /// A broker takes work.
    21 "broker.enabled" v 1 Structural Halt BrokerEnabled;
    /// A broker takes no work.
    22 "broker.disabled" v 1 Structural Halt BrokerDisabled;
    /// A broker left.
    23 "broker.removed" v 1 Structural Halt BrokerRemoved;
    /// The priority list changed.
    24 "brokers.ordered" v 1 Structural Halt BrokersOrdered;
    /// A broker has another key.
    25 "broker.key_replaced" v 1 Structural Halt BrokerKeyReplaced;
    /// An administrator was added.
    30 "admin.added" v 1 Structural Halt AdminAdded;
    /// An administrator's roles changed.
    31 "admin.granted" v 1 Structural Halt AdminGranted;
    /// An administrator's password changed.
    32 "admin.password_set" v 1 Structural Halt AdminPasswordSet;
    /// An administrator may work again.
    33 "admin.enabled" v 1 Structural Halt AdminEnabled;
    /// A program may act for an administrator.
    34 "api_token.created" v 1 Structural Halt ApiTokenCreated;
    /// A session host joined.
    40 "host.joined" v 1 Everyday Halt HostJoined;
    /// A session host changed.
    41 "host.changed" v 1 Everyday Skip HostChanged;
    /// A gateway joined.
    50 "gateway.joined" v 1 Everyday Halt GatewayJoined;
    /// A gateway changed.
    51 "gateway.changed" v 1 Everyday Skip GatewayChanged;
    /// An item was published.
    60 "item.published" v 1 Everyday Skip ItemPublished;
    /// An item changed.
    61 "item.changed" v 1 Everyday Skip ItemChanged;
    /// An item is no longer published.
    62 "item.unpublished" v 1 Everyday Skip ItemUnpublished;
    /// A user was added.
    70 "user.added" v 1 Everyday Skip UserAdded;
    /// A user was removed.
    71 "user.removed" v 1 Everyday Skip UserRemoved;
    /// A group was added.
    72 "group.added" v 1 Everyday Skip GroupAdded;
    /// A group changed.
    73 "group.changed" v 1 Everyday Skip GroupChanged;
    /// A group was removed.
    74 "group.removed" v 1 Everyday Skip GroupRemoved;
    /// A join token was given out.
    80 "token.created" v 1 Everyday Halt TokenCreated;
    /// A policy of the site changed.
    81 "policy.set" v 1 Everyday Skip PolicySet;
    /// An administrator was disabled.
    100 "admin.disabled" v 1 Revocation Halt AdminDisabled;
    /// An administrator was removed.
    101 "admin.removed" v 1 Revocation Halt AdminRemoved;
    /// A session host was removed.
    102 "host.removed" v 1 Revocation Halt HostRemoved;
    /// A gateway was removed.
    103 "gateway.removed" v 1 Revocation Halt GatewayRemoved;
    /// A token was revoked.
    104 "token.revoked" v 1 Revocation Halt TokenRevoked;
    /// A broker's key was stolen.
    105 "broker.compromised" v 1 Revocation Halt BrokerCompromised;
    /// A superseded or quarantined event counts after all.
    120 "event.reapplied" v 1 Everyday Halt Reapplied;
    /// A superseded or quarantined event is settled.
    121 "event.discarded" v 1 Everyday Halt Discarded;
}

impl Event {
    /// What the event touches: the thing that it creates, changes or ends first, then what it rests on.
    #[must_use]
    pub fn touches(&self) -> Vec<Thing> {
        use Event as E;
        match self {
            E::Promoted(_) | E::Resumed(_) | E::FarmCreated(_) | E::SettingSet(_) | E::PolicySet(_) => Vec::new(),
            E::Sealed(_) | E::Voted(_) => Vec::new(),
            E::SiteCreated(e) => vec![Thing::Site(e.site)],
            E::SiteFounded(e) => vec![Thing::Site(e.site), Thing::Token(e.token)],
            E::SiteOpened(e) => vec![Thing::Token(e.token), Thing::Site(e.site)],
            E::BrokerJoined(e) => vec![Thing::Broker(e.broker)],
            E::BrokerEnabled(e) => vec![Thing::Broker(e.broker)],
            E::BrokerDisabled(e) => vec![Thing::Broker(e.broker)],
            E::BrokerRemoved(e) => vec![Thing::Broker(e.broker)],
            E::BrokersOrdered(e) => e.order.iter().copied().map(Thing::Broker).collect(),
            E::BrokerKeyReplaced(e) => vec![Thing::Broker(e.broker)],
            E::AdminAdded(e) => vec![Thing::Admin(e.admin)],
            E::AdminGranted(e) => vec![Thing::Admin(e.admin)],
            E::AdminPasswordSet(e) => vec![Thing::Admin(e.admin)],
            E::AdminEnabled(e) => vec![Thing::Admin(e.admin)],
            E::ApiTokenCreated(e) => vec![Thing::Token(e.token), Thing::Admin(e.admin)],
            E::HostJoined(e) => vec![Thing::Host(e.host), Thing::Token(e.token)],
            E::HostChanged(e) => vec![Thing::Host(e.host)],
            E::GatewayJoined(e) => vec![Thing::Gateway(e.gateway), Thing::Token(e.token)],
            E::GatewayChanged(e) => vec![Thing::Gateway(e.gateway)],
            E::ItemPublished(e) => vec![Thing::Item(e.item)],
            E::ItemChanged(e) => vec![Thing::Item(e.item)],
            E::ItemUnpublished(e) => vec![Thing::Item(e.item)],
            E::UserAdded(e) => vec![Thing::User(e.user)],
            E::UserRemoved(e) => vec![Thing::User(e.user)],
            E::GroupAdded(e) => vec![Thing::Group(e.group)],
            E::GroupChanged(e) => vec![Thing::Group(e.group)],
            E::GroupRemoved(e) => vec![Thing::Group(e.group)],
            E::TokenCreated(e) => vec![Thing::Token(e.token)],
            E::AdminDisabled(e) => vec![Thing::Admin(e.admin)],
            E::AdminRemoved(e) => vec![Thing::Admin(e.admin)],
            E::HostRemoved(e) => vec![Thing::Host(e.host)],
            E::GatewayRemoved(e) => vec![Thing::Gateway(e.gateway)],
            E::TokenRevoked(e) => vec![Thing::Token(e.token)],
            E::BrokerCompromised(e) => vec![Thing::Broker(e.broker)],
            E::Reapplied(_) | E::Discarded(_) => Vec::new(),
        }
    }

    /// How many fields an edit writes: so many bases stand in its header.
    #[must_use]
    pub fn field_count(&self) -> usize {
        match self {
            Self::HostChanged(e) => e.fields.len(),
            Self::GatewayChanged(e) => e.fields.len(),
            Self::ItemChanged(e) => e.fields.len(),
            Self::GroupChanged(e) => e.fields.len(),
            Self::PolicySet(_) => 1,
            _ => 0,
        }
    }

    /// True for the events that carry a frontier.
    #[must_use]
    pub fn has_frontier(&self) -> bool {
        let carries =
            matches!(self, Self::Promoted(_) | Self::Resumed(_) | Self::BrokerRemoved(_) | Self::BrokerKeyReplaced(_));
        carries || self.kind().class == Class::Revocation
    }
}
