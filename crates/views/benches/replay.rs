//! How fast a start from stored bytes is: a million events of three brokers, read (header and hash), decoded, put in
//! their order and folded. Signatures are not checked: a broker's own disk was checked when the events came.
#![allow(clippy::unwrap_used, missing_docs)]

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hostler_events::payload::*;
use hostler_events::{Actor, Event, EventRef, Frontier, Hash, Header, StoredEvent, codec};
use hostler_model::{
    Address, AdminId, BrokerId, Epoch, Feed, GroupId, Hlc, HostId, Incarnation, ItemId, Launch, MemberRole, PublicKey,
    SiteId, TokenId, UserId, Wall,
};
use hostler_views::{Loaded, SavedViews, Views};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EVENTS: usize = 1_000_000;
/// Events behind the saved views.
const NOT_SAVED: usize = 5_000;
const BROKERS: u8 = 3;
const HOSTS: u64 = 5_000;
const ITEMS: u64 = 300;
const GROUPS: u64 = 500;
/// Users at the beginning; later about as many come as go.
const USERS: u64 = 20_000;
/// Processors that read and decode.
const READERS: usize = 2;

const SITE: SiteId = SiteId([9; 16]);
const ADMIN: AdminId = AdminId([7; 16]);
const TOKEN: TokenId = TokenId([8; 16]);

/// xorshift64*: the same events in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % n
    }
}

