//! Our own machines: those of a site on three brokers, and one of each host, with messages that take their time.

use super::{
    BACK_MS, BROKERS, EMPTY, EMPTY_MS, HARD_CAP, LOGON_MS, LOGON_SLOTS, MORNING_MS, Morning, Outcome, REBOOT_MS,
    logon_ms, outcome,
};
use hostler_model::{BrokerId, HostId, ItemId, Launch, Mono, Now, PerMille, UserName, Wall};
use hostler_seating::catalog::{Catalog, CatalogHost, CatalogItem, CatalogUser, Policy};
use hostler_seating::home::home_order;
use hostler_seating::report::{Report, SessionKind, SessionState};
use hostler_seating::seat::{Door, Placement, SeatRequest, TicketClaim};
use hostler_seating::{
    Admission, AdmissionConfig, AdmissionInput, AdmissionOutput, FoundSession, Site, SiteInput, SiteOutput,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

/// When the virtual clock begins, in ms since 1970.
const WALL_MS: u64 = 1_800_000_000_000;
/// How long a message takes, in ms: at least and at most.
const DELAY_MS: (u64, u64) = (1, 5);
/// What everybody asks for.
const ITEM: ItemId = ItemId([1; 16]);

enum Event {
    Site(usize, SiteInput),
    Host(usize, usize, AdmissionInput),
    Come(usize),
    Begin(usize, usize, u32),
    Measure(usize),
    SiteTimer(usize),
    HostTimer(usize),
    Reboot,
    Back,
}

/// Ordered by when it happens, and by when it was planned.
struct Planned {
    at_ms: u64,
    serial: u64,
    event: Event,
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.serial == other.serial
    }
}
impl Eq for Planned {}
impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Planned {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at_ms, self.serial).cmp(&(other.at_ms, other.serial))
    }
}

struct Machine {
    admission: Admission,
    config: AdmissionConfig,
    live: Vec<FoundSession>,
    coming: u32,
    /// Counts reboots: logons of before are lost.
    life: u32,
    up: bool,
    /// When its last report was let through, where only some are.
    reported_ms: Option<u64>,
    /// The timer that is planned.
    timer: Option<u64>,
}

struct World {
    ms: u64,
    serial: u64,
    queue: BinaryHeap<Reverse<Planned>>,
    brokers: Vec<BrokerId>,
    sites: Vec<Site>,
    timers: Vec<Option<u64>>,
    hosts: Vec<Machine>,
    by_id: HashMap<HostId, usize>,
    users: Vec<UserName>,
    asked: HashMap<u64, usize>,
    rng: StdRng,
    report_ms: u64,
    /// Hosts tell at once what changes.
    at_once: bool,
    black_hole: u32,
    refused: u32,
}

pub(super) fn pass(morning: &Morning, at_once: bool) -> Outcome {
    let mut world = World::new(morning, at_once);
    let last = MORNING_MS + LOGON_MS.1;
    while let Some(Reverse(planned)) = world.queue.pop().filter(|Reverse(planned)| planned.at_ms <= last) {
        world.ms = planned.at_ms;
        world.happen(planned.event);
    }
    let sessions: Vec<u32> =
        world.hosts.iter().map(|host| u32::try_from(host.live.len()).unwrap_or(u32::MAX)).collect();
    outcome(&sessions, world.black_hole, world.refused)
}

fn id_of(number: usize) -> [u8; 16] {
    let mut id = [0xaa; 16];
    id[..8].copy_from_slice(&(number as u64).to_be_bytes());
    id
}

#[allow(clippy::expect_used)] // Names made of letters and digits are always valid.
fn named<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a plain name")
}

