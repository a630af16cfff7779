//! How fast a site's machine places users among 1,000 hosts: the choice alone, the decision with its explanation and
//! all bookkeeping (request → offer), and the whole placement (request → offer → verdict → reply).
#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hostler_model::{BrokerId, HostId, ItemId, Mono, Now, PerMille, SeatId, UserName, Wall};
use hostler_seating::board::{Board, Figures, Standing};
use hostler_seating::catalog::{Catalog, CatalogHost, CatalogItem, CatalogUser, Policy};
use hostler_seating::choose::choose;
use hostler_seating::explanation::Exclusion;
use hostler_seating::report::{Load, Report, SessionKind};
use hostler_seating::seat::{Door, Launch, SeatRequest};
use hostler_seating::site::{Site, SiteInput, SiteOutput};
use imbl::OrdMap;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HOSTS: u16 = 1_000;
const USERS: usize = 10_000;
/// Requests between two looks at the clock.
const BATCH: u64 = 50;
const ITEM: ItemId = ItemId([1; 16]);

fn host(n: u16) -> HostId {
    let mut id = [7; 16];
    id[..2].copy_from_slice(&n.to_be_bytes());
    HostId(id)
}

/// A site in the middle of a busy day: every hundredth host is draining, every fiftieth is full.
struct Desk {
    site: Site,
    users: Vec<UserName>,
    rng: StdRng,
    ms: u64,
    number: u64,
    next: usize,
}

impl Desk {
    fn new() -> Self {
        let users: Vec<UserName> = (0..USERS).filter_map(|n| format!("user{n}@example.org").parse().ok()).collect();
        let hosts = (0..HOSTS).map(|n| {
            let name = format!("rdsh-{n:04}").parse().expect("a name");
            let address = format!("10.0.{}.{}:3389", n / 250, n % 250 + 1).parse().expect("an address");
            (
                host(n),
                CatalogHost { name, address, enabled: true, draining: n % 100 == 0, hard_cap: None, logon_slots: None },
            )
        });
        let item = CatalogItem {
            name: "Desktop".parse().expect("a name"),
            launch: Launch::Desktop,
            everyone: true,
            users: [].into(),
            groups: [].into(),
            hosts: None,
            default: true,
        };
        let catalog = Catalog {
            hosts: hosts.collect(),
            items: OrdMap::unit(ITEM, item),
            users: users.iter().map(|user| (user.clone(), CatalogUser::default())).collect(),
            policy: Policy::default(),
        };
        let site = Site::new(BrokerId([1; 16]), [3; 32]);
        let mut desk = Self { site, users, rng: StdRng::from_seed([4; 32]), ms: 0, number: 0, next: 0 };
        desk.handle(SiteInput::Catalog(Arc::new(catalog)));
        (0..HOSTS).for_each(|n| desk.handle(SiteInput::AgentUp { host: host(n) }));
        desk.report();
        desk
    }

    fn now(&self) -> Now {
        Now { wall: Wall(1_800_000_000_000 + self.ms), mono: Mono(self.ms) }
    }

    fn handle(&mut self, input: SiteInput) {
        self.site.handle(self.now(), input);
        while self.site.poll().is_some() {}
    }

    fn report(&mut self) {
        self.number += 1;
        for n in 0..HOSTS {
            let load = Load {
                cpu: PerMille(self.rng.random_range(200..600)),
                memory: PerMille(self.rng.random_range(200..600)),
                logons_in_flight: 0,
            };
            let report = Arc::new(Report {
                number: self.number,
                kind: SessionKind::PerUser,
                hard_cap: if n % 50 == 1 { 0 } else { 200 },
                logon_slots: 50,
                draining: false,
                load,
                sessions: vec![],
                seats: vec![],
                failed_logons: 0,
            });
            self.handle(SiteInput::Report { host: host(n), report });
        }
    }

