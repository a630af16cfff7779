//! What the tests of the machines share: short names for ids, a small catalog, and a clock.
#![allow(dead_code, unreachable_pub, missing_docs)] // Every test file uses some of it.

use hostler_model::{
    BrokerId, GroupId, HostId, ItemId, Mono, Now, PerMille, SeatId, SessionId, TicketId, UserName, Wall,
};
use hostler_seating::catalog::{Catalog, CatalogHost, CatalogItem, CatalogUser, Policy};
use hostler_seating::report::{HeldSeat, Load, Origin, Report, Session, SessionKind, SessionState};
use hostler_seating::seat::{Door, Launch, NoSeat, Offer, Placement, SeatRequest};
use hostler_seating::site::{Site, SiteInput, SiteOutput};
use std::sync::Arc;

pub const WALL: u64 = 1_800_000_000_000;

pub fn at(ms: u64) -> Now {
    Now { wall: Wall(WALL + ms), mono: Mono(ms) }
}

pub fn user(name: &str) -> UserName {
    name.parse().unwrap()
}

pub fn host(n: u16) -> HostId {
    let mut id = [0xAA; 16];
    id[..2].copy_from_slice(&n.to_be_bytes());
    HostId(id)
}

pub fn item(n: u8) -> ItemId {
    ItemId([n; 16])
}

pub fn broker(n: u8) -> BrokerId {
    BrokerId([n; 16])
}

/// Item 1: everybody's default desktop. 2: an application for everybody. 3: an application for the group 1.
/// 4: a desktop on host 1 only.
pub fn catalog(hosts: u16, users: &[&str]) -> Catalog {
    let entry = |name: &str, launch: Launch| CatalogItem {
        name: name.parse().unwrap(),
        launch,
        everyone: true,
        users: [].into(),
        groups: [].into(),
        hosts: None,
        default: false,
    };
    let program = |command: &str| Launch::Application { command: command.into() };
    Catalog {
        hosts: (1..=hosts)
            .map(|n| {
                let address = format!("10.0.0.1:{}", 3_000 + n).parse().unwrap();
                let name = format!("h{n}").parse().unwrap();
                (
                    host(n),
                    CatalogHost { name, address, enabled: true, draining: false, hard_cap: None, logon_slots: None },
                )
            })
            .collect(),
        items: [
            (item(1), CatalogItem { default: true, ..entry("Desktop", Launch::Desktop) }),
            (item(2), entry("Editor", program("editor"))),
            (
                item(3),
                CatalogItem { everyone: false, groups: [GroupId([1; 16])].into(), ..entry("Books", program("books")) },
            ),
            (item(4), CatalogItem { hosts: Some([host(1)].into()), ..entry("Special", Launch::Desktop) }),
        ]
        .into_iter()
        .collect(),
        users: users.iter().map(|name| (user(name), CatalogUser::default())).collect(),
        policy: Policy { slow_start_ms: 0, per_address: None, per_user: None, ..Policy::default() },
    }
}

pub fn report(number: u64) -> Report {
    Report {
        number,
        kind: SessionKind::PerUser,
        hard_cap: 10,
        logon_slots: 4,
        draining: false,
        load: Load::default(),
        sessions: vec![],
        seats: vec![],
        failed_logons: 0,
    }
}

pub fn busy(number: u64, cpu: u16) -> Report {
    Report { load: Load { cpu: PerMille(cpu), ..Load::default() }, ..report(number) }
}

pub fn session(n: u8, name: &str, of: Option<u8>, state: SessionState) -> Session {
    let origin = of.map_or(Origin::Unbrokered, |n| Origin::Seat { seat: SeatId([n; 16]), item: item(n) });
    Session { id: SessionId([n; 16]), user: user(name), state, started: Wall(WALL), origin }
}

pub fn held(n: u8, name: &str, of: u8) -> HeldSeat {
    HeldSeat { seat: SeatId([n; 16]), user: user(name), item: item(of), left_ms: 30_000 }
}

pub fn ask(name: &str, of: Option<u8>) -> SeatRequest {
    SeatRequest { user: user(name), item: of.map(item), client: None, door: Door::Api, avoid: vec![] }
}

/// A site's machine whose hosts have all reported.
pub struct Desk {
    pub site: Site,
    pub ms: u64,
    pub token: u64,
    pub catalog: Catalog,
    pub numbers: u64,
}

impl Desk {
    /// A machine that was just started and knows nothing.
    pub fn empty() -> Self {
        Self { site: Site::new(broker(1), [7; 32]), ms: 0, token: 0, catalog: Catalog::default(), numbers: 0 }
    }

    /// A machine with this catalog; each of its hosts has made the first report.
    pub fn new(catalog: Catalog, reports: &[Report]) -> Self {
        let mut desk = Self { catalog, ..Self::empty() };
        desk.publish();
        for (n, report) in (1..).zip(reports) {
            desk.input(SiteInput::AgentUp { host: host(n) });
            desk.report(n, report.clone());
        }
        desk
    }

    pub fn publish(&mut self) {
        let catalog = Arc::new(self.catalog.clone());
        assert_eq!(self.input(SiteInput::Catalog(catalog)), []);
    }

    pub fn input(&mut self, input: SiteInput) -> Vec<SiteOutput> {
        self.site.handle(at(self.ms), input);
        std::iter::from_fn(|| self.site.poll()).collect()
    }

    /// Hands in a report with the next number.
    pub fn report(&mut self, n: u16, report: Report) -> Vec<SiteOutput> {
        self.numbers += 1;
        let report = Arc::new(Report { number: self.numbers, ..report });
        self.input(SiteInput::Report { host: host(n), report })
    }

    pub fn request(&mut self, request: SeatRequest) -> Vec<SiteOutput> {
        self.token += 1;
        self.input(SiteInput::Request { token: self.token, request })
    }

    pub fn wait(&mut self, ms: u64) -> Vec<SiteOutput> {
        self.ms += ms;
        self.input(SiteInput::Tick)
    }

    /// The only output must be an offer.
    pub fn offered(outputs: &[SiteOutput]) -> (HostId, Offer) {
        match outputs {
            [SiteOutput::Offer { host, offer }] => (*host, (**offer).clone()),
            other => panic!("expected one offer: {other:?}"),
        }
    }

    /// The only output must be a refusal.
    pub fn refused(outputs: &[SiteOutput]) -> NoSeat {
        match outputs {
            [SiteOutput::Reply { result: Err(error), .. }] => error.clone(),
            other => panic!("expected one refusal: {other:?}"),
        }
    }

    pub fn placed(outputs: &[SiteOutput]) -> Placement {
        match outputs {
            [SiteOutput::Reply { result: Ok(placement), .. }] => (**placement).clone(),
            other => panic!("expected one placement: {other:?}"),
        }
    }

    /// Asks, and lets the agent admit.
    pub fn seat(&mut self, request: SeatRequest) -> Placement {
        let (host, offer) = Self::offered(&self.request(request));
        Self::placed(&self.input(SiteInput::Verdict { host, seat: offer.seat, verdict: Ok(()) }))
    }

    /// Asks; the answer must be a refusal.
    pub fn no_seat(&mut self, request: SeatRequest) -> NoSeat {
        Self::refused(&self.request(request))
    }
}

pub fn no_host(name: &str, reason: &str) -> NoSeat {
    NoSeat::NoHost { user: user(name), reason: reason.into() }
}

pub fn ticket(n: u8) -> TicketId {
    TicketId([n; 16])
}
