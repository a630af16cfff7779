//! The machines together: brokers, hosts and users on a virtual clock, with messages that take their time.

use crate::common::{self, at, broker, host, item, user};
use hostler_model::{BrokerId, HostId, ItemId, PerMille, SeatId, SessionId, UserName, Wall};
use hostler_seating::admission::{Admission, AdmissionConfig, AdmissionInput, AdmissionOutput, FoundSession};
use hostler_seating::catalog::Catalog;
use hostler_seating::home::home_order;
use hostler_seating::report::{Origin, Report, SessionKind, SessionState};
use hostler_seating::seat::{Door, NoSeat, Placement, SeatRequest, TicketClaim};
use hostler_seating::site::{Site, SiteInput, SiteOutput};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) enum Event {
    Site(usize, SiteInput),
    Host(usize, usize, AdmissionInput),
    /// Somebody asks; with what the gateway could not reach.
    Ask(UserName, ItemId, Vec<HostId>),
    /// A desktop has come up.
    Begin(usize, UserName, ItemId),
    End(usize, String),
    Load(usize),
}

pub(crate) struct Machine {
    pub(crate) admission: Admission,
    pub(crate) config: AdmissionConfig,
    pub(crate) live: BTreeMap<String, FoundSession>,
    /// Logons that have begun.
    pub(crate) coming: Vec<(UserName, ItemId)>,
    pub(crate) most_coming: usize,
    /// What runs on the host besides, in thousandths of its CPU.
    pub(crate) noise: u16,
    pub(crate) serial: u32,
}

pub(crate) struct Farm {
    pub(crate) ms: u64,
    pub(crate) serial: u64,
    pub(crate) queue: BTreeMap<(u64, u64), Event>,
    pub(crate) ids: Vec<BrokerId>,
    pub(crate) sites: Vec<Site>,
    pub(crate) hosts: Vec<Machine>,
    pub(crate) rng: StdRng,
    /// How long a message takes, in ms.
    pub(crate) delay_ms: (u64, u64),
    pub(crate) logon_ms: (u64, u64),
    /// One of so many messages about offers is lost; 0: none.
    pub(crate) lose_one_of: u32,
    /// For each host, the gateway fails to reach it for one of so many users; 0: for none.
    pub(crate) unreachable_one_of: u32,
    pub(crate) waiting: BTreeMap<u64, (UserName, ItemId, Vec<HostId>)>,
    pub(crate) placed: u32,
    pub(crate) refused: Vec<NoSeat>,
    pub(crate) duplicates: u32,
    pub(crate) started_by: BTreeMap<SeatId, SessionId>,
    pub(crate) last_report: Vec<Option<Report>>,
}

impl Farm {
    pub(crate) fn new(
        catalog: &Catalog,
        brokers: u8,
        hosts: impl IntoIterator<Item = (u32, u32)>,
        kind: SessionKind,
        seed: u8,
    ) -> Self {
        let hosts = hosts.into_iter().zip(1..).map(|((hard_cap, logon_slots), n)| {
            let config = AdmissionConfig { host: host(n), kind, hard_cap, logon_slots };
            let admission = Admission::new(config.clone());
            let (live, coming) = (BTreeMap::new(), Vec::new());
            Machine { admission, config, live, coming, most_coming: 0, noise: 0, serial: 0 }
        });
        let hosts: Vec<Machine> = hosts.collect();
        let mut farm = Self {
            ms: 0,
            serial: 0,
            queue: BTreeMap::new(),
            ids: (1..=brokers).map(broker).collect(),
            sites: (1..=brokers).map(|n| Site::new(broker(n), [n ^ seed; 32])).collect(),
            last_report: vec![None; hosts.len()],
            hosts,
            rng: StdRng::from_seed([seed; 32]),
            delay_ms: (1, 30),
            logon_ms: (1_000, 3_000),
            lose_one_of: 0,
            unreachable_one_of: 0,
            waiting: BTreeMap::new(),
            placed: 0,
            refused: vec![],
            duplicates: 0,
            started_by: BTreeMap::new(),
        };
        let catalog = Arc::new(catalog.clone());
        for b in 0..farm.sites.len() {
            farm.site(b, SiteInput::Catalog(Arc::clone(&catalog)));
            for h in 0..farm.hosts.len() {
                let host = farm.hosts[h].config.host;
                farm.site(b, SiteInput::AgentUp { host });
            }
        }
        for h in 0..farm.hosts.len() {
            farm.after(h as u64 * 37 % 500, Event::Load(h));
        }
        farm
    }

    pub(crate) fn after(&mut self, ms: u64, event: Event) {
        self.serial += 1;
        self.queue.insert((self.ms + ms, self.serial), event);
    }

