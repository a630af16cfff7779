//! Values of everyday events.

use super::{Sample, address, broker, name, public, reference, v1};
use hostler_events::Event;
use hostler_events::payload::*;
use hostler_model::{Epoch, GatewayId, GroupId, Hlc, HostId, ItemId, Launch, MemberRole, TokenId, UserId, Wall};

const HOST: HostId = HostId([0x40; 16]);
const GATEWAY: GatewayId = GatewayId([0x50; 16]);
const ITEM: ItemId = ItemId([0x60; 16]);
const USER: UserId = UserId([0x70; 16]);
const GROUP: GroupId = GroupId([0x72; 16]);
const TOKEN: TokenId = TokenId([0x80; 16]);

pub(super) fn samples() -> Vec<Sample> {
    [hosts(), gateways(), items(), people(), tokens_and_policies(), votes(), settlements()]
        .into_iter()
        .flatten()
        .collect()
}

fn hosts() -> Vec<Sample> {
    let joined = |text: &str, at: &str| {
        let (name, address) = (name(text), address(at));
        Event::HostJoined(HostJoined { host: HOST, name, key: public(0x41), address, token: TOKEN })
    };
    let changed = |fields| Event::HostChanged(HostChanged { host: HOST, fields });
    let all = vec![
        HostField::Name(name("rdsh-01")),
        HostField::Address(address("rdsh-01.example.org:3389")),
        HostField::Drain(true),
        HostField::HardCap(Some(70_000)),
        HostField::LogonSlots(Some(8)),
        HostField::Key(public(0x42)),
    ];
    let nothing = vec![HostField::Drain(false), HostField::HardCap(None), HostField::LogonSlots(None)];
    vec![
        v1("full", joined("rdsh-01", "rdsh-01.example.org:3389")),
        v1("least", joined("h", "[::1]:1")),
        v1("full", changed(all)),
        v1("nothing", changed(nothing)),
        v1("least", changed(Vec::new())),
    ]
}

fn gateways() -> Vec<Sample> {
    let joined = |text: &str, at: &str| {
        let (name, address) = (name(text), address(at));
        Event::GatewayJoined(GatewayJoined { gateway: GATEWAY, name, key: public(0x51), address, token: TOKEN })
    };
    let changed = |fields| Event::GatewayChanged(GatewayChanged { gateway: GATEWAY, fields });
    let all = vec![
        GatewayField::Name(name("gateway-01")),
        GatewayField::Address(address("192.0.2.7:443")),
        GatewayField::Key(public(0x52)),
    ];
    vec![
        v1("full", joined("gateway-01", "desktops.example.org:443")),
        v1("least", joined("g", "[::1]:1")),
        v1("full", changed(all)),
        v1("least", changed(Vec::new())),
    ]
}

fn items() -> Vec<Sample> {
    let application = Launch::Application { command: "/usr/bin/xterm -title \"Büro\"".to_string() };
    let audience = Audience { everyone: true, users: vec![USER, UserId([0x71; 16])], groups: vec![GROUP] };
    let published = |text: &str, launch, audience, hosts, default| {
        Event::ItemPublished(ItemPublished { item: ITEM, name: name(text), launch, audience, hosts, default })
    };
    let changed = |fields| Event::ItemChanged(ItemChanged { item: ITEM, fields });
    let all = vec![
        ItemField::Name(name("Office")),
        ItemField::Launch(application.clone()),
        ItemField::Audience(audience.clone()),
        ItemField::Hosts(Some(vec![HOST])),
        ItemField::Default(true),
    ];
    let nothing = vec![
        ItemField::Launch(Launch::Desktop),
        ItemField::Audience(Audience::default()),
        ItemField::Hosts(None),
        ItemField::Default(false),
    ];
    vec![
        v1("full", published("Terminal", application, audience, Some(vec![HOST, HostId([0x41; 16])]), true)),
        v1("least", published("d", Launch::Desktop, Audience::default(), None, false)),
        v1("nowhere", published("d", Launch::Desktop, Audience::default(), Some(Vec::new()), false)),
        v1("full", changed(all)),
        v1("nothing", changed(nothing)),
        v1("least", changed(Vec::new())),
        v1("full", Event::ItemUnpublished(ItemUnpublished { item: ITEM })),
        v1("least", Event::ItemUnpublished(ItemUnpublished { item: ItemId([0; 16]) })),
    ]
}

fn people() -> Vec<Sample> {
    let user = |text: &str| Event::UserAdded(UserAdded { user: USER, name: text.parse().unwrap() });
    let group = |text: &str, members| Event::GroupAdded(GroupAdded { group: GROUP, name: name(text), members });
    let changed = |fields| Event::GroupChanged(GroupChanged { group: GROUP, fields });
    // More than 250: their number takes three bytes.
    let many: Vec<UserId> = (0..=255).map(|n| UserId([n; 16])).collect();
    vec![
        v1("full", user("jürgen@example.org")),
        v1("least", user("a")),
        v1("full", Event::UserRemoved(UserRemoved { user: USER })),
        v1("least", Event::UserRemoved(UserRemoved { user: UserId([0; 16]) })),
        v1("full", group("Accounting", vec![USER, UserId([0x71; 16])])),
        v1("least", group("g", Vec::new())),
        v1("many", group("Everybody", many)),
        v1("full", changed(vec![GroupField::Name(name("Controlling")), GroupField::Members(vec![USER])])),
        v1("least", changed(Vec::new())),
        v1("full", Event::GroupRemoved(GroupRemoved { group: GROUP })),
        v1("least", Event::GroupRemoved(GroupRemoved { group: GroupId([0; 16]) })),
    ]
}

fn tokens_and_policies() -> Vec<Sample> {
    let token = |role, verifier, expires| {
        Event::TokenCreated(TokenCreated { token: TOKEN, role, issuer: broker(2), verifier, expires: Wall(expires) })
    };
    let policy = |key: &str, value: Option<&str>| {
        Event::PolicySet(PolicySet { key: key.to_string(), value: value.map(str::to_string) })
    };
    vec![
        v1("full", token(MemberRole::Agent, [0x81; 32], u64::MAX)),
        v1("gateway", token(MemberRole::Gateway, [0x82; 32], 1_800_000_000_000)),
        v1("least", token(MemberRole::Broker, [0; 32], 0)),
        v1("full", policy("seating.slow_start", Some("30 s"))),
        v1("least", policy("seating.slow_start", None)),
    ]
}

fn votes() -> Vec<Sample> {
    let hlc = |wall, counter| Hlc { wall: Wall(wall), counter };
    let succeeds = Epoch { n: 2, hlc: hlc(1_700_000_000_000, 7), broker: broker(1) };
    vec![
        v1("full", Event::Voted(Voted { n: 3, candidate: broker(2), succeeds, silent_ms: 30_500 })),
        v1("least", Event::Voted(Voted { n: 0, candidate: broker(0), succeeds: Epoch::NONE, silent_ms: 0 })),
    ]
}

fn settlements() -> Vec<Sample> {
    let discarded =
        |n, seq, reason: &str| Event::Discarded(Discarded { event: reference(n, seq), reason: reason.to_string() });
    vec![
        v1("full", Event::Reapplied(Reapplied { event: reference(3, 65_536) })),
        v1("least", Event::Reapplied(Reapplied { event: reference(0, 0) })),
        v1("full", discarded(3, 1 << 40, "Done by hand on the other side")),
        v1("least", discarded(0, 0, "")),
    ]
}
