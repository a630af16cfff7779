//! How a farm begins: the first events of its first broker.

use crate::Author;
use hostler_events::payload::{
    AdminAdded, BrokerAddresses, BrokerJoined, FarmCreated, Grant, ItemPublished, Promoted, PromotionKind, Role,
    SiteCreated,
};
use hostler_events::{Actor, Event, Frontier, StoredError, StoredEvent};
use hostler_model::{AdminId, Epoch, Hlc, Name, PublicKey, SiteId, Wall};

/// What a farm begins with.
pub struct Founding {
    /// The farm's name.
    pub farm: Name,
    /// The main site.
    pub site: SiteId,
    /// Its name.
    pub site_name: Name,
    /// The first broker's name.
    pub broker_name: Name,
    /// Its key.
    pub key: PublicKey,
    /// Where it listens.
    pub addresses: BrokerAddresses,
    /// The first administrator.
    pub admin: AdminId,
    /// Their name.
    pub admin_name: Name,
    /// Argon2id hash of their password.
    pub password_hash: String,
    /// A first item, for instance a desktop for everybody.
    pub item: Option<ItemPublished>,
}

/// The farm's first events. The very first is the promotion of its first broker.
///
/// # Errors
/// Where an event is too large.
pub fn found(author: &mut Author, wall: Wall, founding: Founding) -> Result<Vec<StoredEvent>, StoredError> {
    let broker = author.broker();
    let promoted = Event::Promoted(Promoted {
        kind: PromotionKind::First,
        voters: vec![broker],
        evidence: Vec::new(),
        lost: None,
        reason: "the farm was founded".to_string(),
    });
    let none = Frontier::default();
    let start = Epoch { n: 1, hlc: Hlc::default(), broker };
    let first = author.write(wall, Actor::System, &promoted, start, &none, Vec::new(), None)?;
    let epoch = first.header().epoch;
    let mut rest = vec![
        Event::FarmCreated(FarmCreated { name: founding.farm }),
        Event::SiteCreated(SiteCreated { site: founding.site, name: founding.site_name }),
        Event::BrokerJoined(BrokerJoined {
            broker,
            name: founding.broker_name,
            key: founding.key,
            addresses: founding.addresses,
            token: None,
            standby: false,
        }),
        Event::AdminAdded(AdminAdded {
            admin: founding.admin,
            name: founding.admin_name,
            password_hash: founding.password_hash,
            grants: [Role::Owner, Role::Promoter].map(|role| Grant { role, site: None }).to_vec(),
        }),
    ];
    rest.extend(founding.item.map(Event::ItemPublished));
    let mut events = vec![first];
    for event in &rest {
        events.push(author.write(wall, Actor::System, event, epoch, &none, Vec::new(), None)?);
    }
    Ok(events)
}