    pub(crate) fn between(&mut self, (least, most): (u64, u64)) -> u64 {
        self.rng.random_range(least..=most)
    }

    pub(crate) fn one_of(&mut self, n: u32) -> bool {
        n > 0 && self.rng.random_range(0..n) == 0
    }

    pub(crate) fn send(&mut self, event: Event) {
        let ms = self.between(self.delay_ms);
        self.after(ms, event);
    }

    pub(crate) fn ask(&mut self, at_ms: u64, name: &str, of: u8) {
        self.after(at_ms - self.ms, Event::Ask(user(name), item(of), vec![]));
    }

    pub(crate) fn h(&self, id: HostId) -> usize {
        self.hosts.iter().position(|m| m.config.host == id).unwrap()
    }

    /// Runs until a moment, always doing the earliest thing.
    pub(crate) fn run_until(&mut self, end_ms: u64) {
        loop {
            let sites = self.sites.iter().map(Site::deadline);
            let hosts = self.hosts.iter().map(|m| m.admission.deadline());
            let due = sites.chain(hosts).enumerate().filter_map(|(n, at)| Some((at?.0, n))).min();
            let event = self.queue.keys().next().copied();
            match (event, due) {
                (Some((at, serial)), due) if at <= end_ms && due.is_none_or(|(due, _)| at <= due) => {
                    self.ms = at;
                    let event = self.queue.remove(&(at, serial)).unwrap();
                    self.happen(event);
                }
                (_, Some((due, n))) if due <= end_ms => {
                    assert!(due >= self.ms, "a machine asks for the past");
                    self.ms = due;
                    if n < self.sites.len() {
                        self.site(n, SiteInput::Tick);
                        assert!(self.sites[n].deadline().is_none_or(|at| at.0 > due), "a site spins");
                    } else {
                        let h = n - self.sites.len();
                        self.host(h, 0, AdmissionInput::Tick);
                        assert!(self.hosts[h].admission.deadline().is_none_or(|at| at.0 > due), "a host spins");
                    }
                }
                _ => break,
            }
        }
        self.ms = end_ms;
    }

    pub(crate) fn happen(&mut self, event: Event) {
        match event {
            Event::Site(b, input) => self.site(b, input),
            Event::Host(h, b, input) => self.host(h, b, input),
            Event::Ask(user, item, avoid) => {
                let home = home_order(&user, &self.ids)[0];
                let b = self.ids.iter().position(|id| *id == home).unwrap();
                self.serial += 1;
                let token = self.serial;
                self.waiting.insert(token, (user.clone(), item, avoid.clone()));
                let request = SeatRequest { user, item: Some(item), client: None, door: Door::Open, avoid };
                self.site(b, SiteInput::Request { token, request });
            }
            Event::Begin(h, user, item) => {
                let wall = Wall(common::WALL + self.ms);
                let machine = &mut self.hosts[h];
                let at = machine.coming.iter().position(|c| *c == (user.clone(), item)).unwrap();
                machine.coming.remove(at);
                let per_user = machine.config.kind == SessionKind::PerUser;
                if machine.live.values().all(|s| s.user != user || !(per_user || s.item == Some(item))) {
                    machine.serial += 1;
                    let key = format!("s{}", machine.serial);
                    let of = Some(item).filter(|_| !per_user);
                    let state = SessionState::Active;
                    machine.live.insert(key.clone(), FoundSession { key, user, item: of, state, started: wall });
                }
                self.look(h);
            }
            Event::End(h, key) => {
                self.hosts[h].live.remove(&key);
                self.look(h);
            }
            Event::Load(h) => {
                self.look(h);
                let machine = &self.hosts[h];
                let share = machine.live.len() as u64 * 800 / u64::from(machine.config.hard_cap);
                let cpu = PerMille((share as u16 + machine.noise).min(1_000));
                self.host(h, 0, AdmissionInput::Load { cpu, memory: PerMille(share as u16) });
                self.after(5_000, Event::Load(h));
            }
        }
    }

    /// The session source looks.
    pub(crate) fn look(&mut self, h: usize) {
        let machine = &self.hosts[h];
        let sessions = machine.live.values().cloned().collect();
        let logons_in_flight = machine.coming.len() as u32;
        self.host(h, 0, AdmissionInput::Found { sessions, logons_in_flight });
    }

