//! A session host: the machine of its agent, and what really runs on it.

use super::World;
use super::event::{Body, Event, Place};
use super::fact::Fact;
use super::live::Live;
use crate::scenario::Range;
use hostler_model::{HostId, ItemId, PerMille, SessionId, TicketId, UserName};
use hostler_seating::report::{Load, Report, SessionKind, SessionState};
use hostler_seating::{Admission, AdmissionConfig, AdmissionInput, AdmissionOutput, FoundSession, KeptSession};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How often the agent measures the load, in ms.
const LOAD_MS: u64 = 5_000;
/// How soon the agent sees what has changed on its host, in ms.
const LOOK_MS: Range<u64> = Range(1, 20);

/// A logon that has begun on a host and is no session yet.
#[derive(Clone, Debug)]
pub(crate) struct Coming {
    pub(crate) logon: u64,
    pub(crate) user: UserName,
    pub(crate) item: ItemId,
    pub(crate) ticket: Option<TicketId>,
}

/// A session host.
pub(crate) struct Host {
    pub(crate) id: HostId,
    pub(crate) config: AdmissionConfig,
    /// `None` while no agent runs.
    pub(crate) agent: Option<Admission>,
    /// What the agent keeps on its disk.
    kept: BTreeMap<SessionId, KeptSession>,
    /// What really runs.
    pub(crate) live: Live,
    pub(crate) coming: Vec<Coming>,
    /// How often the agent was started.
    pub(crate) run: u32,
    /// How often the machine was.
    pub(crate) boot: u32,
    /// False while the machine is away.
    pub(crate) on: bool,
    pub(crate) lies: bool,
    pub(crate) fails_logons: bool,
    pub(crate) slow_ms: u64,
    wake_ms: Option<u64>,
    measured_ms: Option<u64>,
    serial: u32,
    /// The cap that the agent was told.
    pub(crate) cap: u32,
}

impl Host {
    pub(crate) fn new(config: AdmissionConfig) -> Self {
        Self {
            id: config.host,
            cap: config.hard_cap,
            config,
            agent: None,
            kept: BTreeMap::new(),
            live: Live::default(),
            coming: Vec::new(),
            run: 0,
            boot: 0,
            on: true,
            lies: false,
            fails_logons: false,
            slow_ms: 0,
            wake_ms: None,
            measured_ms: None,
            serial: 0,
        }
    }

    /// All is well with it again.
    pub(crate) fn mend(&mut self) {
        (self.on, self.lies, self.fails_logons, self.slow_ms) = (true, false, false, 0);
    }

    /// True where it has room, as it is in truth.
    pub(crate) fn has_room(&self) -> bool {
        let well = self.on && self.agent.is_some() && !self.fails_logons && !self.lies && self.slow_ms == 0;
        // Half of the slots stay out of account: what is on its way to the host is not seen here.
        let slots = (self.coming.len() as u32) < self.config.logon_slots / 2;
        well && slots && ((self.live.len() + self.coming.len()) as u32) < self.cap * 3 / 4
    }

    fn session_of(&self, user: &UserName, item: ItemId) -> Option<&str> {
        let per_user = self.config.kind == SessionKind::PerUser;
        let mut live = self.live.of(user);
        live.find(|s| per_user || s.item == Some(item)).map(|s| s.key.as_str())
    }
}

impl World {
    pub(crate) fn host_of(&self, id: HostId) -> Option<usize> {
        self.setup.host_index.get(&id).copied()
    }

    pub(crate) fn start_agent(&mut self, at: usize) {
        let now = super::clock::Clock::default().now(self.now_ms);
        let planted = self.planted;
        let host = &mut self.hosts[at];
        host.run += 1;
        host.on = true;
        let mut agent = Admission::new(host.config.clone());
        crate::planted::plant_agent(planted, &mut agent);
        agent.handle(now, AdmissionInput::Restore(host.kept.values().cloned().collect()));
        host.agent = Some(agent);
        host.wake_ms = None;
        host.measured_ms = None;
        self.look(at);
        self.measure(at);
    }

