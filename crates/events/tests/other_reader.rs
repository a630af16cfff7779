//! The stored bytes outlive the library that writes them: another, maintained library reads them as the same values,
//! and writes the same bytes. The types here mirror the stored forms; this test is the only one that names a codec.

#![allow(clippy::unwrap_used, missing_docs)]

mod samples;

use hostler_events::codec;
use samples::Sample;
use std::collections::BTreeMap;
use std::fmt::Debug;
use wincode::config::Configuration;
use wincode::{SchemaRead, SchemaWrite};

type Id = [u8; 16];
type Key = [u8; 32];

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Feed {
    broker: Id,
    ordinal: u32,
    random: u64,
}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
struct EventRef {
    feed: Feed,
    seq: u64,
    hash: Key,
}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
struct Hlc {
    wall: u64,
    counter: u32,
}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
struct Epoch {
    n: u64,
    hlc: Hlc,
    broker: Id,
}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
enum Actor {
    System,
    Admin(Id),
    Token(Id),
}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
enum Class {
    Structural,
    Everyday,
    Revocation,
}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
enum OnUnknown {
    Halt,
    Skip,
}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
enum Thing {
    Site(Id),
    Broker(Id),
    Gateway(Id),
    Host(Id),
    Item(Id),
    User(Id),
    Group(Id),
    Admin(Id),
    Token(Id),
}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
struct Header {
    format: u8,
    feed: Feed,
    seq: u64,
    previous: Key,
    hlc: Hlc,
    site: Id,
    epoch: Epoch,
    actor: Actor,
    class: Class,
    kind: u16,
    version: u16,
    on_unknown: OnUnknown,
    touches: Vec<Thing>,
    frontier: Option<BTreeMap<Feed, (u64, Key)>>,
    bases: Vec<Option<EventRef>>,
}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
enum PromotionKind {
    First,
    Planned,
    Forced,
    Automatic,
}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
struct Evidence {
    broker: Id,
    reachable: bool,
    last_heard: Option<u64>,
}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
struct Promoted {
    kind: PromotionKind,
    voters: Vec<Id>,
    evidence: Vec<Evidence>,
    lost: Option<Id>,
    reason: String,
}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
struct Resumed {}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
struct Voted {
    n: u64,
    candidate: Id,
    succeeds: Epoch,
    silent_ms: u64,
}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
struct BrokerJoined {
    broker: Id,
    name: String,
    key: Key,
    addresses: [String; 4],
    token: Option<Id>,
    standby: bool,
}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
enum HostField {
    Name(String),
    Address(String),
    Drain(bool),
    HardCap(Option<u32>),
    LogonSlots(Option<u32>),
    Key(Key),
}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
struct HostChanged {
    host: Id,
    fields: Vec<HostField>,
}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
enum Launch {
    Desktop,
    Application { command: String },
}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
struct Audience {
    everyone: bool,
    users: Vec<Id>,
    groups: Vec<Id>,
}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
struct ItemPublished {
    item: Id,
    name: String,
    launch: Launch,
    audience: Audience,
    hosts: Option<Vec<Id>>,
    default: bool,
}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
struct GroupAdded {
    group: Id,
    name: String,
    members: Vec<Id>,
}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
enum MemberRole {
    Broker,
    Gateway,
    Agent,
}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
struct TokenCreated {
    token: Id,
    role: MemberRole,
    issuer: Id,
    verifier: Key,
    expires: u64,
}

#[derive(SchemaRead, SchemaWrite, PartialEq, Eq, Debug)]
struct Discarded {
    event: EventRef,
    reason: String,
}

/// The other library's name for our codec: little endian, variable-length integers, lengths and tags among them.
macro_rules! other {
    ($call:ident, $value:expr) => {
        wincode::config::$call($value, Configuration::default().with_varint_encoding()).unwrap()
    };
}

/// Reads every sample of a type as its mirror, writes that again, and finds the same bytes.
macro_rules! same {
    ($($kind:literal $mirror:ty;)+) => {$({
        let samples = samples::of($kind, 1);
        assert!(!samples.is_empty());
        for Sample { case, event, .. } in samples {
            let bytes = event.payload().unwrap();
            let mirror: $mirror = other!(deserialize_exact, &bytes);
            assert_eq!(other!(serialize, &mirror), bytes, "{case} of type {}", $kind);
        }
    })+};
}