impl World {
    fn new(morning: &Morning, at_once: bool) -> Self {
        let arrivals = morning.arrivals();
        let users: Vec<UserName> = (0..arrivals.len()).map(|n| named(&format!("user{n}"))).collect();
        let configs = (0..morning.hosts).map(|n| AdmissionConfig {
            host: HostId(id_of(n)),
            kind: SessionKind::PerUser,
            hard_cap: HARD_CAP,
            logon_slots: LOGON_SLOTS,
        });
        let machine = |config: AdmissionConfig| Machine {
            admission: Admission::new(config.clone()),
            config,
            live: Vec::new(),
            coming: 0,
            life: 0,
            up: true,
            reported_ms: None,
            timer: None,
        };
        let brokers: Vec<BrokerId> = (0..BROKERS).map(|n| BrokerId(id_of(n))).collect();
        let site = |(n, id): (usize, &BrokerId)| Site::new(*id, [morning.seed as u8 ^ n as u8; 32]);
        let mut world = Self {
            ms: 0,
            serial: 0,
            queue: BinaryHeap::new(),
            sites: brokers.iter().enumerate().map(site).collect(),
            timers: vec![None; BROKERS],
            brokers,
            by_id: configs.clone().map(|config| config.host).zip(0..).collect(),
            hosts: configs.map(machine).collect(),
            asked: HashMap::new(),
            rng: StdRng::seed_from_u64(morning.seed ^ 0x0a),
            report_ms: morning.report_ms,
            at_once,
            black_hole: 0,
            refused: 0,
            users,
        };
        let catalog = Arc::new(world.catalog());
        for b in 0..BROKERS {
            world.site(b, SiteInput::Catalog(catalog.clone()));
            for host in world.hosts.iter().map(|host| host.config.host).collect::<Vec<_>>() {
                world.site(b, SiteInput::AgentUp { host });
            }
        }
        for h in 0..morning.hosts {
            world.look(h);
            let first = world.rng.random_range(0..1_000.min(morning.report_ms));
            world.plan(first, Event::Measure(h));
        }
        arrivals.into_iter().enumerate().for_each(|(user, at)| world.plan(at, Event::Come(user)));
        world.plan(REBOOT_MS, Event::Reboot);
        world.plan(BACK_MS, Event::Back);
        world
    }

    /// As a farm has it by default; the hosts have been there for a while when the morning begins.
    fn catalog(&self) -> Catalog {
        let item = CatalogItem {
            name: named("Desktop"),
            launch: Launch::Desktop,
            everyone: true,
            users: [].into(),
            groups: [].into(),
            hosts: None,
            default: true,
        };
        let host = |(n, machine): (usize, &Machine)| {
            let (name, address) = (named(&format!("h{n}")), named("10.0.0.1:3389"));
            let host = CatalogHost { name, address, enabled: true, draining: false, hard_cap: None, logon_slots: None };
            (machine.config.host, host)
        };
        Catalog {
            hosts: self.hosts.iter().enumerate().map(host).collect(),
            items: [(ITEM, item)].into_iter().collect(),
            users: self.users.iter().map(|user| (user.clone(), CatalogUser::default())).collect(),
            policy: Policy { per_address: None, per_user: None, ..Policy::default() },
        }
    }

    fn plan(&mut self, at_ms: u64, event: Event) {
        self.serial += 1;
        self.queue.push(Reverse(Planned { at_ms, serial: self.serial, event }));
    }

    fn send(&mut self, event: Event) {
        let delay = self.rng.random_range(DELAY_MS.0..=DELAY_MS.1);
        self.plan(self.ms + delay, event);
    }