    /// The next user's request.
    fn request(&mut self) -> SiteInput {
        self.next = (self.next + 1) % self.users.len();
        let user = self.users[self.next].clone();
        let request = SeatRequest { user, item: None, client: None, door: Door::Api, avoid: vec![] };
        SiteInput::Request { token: 1, request }
    }

    /// A batch of placements, so that looking at the clock does not count; how long the decisions took, and the whole.
    fn place(&mut self) -> (Duration, Duration) {
        // A thousand placements for each second on the site's clock; reports come between.
        self.ms += BATCH;
        if self.ms % 5_000 < BATCH {
            self.report();
        }
        let requests: Vec<SiteInput> = (0..BATCH).map(|_| self.request()).collect();
        let mut offers = Vec::with_capacity(requests.len());
        let mut replies = Vec::with_capacity(requests.len());
        let now = self.now();
        let start = Instant::now();
        for request in requests {
            self.site.handle(now, request);
            offers.extend(self.site.poll());
        }
        let decided = start.elapsed();
        let offered = |output: &SiteOutput| match output {
            SiteOutput::Offer { host, offer } => (*host, offer.seat),
            other => panic!("expected an offer: {other:?}"),
        };
        let offered: Vec<(HostId, SeatId)> = offers.iter().map(offered).collect();
        let start = Instant::now();
        for (host, seat) in offered {
            self.site.handle(now, SiteInput::Verdict { host, seat, verdict: Ok(()) });
            replies.extend(self.site.poll());
        }
        let answered = start.elapsed();
        assert!(replies.iter().all(|output| matches!(output, SiteOutput::Reply { result: Ok(_), .. })));
        (decided, decided + answered)
    }

    /// Places so many users; how long it took, by one of the two measures.
    fn place_many(&mut self, times: u64, which: impl Fn((Duration, Duration)) -> Duration) -> Duration {
        let batches = times.div_ceil(BATCH);
        let spent: Duration = (0..batches).map(|_| which(self.place())).sum();
        spent.mul_f64(times as f64 / (batches * BATCH) as f64)
    }

    /// How long one decision takes, clock included.
    fn decide(&mut self) -> Duration {
        self.ms += 1;
        if self.ms.is_multiple_of(5_000) {
            self.report();
        }
        let (now, request) = (self.now(), self.request());
        let start = Instant::now();
        self.site.handle(now, request);
        let output = self.site.poll();
        let decided = start.elapsed();
        let Some(SiteOutput::Offer { host, offer }) = output else { panic!("expected an offer: {output:?}") };
        self.handle(SiteInput::Verdict { host, seat: offer.seat, verdict: Ok(()) });
        decided
    }
}

fn placement(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("placement among 1,000 hosts");
    group.throughput(Throughput::Elements(1));
    let mut rng = StdRng::from_seed([5; 32]);
    let mut board = Board::default();
    for n in 0..u32::from(HOSTS) {
        let standing = if n % 100 == 0 { Standing::Excluded(Exclusion::Draining) } else { Standing::Eligible };
        let cpu = PerMille(rng.random_range(200..600));
        board.set(n, Figures { cpu, cap: 200, slots: 50, ..Figures::default() }, standing);
    }
    group.bench_function("choice", |b| {
        b.iter(|| black_box(choose(&mut board, None, &[], Mono(0), &mut rng)).eligible);
    });
    let mut desk = Desk::new();
    group.bench_function("decision with explanation", |b| {
        b.iter_custom(|times| desk.place_many(times, |spent| spent.0));
    });
    group.bench_function("whole, with the agent's verdict", |b| {
        b.iter_custom(|times| desk.place_many(times, |spent| spent.1));
    });
    group.finish();
    let mut decided: Vec<Duration> = (0..200_000).map(|_| desk.decide()).collect();
    decided.sort_unstable();
    let at = |share: usize| decided[decided.len() * share / 1_000];
    println!("decision with explanation: p50 {:?}, p99 {:?}, p99.9 {:?}\n", at(500), at(990), at(999));
}

criterion_group!(benches, placement);
criterion_main!(benches);