#[test]
fn both_libraries_read_and_write_the_same_payloads() {
    same! {
        1 Promoted;
        2 Resumed;
        4 Voted;
        20 BrokerJoined;
        41 HostChanged;
        60 ItemPublished;
        72 GroupAdded;
        80 TokenCreated;
        121 Discarded;
    }
}

#[test]
fn both_libraries_read_and_write_the_same_headers() {
    for (case, header) in samples::headers() {
        let bytes = codec::encode(&header).unwrap();
        let mirror: Header = other!(deserialize_exact, &bytes);
        assert_eq!(other!(serialize, &mirror), bytes, "{case}");
    }
}

#[test]
fn the_other_library_reads_the_values_that_were_written() {
    let read = |kind, case: &str| -> Vec<u8> {
        samples::of(kind, 1).into_iter().find(|s| s.case == case).unwrap().event.payload().unwrap()
    };
    let promoted: Promoted = other!(deserialize_exact, &read(1, "full"));
    let heard = [(1, false, Some(1_700_000_000_000)), (3, true, None)];
    let want = Promoted {
        kind: PromotionKind::Forced,
        voters: vec![[2; 16], [3; 16]],
        evidence: heard.map(|(n, reachable, last_heard)| Evidence { broker: [n; 16], reachable, last_heard }).into(),
        lost: Some([1; 16]),
        reason: "The rack lost its power – see ticket 4711".to_string(),
    };
    assert_eq!(promoted, want);

    let changed: HostChanged = other!(deserialize_exact, &read(41, "full"));
    let fields = vec![
        HostField::Name("rdsh-01".to_string()),
        HostField::Address("rdsh-01.example.org:3389".to_string()),
        HostField::Drain(true),
        HostField::HardCap(Some(70_000)),
        HostField::LogonSlots(Some(8)),
        HostField::Key([0x42; 32]),
    ];
    assert_eq!(changed, HostChanged { host: [0x40; 16], fields });

    let (_, header) = samples::headers().remove(0);
    let header: Header = other!(deserialize_exact, &codec::encode(&header).unwrap());
    assert_eq!(
        (header.seq, header.hlc, header.class),
        (70_000, Hlc { wall: 1_700_000_000_123, counter: 7 }, Class::Revocation)
    );
    assert_eq!(header.touches.len(), 9);
    let feed = |n| Feed { broker: [n; 16], ordinal: 1, random: 0x0123_4567_89ab_cdef };
    assert_eq!(header.frontier, Some(BTreeMap::from([(feed(1), (12, [1; 32])), (feed(2), (69_999, [0xaa; 32]))])));
    assert_eq!(header.bases, [Some(EventRef { feed: feed(1), seq: 12, hash: [1; 32] }), None]);
}

#[test]
fn our_codec_reads_what_the_other_library_wrote() {
    fn check<T: serde::de::DeserializeOwned + PartialEq + Debug>(bytes: &[u8], want: &T) {
        assert_eq!(codec::decode::<T>(bytes).unwrap(), *want);
    }
    use hostler_events::payload as ours;
    let id = |n: u8| hostler_model::ItemId([n; 16]);
    let mirror = ItemPublished {
        item: [1; 16],
        name: "Büro".to_string(),
        launch: Launch::Application { command: "xterm".to_string() },
        audience: Audience { everyone: false, users: vec![[2; 16]], groups: Vec::new() },
        hosts: Some(vec![[3; 16]; 300]),
        default: true,
    };
    let want = ours::ItemPublished {
        item: id(1),
        name: "Büro".parse().unwrap(),
        launch: hostler_model::Launch::Application { command: "xterm".to_string() },
        audience: ours::Audience { everyone: false, users: vec![hostler_model::UserId([2; 16])], groups: Vec::new() },
        hosts: Some(vec![hostler_model::HostId([3; 16]); 300]),
        default: true,
    };
    check(&other!(serialize, &mirror), &want);
    // Integers at every boundary of their variable length.
    for n in [0, 250, 251, 252, 65_535, 65_536, u64::from(u32::MAX), u64::from(u32::MAX) + 1, u64::MAX] {
        check(&other!(serialize, &n), &n);
        assert_eq!(other!(serialize, &n), codec::encode(&n).unwrap());
    }
}