    /// The agent ends; with it the machine, where `all`.
    pub(crate) fn stop_agent(&mut self, at: usize, all: bool) {
        let host = &mut self.hosts[at];
        host.agent = None;
        if all {
            host.on = false;
            host.boot += 1;
            host.coming.clear();
            for ended in std::mem::take(&mut host.live).all() {
                self.logons.is_out(&ended.user, self.now_ms);
            }
        }
        self.note(&[3, at as u8, u8::from(all)]);
        self.logons.host_stops(at, all);
        self.look_at_links(Place::Host(at));
    }

    fn measure(&mut self, at: usize) {
        let host = &mut self.hosts[at];
        if host.measured_ms.is_some_and(|then| self.now_ms - then < LOAD_MS) {
            return;
        }
        host.measured_ms = Some(self.now_ms);
        let share = host.live.len() as u64 * 700 / u64::from(host.config.hard_cap.max(1));
        let share = PerMille(u16::try_from(share).unwrap_or(1_000).min(1_000));
        self.tell_agent(at, AdmissionInput::Load { cpu: share, memory: share }, None);
    }

    pub(crate) fn wake_host(&mut self, at: usize, run: u32) {
        let host = &mut self.hosts[at];
        if host.run != run || host.wake_ms != Some(self.now_ms) {
            return;
        }
        host.wake_ms = None;
        self.measure(at);
        self.tell_agent(at, AdmissionInput::Tick, None);
    }

    /// The session source looks.
    pub(crate) fn look(&mut self, at: usize) {
        let host = &self.hosts[at];
        let sessions = host.live.all().cloned().collect();
        let logons_in_flight = u32::try_from(host.coming.len()).unwrap_or(u32::MAX);
        self.tell_agent(at, AdmissionInput::Found { sessions, logons_in_flight }, None);
    }

    fn look_soon(&mut self, at: usize) {
        let wait_ms = self.logons.dice.between(LOOK_MS);
        self.queue.push(self.now_ms + wait_ms, Event::Look { host: at });
    }

    /// Gives the agent something; a broker that asked for it gets the answer.
    pub(crate) fn tell_agent(&mut self, at: usize, input: AdmissionInput, asker: Option<(usize, u64)>) {
        let now = super::clock::Clock::default().now(self.now_ms);
        let Some(agent) = &mut self.hosts[at].agent else { return };
        agent.handle(now, input);
        while let Some(output) = self.hosts[at].agent.as_mut().and_then(Admission::poll) {
            match output {
                AdmissionOutput::Verdict { seat, verdict } => {
                    if let Some((broker, _)) = asker {
                        self.send(Place::Host(at), Place::Broker(broker), Body::Verdict { seat, verdict });
                    }
                }
                AdmissionOutput::Taken { result, .. } => {
                    if let Some((broker, logon)) = asker {
                        self.send(Place::Host(at), Place::Broker(broker), Body::Taken { logon, result });
                    }
                }
                AdmissionOutput::Report(report) => self.report(at, *report),
                AdmissionOutput::LogOff { key, .. } => {
                    self.marks.hit("session.stranger");
                    self.hosts[at].live.remove(&key);
                    self.look_soon(at);
                }
                AdmissionOutput::Unexpected { .. } => self.marks.hit("session.unbrokered"),
                AdmissionOutput::Keep(kept) => {
                    self.hosts[at].kept.insert(kept.session, *kept);
                }
                AdmissionOutput::Forget { session } => {
                    self.hosts[at].kept.remove(&session);
                }
            }
        }
        let host = &self.hosts[at];
        let Some(due) = host.agent.as_ref().and_then(Admission::deadline) else { return };
        let due_ms = super::clock::Clock::default().when(due, self.now_ms).max(self.now_ms + 1);
        if host.wake_ms.is_none_or(|set| set > due_ms || set <= self.now_ms) {
            let run = host.run;
            self.hosts[at].wake_ms = Some(due_ms);
            self.queue.push(due_ms, Event::HostWake { host: at, run });
        }
    }

    fn report(&mut self, at: usize, mut report: Report) {
        self.stats.reports += 1;
        if self.hosts[at].lies {
            report.sessions.clear();
            report.seats.clear();
            report.load = Load::default();
        }
        let report = Arc::new(report);
        for broker in 0..self.machines.len() {
            self.send(Place::Host(at), Place::Broker(broker), Body::Report(Arc::clone(&report)));
        }
    }