    fn now(&self) -> Now {
        Now { wall: Wall(WALL_MS + self.ms), mono: Mono(self.ms) }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Site(b, input) => self.site(b, input),
            Event::Host(h, b, input) => {
                if self.hosts[h].up {
                    self.host(h, Some(b), input);
                }
            }
            Event::SiteTimer(b) => {
                if self.timers[b].take_if(|at| *at <= self.ms).is_some() {
                    self.site(b, SiteInput::Tick);
                }
            }
            Event::HostTimer(h) => {
                if self.hosts[h].timer.take_if(|at| *at <= self.ms).is_some() && self.hosts[h].up {
                    self.host(h, None, AdmissionInput::Tick);
                }
            }
            Event::Come(user) => self.come(user),
            Event::Begin(h, user, life) => {
                let started = Wall(WALL_MS + self.ms);
                let host = &mut self.hosts[h];
                if life == host.life {
                    host.coming -= 1;
                    let (key, user, state) = (format!("s{user}"), self.users[user].clone(), SessionState::Active);
                    host.live.push(FoundSession { key, user, item: None, state, started });
                    self.look(h);
                }
            }
            Event::Measure(h) => {
                if self.hosts[h].up {
                    self.measure(h);
                }
                self.plan(self.ms + self.report_ms, Event::Measure(h));
            }
            Event::Reboot => self.reboot(),
            Event::Back => {
                self.hosts[EMPTY].up = true;
                for b in 0..BROKERS {
                    self.site(b, SiteInput::AgentUp { host: HostId(id_of(EMPTY)) });
                }
                self.look(EMPTY);
                self.measure(EMPTY);
            }
        }
    }

    fn come(&mut self, user: usize) {
        let home = home_order(&self.users[user], &self.brokers)[0];
        let b = self.brokers.iter().position(|id| *id == home).unwrap_or(0);
        let token = user as u64 + 1;
        self.asked.insert(token, user);
        let (user, item) = (self.users[user].clone(), Some(ITEM));
        let request = SeatRequest { user, item, client: None, door: Door::Open, avoid: vec![] };
        self.site(b, SiteInput::Request { token, request });
    }

    fn reboot(&mut self) {
        let host = &mut self.hosts[EMPTY];
        host.admission = Admission::new(host.config.clone());
        host.live.clear();
        (host.coming, host.up, host.timer, host.reported_ms) = (0, false, None, None);
        host.life += 1;
        for b in 0..BROKERS {
            self.site(b, SiteInput::AgentDown { host: HostId(id_of(EMPTY)) });
        }
    }

    /// A host measures itself and says how it is.
    fn measure(&mut self, h: usize) {
        let noise = self.rng.random_range(0..=60);
        let host = &self.hosts[h];
        let sessions = u16::try_from(host.live.len()).unwrap_or(u16::MAX);
        let coming = u16::try_from(host.coming).unwrap_or(u16::MAX);
        // A session takes 0.4 % of the CPU and 0.8 % of the memory, a logon 3 % of the CPU.
        let cpu = PerMille((sessions * 4 + coming * 30 + noise).min(1_000));
        let memory = PerMille((sessions * 8).min(1_000));
        self.host(h, None, AdmissionInput::Load { cpu, memory });
        self.host(h, None, AdmissionInput::ReportNow);
    }

    fn look(&mut self, h: usize) {
        let host = &self.hosts[h];
        let (sessions, logons_in_flight) = (host.live.clone(), host.coming);
        self.host(h, None, AdmissionInput::Found { sessions, logons_in_flight });
    }

    fn site(&mut self, b: usize, input: SiteInput) {
        let now = self.now();
        self.sites[b].handle(now, input);
        while let Some(output) = self.sites[b].poll() {
            match output {
                SiteOutput::Offer { host, offer } => {
                    let h = self.by_id[&host];
                    self.send(Event::Host(h, b, AdmissionInput::Offer(offer)));
                }
                SiteOutput::Release { host, seat } => {
                    let h = self.by_id[&host];
                    self.send(Event::Host(h, b, AdmissionInput::Release { seat }));
                }
                SiteOutput::Reply { token, result } => {
                    let Some(user) = self.asked.remove(&token) else { continue };
                    match result {
                        Ok(placement) => self.log_on(user, &placement),
                        Err(_) => self.refused += 1,
                    }
                }
                SiteOutput::Duplicate { .. } | SiteOutput::BadReport { .. } => {}
            }
        }
        if let Some(at) = self.sites[b].deadline().map(|at| at.0.max(self.ms + 1))
            && self.timers[b].is_none_or(|planned| at < planned)
        {
            self.timers[b] = Some(at);
            self.plan(at, Event::SiteTimer(b));
        }
    }

    /// The gateway presents the ticket, and the logon begins.
    fn log_on(&mut self, user: usize, placement: &Placement) {
        let h = self.by_id[&placement.host];
        if !self.hosts[h].up {
            self.refused += 1;
            return;
        }
        let claim = TicketClaim { ticket: placement.ticket, seat: placement.seat, host: placement.host };
        let issued = self.now().wall;
        self.host(h, None, AdmissionInput::Take { claim, issued });
        let host = &mut self.hosts[h];
        host.coming += 1;
        if h == EMPTY && (BACK_MS..BACK_MS + EMPTY_MS).contains(&self.ms) {
            self.black_hole = self.black_hole.max(host.coming);
        }
        let life = host.life;
        let takes = logon_ms(&mut self.rng);
        self.plan(self.ms + takes, Event::Begin(h, user, life));
        self.look(h);
    }

    fn host(&mut self, h: usize, b: Option<usize>, input: AdmissionInput) {
        let now = self.now();
        self.hosts[h].admission.handle(now, input);
        let id = self.hosts[h].config.host;
        while let Some(output) = self.hosts[h].admission.poll() {
            match (output, b) {
                (AdmissionOutput::Verdict { seat, verdict }, Some(b)) => {
                    self.send(Event::Site(b, SiteInput::Verdict { host: id, seat, verdict }));
                }
                (AdmissionOutput::Report(report), _) => self.report(h, report),
                _ => {}
            }
        }
        let host = &mut self.hosts[h];
        if let Some(at) = host.admission.deadline().map(|at| at.0.max(self.ms + 1))
            && host.timer.is_none_or(|planned| at < planned)
        {
            host.timer = Some(at);
            self.plan(at, Event::HostTimer(h));
        }
    }

    fn report(&mut self, h: usize, report: Box<Report>) {
        let host = &mut self.hosts[h];
        let due = host.reported_ms.is_none_or(|at| self.ms >= at + self.report_ms);
        if !self.at_once && !due {
            return;
        }
        host.reported_ms = Some(self.ms);
        let id = host.config.host;
        let report: Arc<Report> = report.into();
        for b in 0..BROKERS {
            self.send(Event::Site(b, SiteInput::Report { host: id, report: report.clone() }));
        }
    }
}