    pub(crate) fn site(&mut self, b: usize, input: SiteInput) {
        self.sites[b].handle(at(self.ms), input);
        while let Some(output) = self.sites[b].poll() {
            match output {
                SiteOutput::Offer { host, offer } => {
                    if !self.one_of(self.lose_one_of) {
                        let h = self.h(host);
                        self.send(Event::Host(h, b, AdmissionInput::Offer(offer)));
                    }
                }
                SiteOutput::Release { host, seat } => {
                    let h = self.h(host);
                    self.send(Event::Host(h, b, AdmissionInput::Release { seat }));
                }
                SiteOutput::Reply { token, result } => {
                    let asked = self.waiting.remove(&token).expect("every request is answered once");
                    match result {
                        Ok(placement) => self.connect(b, asked, *placement),
                        Err(error) => self.refused.push(error),
                    }
                }
                SiteOutput::Duplicate { .. } => self.duplicates += 1,
                SiteOutput::BadReport { host, error } => panic!("{host}: {error}"),
            }
        }
        let waits = self.waiting.values().any(|(user, ..)| home_order(user, &self.ids)[0] == self.ids[b]);
        assert!(!waits || self.sites[b].deadline().is_some(), "whoever waits is waited for");
    }

    /// The gateway presents the ticket and connects.
    pub(crate) fn connect(
        &mut self,
        b: usize,
        (user, item, mut avoid): (UserName, ItemId, Vec<HostId>),
        placement: Placement,
    ) {
        self.placed += 1;
        assert_eq!((&placement.user, placement.item), (&user, item));
        let h = self.h(placement.host);
        // Whom a host does not reach, it never does.
        let far = self.unreachable_one_of > 0
            && (u32::from(user.as_str().as_bytes()[4]) + h as u32).is_multiple_of(self.unreachable_one_of);
        if far {
            self.send(Event::Site(b, SiteInput::Unreachable { host: placement.host, seat: placement.seat }));
            avoid.push(placement.host);
            if avoid.len() < 4 {
                self.after(50, Event::Ask(user, item, avoid));
            }
            return;
        }
        let claim = TicketClaim { ticket: placement.ticket, seat: placement.seat, host: placement.host };
        let issued = Wall(common::WALL + self.ms);
        self.hosts[h].admission.handle(at(self.ms), AdmissionInput::Take { claim, issued });
        let taken = self.drain(h, b);
        if taken {
            let machine = &mut self.hosts[h];
            let comes = (user.clone(), item);
            if !machine.coming.contains(&comes) && machine.live.values().all(|s| s.user != user) {
                machine.coming.push(comes);
                machine.most_coming = machine.most_coming.max(machine.coming.len());
                let ms = self.between(self.logon_ms);
                self.after(ms, Event::Begin(h, user, item));
                self.look(h);
            }
        }
    }

    pub(crate) fn host(&mut self, h: usize, b: usize, input: AdmissionInput) {
        self.hosts[h].admission.handle(at(self.ms), input);
        self.drain(h, b);
    }

    /// True where a ticket was taken.
    pub(crate) fn drain(&mut self, h: usize, b: usize) -> bool {
        let id = self.hosts[h].config.host;
        let mut took = false;
        while let Some(output) = self.hosts[h].admission.poll() {
            match output {
                AdmissionOutput::Verdict { seat, verdict } => {
                    if !self.one_of(self.lose_one_of) {
                        self.send(Event::Site(b, SiteInput::Verdict { host: id, seat, verdict }));
                    }
                }
                AdmissionOutput::Taken { result, .. } => took = result.is_ok(),
                AdmissionOutput::Report(report) => {
                    self.check_report(h, &report);
                    self.last_report[h] = Some((*report).clone());
                    let report: Arc<Report> = report.into();
                    for b in 0..self.sites.len() {
                        self.send(Event::Site(b, SiteInput::Report { host: id, report: report.clone() }));
                    }
                }
                AdmissionOutput::Keep(kept) => {
                    let before = self.started_by.insert(kept.seat, kept.session);
                    assert!(before.is_none_or(|session| session == kept.session), "a seat started two sessions");
                }
                AdmissionOutput::Forget { .. } => {}
                other @ (AdmissionOutput::LogOff { .. } | AdmissionOutput::Unexpected { .. }) => panic!("{other:?}"),
            }
        }
        took
    }

    pub(crate) fn check_report(&self, h: usize, report: &Report) {
        let places: BTreeSet<_> = report.seats.iter().map(|seat| (&seat.user, seat.item)).collect();
        let taken = report.sessions.len() + places.len();
        assert!(taken <= self.hosts[h].config.hard_cap as usize, "host {h} is above its cap: {report:?}");
        assert!(report.sessions.iter().all(|s| s.origin != Origin::Unbrokered));
        assert_eq!(report.check(), Ok(()));
    }

    pub(crate) fn sessions(&self) -> Vec<usize> {
        self.hosts.iter().map(|machine| machine.live.len()).collect()
    }
}