    pub(crate) fn agent_says(&mut self, host: usize, at: usize, body: Body) {
        let id = self.hosts[host].id;
        use hostler_seating::site::SiteInput;
        match body {
            Body::Report(report) => self.tell_seating(at, SiteInput::Report { host: id, report }),
            Body::Verdict { seat, verdict } => self.tell_seating(at, SiteInput::Verdict { host: id, seat, verdict }),
            Body::Taken { logon, result } => self.taken(at, host, logon, result),
            _ => {}
        }
    }

    pub(crate) fn agent_hears(&mut self, at: usize, host: usize, body: Body) {
        match body {
            Body::Offer(offer) => self.tell_agent(host, AdmissionInput::Offer(offer), Some((at, 0))),
            Body::Release { seat } => self.tell_agent(host, AdmissionInput::Release { seat }, None),
            Body::Take { logon, claim, issued } => {
                self.tell_agent(host, AdmissionInput::Take { claim, issued }, Some((at, logon)));
            }
            Body::Settings { drain, hard_cap, logon_slots } => {
                self.hosts[host].cap = hard_cap.unwrap_or(self.hosts[host].config.hard_cap);
                self.tell_agent(host, AdmissionInput::Limits { hard_cap, logon_slots }, None);
                self.tell_agent(host, AdmissionInput::Drain(drain), None);
            }
            _ => {}
        }
    }

    pub(crate) fn send_settings(&mut self, at: usize, host: usize) {
        let id = self.hosts[host].id;
        let settings = self.machines[at].process.as_ref().and_then(|p| p.settings(id));
        if let Some((drain, hard_cap, logon_slots)) = settings {
            self.send(Place::Broker(at), Place::Host(host), Body::Settings { drain, hard_cap, logon_slots });
        }
    }

    /// Somebody logs on to a host.
    pub(crate) fn comes(&mut self, at: usize, coming: Coming) {
        let host = &mut self.hosts[at];
        if host.session_of(&coming.user, coming.item).is_some() {
            // Back to the session.
            return self.logon_is_through(coming.logon);
        }
        let (logon, run) = (coming.logon, host.boot);
        host.coming.push(coming);
        let count = host.coming.len();
        self.stats.most_coming = self.stats.most_coming.max(count as u64);
        let logon_ms = self.logons.dice.between(self.plan.cluster.logon_ms);
        self.queue.push(self.now_ms + logon_ms, Event::Begin { host: at, run, logon });
        self.look_soon(at);
    }

    pub(crate) fn session_begins(&mut self, at: usize, boot: u32, logon: u64) {
        let wall = super::clock::Clock::default().now(self.now_ms).wall;
        let host = &mut self.hosts[at];
        let Some(place) = host.coming.iter().position(|c| c.logon == logon).filter(|_| host.boot == boot) else {
            return;
        };
        let coming = host.coming.remove(place);
        if host.fails_logons {
            self.look_soon(at);
            return self.logon_failed(logon, "the host failed it", false);
        }
        if host.session_of(&coming.user, coming.item).is_none() {
            host.serial += 1;
            let key = format!("{}-{}", host.boot, host.serial);
            let item = Some(coming.item).filter(|_| host.config.kind == SessionKind::PerItem);
            let found = FoundSession {
                key: key.clone(),
                user: coming.user.clone(),
                item,
                state: SessionState::Active,
                started: wall,
            };
            host.live.insert(found);
            self.stats.sessions += 1;
            self.trace.user(self.now_ms, || format!("a session of {} begins on h{}", coming.user, at + 1));
            let session_ms = self.logons.session_ms(logon);
            self.queue.push(self.now_ms + session_ms, Event::LogOff { host: at, key: key.clone() });
            self.note(key.as_bytes());
            self.facts.push_back(Fact::Began { host: at, ticket: coming.ticket, user: coming.user, item: coming.item });
        }
        self.look_soon(at);
        self.logon_is_through(logon);
    }

    pub(crate) fn session_ends(&mut self, at: usize, key: &str) {
        if let Some(ended) = self.hosts[at].live.remove(key) {
            self.trace.user(self.now_ms, || format!("the session of {} on h{} ends", ended.user, at + 1));
            self.logons.is_out(&ended.user, self.now_ms);
            self.look_soon(at);
        }
    }
}
