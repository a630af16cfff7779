//! Values of structural events.

use super::{Sample, address, broker, name, public, v1};
use hostler_events::Event;
use hostler_events::payload::*;
use hostler_model::{AdminId, SiteId, TokenId, Wall};

const SITE: SiteId = SiteId([9; 16]);
const ADMIN: AdminId = AdminId([7; 16]);
const TOKEN: TokenId = TokenId([6; 16]);
const PASSWORD_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$Zm9yIHRlc3RzIG9ubHk";

pub(super) fn samples() -> Vec<Sample> {
    [masterships(), farm(), brokers(), admins()].into_iter().flatten().collect()
}

fn masterships() -> Vec<Sample> {
    let promoted = |kind, reason: &str| Promoted {
        kind,
        voters: Vec::new(),
        evidence: Vec::new(),
        lost: None,
        reason: reason.to_string(),
    };
    let full = Promoted {
        kind: PromotionKind::Forced,
        voters: vec![broker(2), broker(3)],
        evidence: vec![
            Evidence { broker: broker(1), reachable: false, last_heard: Some(Wall(1_700_000_000_000)) },
            Evidence { broker: broker(3), reachable: true, last_heard: None },
        ],
        lost: Some(broker(1)),
        reason: "The rack lost its power – see ticket 4711".to_string(),
    };
    vec![
        v1("full", Event::Promoted(full)),
        v1("first", Event::Promoted(promoted(PromotionKind::First, ""))),
        v1("planned", Event::Promoted(promoted(PromotionKind::Planned, "maintenance"))),
        v1("automatic", Event::Promoted(promoted(PromotionKind::Automatic, "not heard"))),
        v1("least", Event::Resumed(Resumed {})),
        v1("full", Event::Sealed(Sealed { successor: broker(2) })),
        v1("least", Event::Sealed(Sealed { successor: broker(0) })),
    ]
}

fn farm() -> Vec<Sample> {
    let setting = |value: Option<&str>| {
        Event::SettingSet(SettingSet { key: "sessions.one_per_user".to_string(), value: value.map(str::to_string) })
    };
    let founded = |host: &str, text: &str| {
        let at = |port: u16| address(&format!("{host}:{port}"));
        Event::SiteFounded(SiteFounded {
            site: SITE,
            broker: broker(9),
            key: public(9),
            token: TOKEN,
            name: name(text),
            addresses: BrokerAddresses { join: at(250), access: at(251), agent: at(65_535), peer: at(1) },
        })
    };
    let opened = |n: u8, expires| {
        let site = SiteId([n; 16]);
        Event::SiteOpened(SiteOpened { site, token: TOKEN, issuer: broker(n), verifier: [n; 32], expires })
    };
    vec![
        v1("full", Event::FarmCreated(FarmCreated { name: name("Büro (Köln)") })),
        v1("least", Event::FarmCreated(FarmCreated { name: name("f") })),
        v1("full", Event::SiteCreated(SiteCreated { site: SITE, name: name("Main site") })),
        v1("least", Event::SiteCreated(SiteCreated { site: SiteId([0; 16]), name: name("s") })),
        v1("full", founded("broker-9.example.org", "broker-9")),
        v1("least", founded("[::1]", "b")),
        v1("full", opened(9, Wall(1_800_000_000_000))),
        v1("least", opened(0, Wall(0))),
        v1("full", setting(Some("false"))),
        v1("least", setting(None)),
        v1("empty", Event::SettingSet(SettingSet { key: String::new(), value: Some(String::new()) })),
    ]
}

fn brokers() -> Vec<Sample> {
    let joined = |host: &str, token, standby| {
        let at = |port: u16| address(&format!("{host}:{port}"));
        Event::BrokerJoined(BrokerJoined {
            broker: broker(2),
            name: name("broker-2"),
            key: public(2),
            addresses: BrokerAddresses { join: at(250), access: at(251), agent: at(65_535), peer: at(1) },
            token,
            standby,
        })
    };
    vec![
        v1("full", joined("broker-2.example.org", Some(TOKEN), true)),
        v1("least", joined("[::1]", None, false)),
        v1("full", Event::BrokerEnabled(BrokerEnabled { broker: broker(2) })),
        v1("least", Event::BrokerEnabled(BrokerEnabled { broker: broker(0) })),
        v1("full", Event::BrokerDisabled(BrokerDisabled { broker: broker(2) })),
        v1("least", Event::BrokerDisabled(BrokerDisabled { broker: broker(0) })),
        v1("full", Event::BrokerRemoved(BrokerRemoved { broker: broker(2) })),
        v1("least", Event::BrokerRemoved(BrokerRemoved { broker: broker(0) })),
        v1("full", Event::BrokersOrdered(BrokersOrdered { order: vec![broker(2), broker(3), broker(1)] })),
        v1("least", Event::BrokersOrdered(BrokersOrdered { order: Vec::new() })),
        v1("full", Event::BrokerKeyReplaced(BrokerKeyReplaced { broker: broker(2), key: public(0x22) })),
        v1("least", Event::BrokerKeyReplaced(BrokerKeyReplaced { broker: broker(0), key: public(0) })),
    ]
}

fn admins() -> Vec<Sample> {
    let grant = |role, site| Grant { role, site };
    let all_roles = vec![
        grant(Role::Auditor, None),
        grant(Role::HelpDesk, Some(SITE)),
        grant(Role::Operator, Some(SITE)),
        grant(Role::Owner, None),
    ];
    let added = |text: &str, password_hash: &str, grants| {
        let password_hash = password_hash.to_string();
        Event::AdminAdded(AdminAdded { admin: ADMIN, name: name(text), password_hash, grants })
    };
    let password =
        |hash: &str| Event::AdminPasswordSet(AdminPasswordSet { admin: ADMIN, password_hash: hash.to_string() });
    let token = |label: &str, secret, expires| {
        let label = name(label);
        Event::ApiTokenCreated(ApiTokenCreated {
            token: TOKEN,
            admin: ADMIN,
            label,
            secret_hash: [secret; 32],
            expires,
        })
    };
    vec![
        v1("full", added("Jane Doe", PASSWORD_HASH, all_roles.clone())),
        v1("least", added("a", "", Vec::new())),
        v1("full", Event::AdminGranted(AdminGranted { admin: ADMIN, grants: all_roles })),
        v1("least", Event::AdminGranted(AdminGranted { admin: ADMIN, grants: Vec::new() })),
        v1("full", password(PASSWORD_HASH)),
        v1("least", password("")),
        v1("full", Event::AdminEnabled(AdminEnabled { admin: ADMIN })),
        v1("least", Event::AdminEnabled(AdminEnabled { admin: AdminId([0; 16]) })),
        v1("full", token("nightly backup", 0xee, Some(Wall(1_800_000_000_000)))),
        v1("least", token("t", 0, None)),
    ]
}