/// An id with random-looking bytes, as real ones have.
fn id(kind: u8, n: u64) -> [u8; 16] {
    let mut id = [kind; 16];
    id[..8].copy_from_slice(&n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
    id
}

fn host(n: u64) -> HostId {
    HostId(id(0x40, n))
}

fn item(n: u64) -> ItemId {
    ItemId(id(0x60, n))
}

fn user(n: u64) -> UserId {
    UserId(id(0x70, n))
}

fn group(n: u64) -> GroupId {
    GroupId(id(0x72, n))
}

/// A farm's history, written without signatures.
struct Farm {
    dice: Dice,
    heads: [(u64, Hash); BROKERS as usize],
    events: Vec<Bytes>,
    epoch: Epoch,
    wall: u64,
    /// Users that are there, and the next one's number.
    users: Vec<u64>,
    next_user: u64,
    /// The last edit of each host.
    edits: Vec<Option<EventRef>>,
}

impl Farm {
    fn write(&mut self, n: u8, event: &Event, base: Option<EventRef>) -> EventRef {
        let kind = event.kind();
        self.wall += 1 + self.dice.roll(50);
        let hlc = Hlc { wall: Wall(self.wall), counter: 0 };
        if matches!(event, Event::Promoted(_)) {
            self.epoch = Epoch { n: self.epoch.n + 1, hlc, broker: BrokerId([n; 16]) };
        }
        let head = &mut self.heads[usize::from(n) - 1];
        let header = Header {
            format: Header::FORMAT,
            feed: Feed { broker: BrokerId([n; 16]), incarnation: Incarnation { ordinal: 1, random: u64::MAX / 3 } },
            seq: head.0 + 1,
            previous: head.1,
            hlc,
            site: SITE,
            epoch: self.epoch,
            actor: Actor::Admin(ADMIN),
            class: kind.class,
            kind: kind.id,
            version: kind.version,
            on_unknown: kind.on_unknown,
            touches: event.touches(),
            frontier: event.has_frontier().then(Frontier::default),
            bases: vec![base; event.field_count()],
        };
        let bytes = [vec![0; 64], codec::encode(&header).unwrap(), event.payload().unwrap()].concat();
        let stored = StoredEvent::parse(bytes.into()).unwrap();
        *head = (header.seq, stored.hash());
        self.events.push(stored.bytes().clone());
        stored.reference()
    }

    fn found(&mut self) {
        let at =
            |n: u64, port| Address::new(&format!("10.{}.{}.{}", n / 62_500, n / 250 % 250, n % 250), port).unwrap();
        let (kind, voters) = (PromotionKind::First, vec![BrokerId([1; 16])]);
        let reason = "the farm begins".to_string();
        let first = Promoted { kind, voters, evidence: Vec::new(), lost: None, reason };
        self.write(1, &Event::Promoted(first), None);
        self.write(1, &Event::FarmCreated(FarmCreated { name: "farm".parse().unwrap() }), None);
        self.write(1, &Event::SiteCreated(SiteCreated { site: SITE, name: "main".parse().unwrap() }), None);
        for n in 1..=BROKERS {
            let port = |port| at(u64::from(n), port);
            let joined = BrokerJoined {
                broker: BrokerId([n; 16]),
                name: format!("broker-{n}").parse().unwrap(),
                key: PublicKey([n; 32]),
                addresses: BrokerAddresses { join: port(1), access: port(2), agent: port(3), peer: port(4) },
                token: None,
                standby: false,
            };
            self.write(1, &Event::BrokerJoined(joined), None);
        }
        let grants = vec![Grant { role: Role::Owner, site: None }];
        let (name, password_hash) = ("admin".parse().unwrap(), String::new());
        self.write(1, &Event::AdminAdded(AdminAdded { admin: ADMIN, name, password_hash, grants }), None);
        self.token(TOKEN);
        for n in 0..HOSTS {
            let name = format!("rdsh-{n:04}").parse().unwrap();
            let joined =
                HostJoined { host: host(n), name, key: PublicKey([4; 32]), address: at(n, 3389), token: TOKEN };
            let edit = self.write(broker_of(n), &Event::HostJoined(joined), None);
            self.edits.push(Some(edit));
        }
        (0..USERS).for_each(|_| self.add_user());
        (0..ITEMS).for_each(|n| self.publish(n));
        for n in 0..GROUPS {
            let name = format!("Group {n}").parse().unwrap();
            let added = GroupAdded { group: group(n), name, members: self.members() };
            self.write(broker_of(n), &Event::GroupAdded(added), None);
        }
    }

    fn token(&mut self, token: TokenId) {
        let (role, issuer) = (MemberRole::Agent, BrokerId([1; 16]));
        let created = TokenCreated { token, role, issuer, verifier: [5; 32], expires: Wall(self.wall) };
        self.write(1, &Event::TokenCreated(created), None);
    }

    fn add_user(&mut self) {
        let n = self.next_user;
        self.next_user += 1;
        self.users.push(n);
        let name = format!("user{n}@example.org").parse().unwrap();
        self.write(broker_of(n), &Event::UserAdded(UserAdded { user: user(n), name }), None);
    }

    fn publish(&mut self, n: u64) {
        let published = ItemPublished {
            item: item(n),
            name: format!("Application {n}").parse().unwrap(),
            launch: Launch::Application { command: "/usr/bin/application --with arguments".to_string() },
            audience: Audience { everyone: false, users: Vec::new(), groups: vec![group(n % GROUPS)] },
            hosts: None,
            default: false,
        };
        self.write(broker_of(n), &Event::ItemPublished(published), None);
    }

    fn members(&mut self) -> Vec<UserId> {
        let size = 1 + self.dice.roll(10);
        (0..size).map(|_| user(self.users[index(self.dice.roll(self.users.len() as u64))])).collect()
    }

    /// One more event: half of them host changes, a fifth users, the rest items, groups, policies and tokens.
    fn live(&mut self) {
        let n = 1 + u8::try_from(self.dice.roll(u64::from(BROKERS))).unwrap();
        match self.dice.roll(100) {
            0..50 => {
                let at = self.dice.roll(HOSTS);
                let field = match self.dice.roll(3) {
                    0 => HostField::HardCap(Some(u32::try_from(self.dice.roll(200)).unwrap())),
                    roll => HostField::Drain(roll == 1),
                };
                let base = self.edits[index(at)];
                let edit =
                    self.write(n, &Event::HostChanged(HostChanged { host: host(at), fields: vec![field] }), base);
                self.edits[index(at)] = Some(edit);
            }
            50..60 => self.add_user(),
            60..70 => {
                let at = index(self.dice.roll(self.users.len() as u64));
                let gone = self.users.swap_remove(at);
                self.write(n, &Event::UserRemoved(UserRemoved { user: user(gone) }), None);
            }
            70..82 => {
                let at = self.dice.roll(ITEMS);
                let audience = Audience { everyone: false, users: self.members(), groups: Vec::new() };
                let fields = vec![ItemField::Audience(audience), ItemField::Default(at == 0)];
                self.write(n, &Event::ItemChanged(ItemChanged { item: item(at), fields }), None);
            }
            82..92 => {
                let (at, fields) = (self.dice.roll(GROUPS), vec![GroupField::Members(self.members())]);
                self.write(n, &Event::GroupChanged(GroupChanged { group: group(at), fields }), None);
            }
            92..97 => {
                let (key, value) = ("seating.slow_start".to_string(), Some(self.dice.roll(100).to_string()));
                self.write(n, &Event::PolicySet(PolicySet { key, value }), None);
            }
            97 => {
                let value = Some(self.dice.roll(2).to_string());
                self.write(1, &Event::SettingSet(SettingSet { key: "sessions.one_per_user".to_string(), value }), None);
            }
            _ => self.token(TokenId(id(0x80, self.wall))),
        }
    }
}

fn index(n: u64) -> usize {
    usize::try_from(n).unwrap()
}

fn broker_of(n: u64) -> u8 {
    u8::try_from(n % u64::from(BROKERS)).unwrap() + 1
}

/// The stored bytes of the whole history, in the order in which a broker got them.
fn history() -> Vec<Bytes> {
    let mut farm = Farm {
        dice: Dice(1),
        heads: [(0, Hash::ZERO); BROKERS as usize],
        events: Vec::with_capacity(EVENTS),
        epoch: Epoch::NONE,
        wall: 1_700_000_000_000,
        users: Vec::new(),
        next_user: 0,
        edits: Vec::new(),
    };
    farm.found();
    while farm.events.len() < EVENTS {
        farm.live();
    }
    farm.events
}

/// Works on all events, on so many processors, and keeps their order.
fn spread<T: Send>(events: &[Bytes], work: impl Fn(&Bytes) -> T + Sync) -> Vec<T> {
    let work = &work;
    std::thread::scope(|scope| {
        let parts: Vec<_> = events
            .chunks(events.len().div_ceil(READERS).max(1))
            .map(|part| scope.spawn(move || part.iter().map(work).collect::<Vec<T>>()))
            .collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    })
}

fn load(bytes: &Bytes) -> Arc<Loaded> {
    Arc::new(Loaded::new(&StoredEvent::parse(bytes.clone()).unwrap()))
}

fn fold(loaded: Vec<Arc<Loaded>>) -> Views {
    let mut views = Views::default();
    views.insert(loaded);
    views
}

/// Time for `times` runs; what a run leaves behind is dropped outside it.
fn time<T>(times: u64, mut run: impl FnMut() -> T) -> Duration {
    (0..times)
        .map(|_| {
            let start = Instant::now();
            let left = black_box(run());
            let spent = start.elapsed();
            drop(left);
            spent
        })
        .sum()
}

fn replay(criterion: &mut Criterion) {
    let events = history();
    let size: usize = events.iter().map(Bytes::len).sum();
    println!("{EVENTS} events of {} bytes on average", size / EVENTS);
    let mut group = criterion.benchmark_group("replay of 1 million events");
    group.throughput(Throughput::Elements(EVENTS as u64)).sample_size(10);
    group.warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_millis(1));
    group.bench_function("read, header and hash", |b| {
        b.iter_custom(|times| time(times, || spread(&events, |e| StoredEvent::parse(e.clone()).unwrap())));
    });
    let read = spread(&events, |e| StoredEvent::parse(e.clone()).unwrap());
    group.bench_function("decode", |b| {
        b.iter_custom(|times| time(times, || read.iter().map(|e| e.event().unwrap()).collect::<Vec<_>>()));
    });
    drop(read);
    let loaded = spread(&events, load);
    group.bench_function("order and fold", |b| b.iter_custom(|times| time(times, || fold(loaded.clone()))));
    drop(loaded);
    group.bench_function("whole", |b| b.iter_custom(|times| time(times, || fold(spread(&events, load)))));
    // All but the newest events are covered, as after a stop that was not clean.
    let saved = fold(spread(&events[..EVENTS - NOT_SAVED], load)).save().unwrap();
    let bytes = saved.encode().unwrap();
    println!("saved views: {} bytes", bytes.len());
    group.bench_function("save", |b| {
        let views = fold(spread(&events, load));
        b.iter_custom(|times| time(times, || views.save().unwrap()));
    });
    drop(saved);
    let restore = || {
        let saved = SavedViews::decode(&bytes).unwrap();
        Views::restore(saved, &spread(&events, load)).unwrap()
    };
    assert_eq!(restore().digest(), fold(spread(&events, load)).digest());
    group.bench_function("start from a checkpoint", |b| b.iter_custom(|times| time(times, restore)));
    // One after the other, so that a busy machine changes both alike.
    let ratios = (0..5).map(|_| {
        let fold = time(1, || fold(spread(&events, load)));
        time(1, restore).as_secs_f64() / fold.as_secs_f64()
    });
    let mut ratios: Vec<f64> = ratios.collect();
    ratios.sort_by(f64::total_cmp);
    println!("start from a checkpoint: {:.2} of a full fold (median of {})", ratios[2], ratios.len());
    group.finish();
}

criterion_group!(benches, replay);
criterion_main!(benches);
