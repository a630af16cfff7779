//! The machine of a site, on one broker: it knows what all hosts report, and finds a place for whoever asks.
//!
//! `handle` takes what happened, `poll` gives what is to be done, `deadline` says when to come back with
//! [`SiteInput::Tick`]. Which parts there are: the table of hosts (`hosts`, one `host`), what users have (`books`),
//! seats given out (`own_seats`), requests under way (`job`, `queue`), reading reports (`reports`), deciding (`decide`,
//! `explain`), limits (`rates`), and read access (`view`).

mod books;
mod decide;
mod explain;
mod host;
mod hosts;
mod io;
mod job;
mod own_seats;
mod queue;
mod rates;
mod reports;
mod seeded;
mod view;

pub use decide::TRIES;
pub use host::{REFUSED_MS, SLOW_START_SLOTS, STALE_MS};
pub use hosts::{FAILURE_MEMORY_MS, FAILURES_TO_SET_ASIDE, SET_ASIDE_DOUBLINGS, SET_ASIDE_MS};
pub use io::{SiteInput, SiteOutput};
pub use own_seats::OFFER_MS;
pub use queue::WAITING;
pub use view::{HostView, SeatView};

use crate::catalog::Catalog;
use crate::explanation::{Excluded, Exclusion};
use crate::fault::Planted;
use crate::host_set::{HostSet, Row};
use crate::seat::{Door, NoSeat, SeatRequest};
use books::Books;
use hostler_model::{BrokerId, HostId, ItemId, Mono, Now, SeatId};
use hosts::Hosts;
use imbl::ordmap::DiffItem;
use job::Job;
use own_seats::OwnSeats;
use queue::Queue;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rates::Rates;
use seeded::Seeded;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// How long a broker that has just started waits for the hosts before it makes new sessions, in ms.
pub const LEARNING_MS: u64 = 10_000;
/// Hosts that a request may ask to avoid; further ones are ignored.
pub const AVOIDED: usize = 16;

/// The machine.
#[derive(Debug)]
pub struct Site {
    me: BrokerId,
    rng: StdRng,
    catalog: Arc<Catalog>,
    /// The hosts that have an item, where not all have it.
    published: BTreeMap<ItemId, HostSet>,
    /// For explanations: which hosts are out for an item, as of a count of the board's changes.
    excluded: BTreeMap<ItemId, (u64, Arc<[Excluded]>)>,
    hosts: Hosts,
    books: Books,
    own: OwnSeats,
    queue: Queue,
    rates: Rates,
    /// Until when the hosts are waited for after the start; `None` once they were heard.
    learning_until: Option<Mono>,
    started: bool,
    has_catalog: bool,
    /// Something has changed since those in the queue were last tried.
    room: bool,
    outputs: VecDeque<SiteOutput>,
    planted: Planted,
}

impl Site {
    /// The machine of a site on broker `me`. The seed must be unpredictable: tickets are drawn from it.
    #[must_use]
    pub fn new(me: BrokerId, seed: [u8; 32]) -> Self {
        let mut table_seed = seed;
        table_seed.iter_mut().for_each(|byte| *byte ^= 0x5A);
        let seeded = Seeded::new(&table_seed);
        Self {
            me,
            rng: StdRng::from_seed(seed),
            catalog: Arc::default(),
            published: BTreeMap::new(),
            excluded: BTreeMap::new(),
            hosts: Hosts::default(),
            books: Books::new(&seeded),
            own: OwnSeats::default(),
            queue: Queue::default(),
            rates: Rates::new(&seeded),
            learning_until: None,
            started: false,
            has_catalog: false,
            room: false,
            outputs: VecDeque::new(),
            planted: Planted::default(),
        }
    }

    /// From now on, it does this wrong.
    #[cfg(feature = "planted-faults")]
    pub fn plant(&mut self, fault: crate::Fault) {
        self.planted = Planted::new(fault);
    }

    /// Takes in what happened. Drain [`Self::poll`] afterwards.
    pub fn handle(&mut self, now: Now, input: SiteInput) {
        if !self.started {
            self.started = true;
            self.learning_until = Some(now.mono.plus(LEARNING_MS));
        }
        self.pass_time(now);
        match input {
            SiteInput::Catalog(catalog) => self.take_catalog(now, catalog),
            SiteInput::AgentUp { host } => self.agent_up(now, host),
            SiteInput::AgentDown { host } => self.agent_down(now, host),
            SiteInput::Report { host, report } => self.report(now, host, report),
            SiteInput::Request { token, request } => self.request(now, token, request),
            SiteInput::Verdict { host, seat, verdict } => self.verdict(now, host, seat, verdict),
            SiteInput::OfferLost { host, seat } => {
                if self.own.get(seat).is_some_and(|own| own.host() == host && !own.admitted) {
                    self.lose(now, seat, Exclusion::Down);
                }
            }
            SiteInput::Unreachable { host, seat } => self.unreachable(now, host, seat),
            SiteInput::Tick => {}
        }
        self.retry_queue(now);
    }

    /// What is to be done next; `None` when that is all.
    pub fn poll(&mut self) -> Option<SiteOutput> {
        self.outputs.pop_front()
    }

    /// When to call [`Self::handle`] at the latest, be it with [`SiteInput::Tick`].
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        let times = [self.hosts.deadline(), self.own.deadline(), self.queue.deadline(), self.learning_until];
        times.into_iter().flatten().min()
    }

    /// True while the broker makes no new sessions because it has just started.
    #[must_use]
    pub fn is_learning(&self) -> bool {
        !self.has_catalog || self.learning_until.is_some()
    }

    /// Does what is due.
    fn pass_time(&mut self, now: Now) {
        if self.learning_until.is_some_and(|until| until <= now.mono) {
            self.learning_until = None;
            self.room = true;
        }
        while let Some(row) = self.hosts.next_due(now.mono) {
            let keep_ms = self.catalog.policy.silent_host_keep_ms;
            if self.hosts.get(row).and_then(|h| h.silent_since).is_some_and(|at| at.plus(keep_ms) <= now.mono) {
                self.forget_silent(row);
            }
            let ended = self.hosts.end_aside(row, now.mono);
            self.hosts.refresh(row, now.mono, &self.catalog.policy);
            if ended {
                self.hosts.rank_aside(now.mono, &self.catalog.policy);
            }
            self.room = true;
        }
        while let Some(seat) = self.own.next_unanswered(now.mono) {
            self.unanswered(now, seat);
        }
        while let Some(seat) = self.own.next_ended(now.mono) {
            self.drop_own(now.mono, seat);
        }
    }

    fn take_catalog(&mut self, now: Now, catalog: Arc<Catalog>) {
        let before = std::mem::replace(&mut self.catalog, catalog);
        let catalog = Arc::clone(&self.catalog);
        let is_first = !std::mem::replace(&mut self.has_catalog, true);
        self.room = true;
        // What follows takes as long as much has changed, not as much there is: users come and go by the thousand.
        let new_hosts = !before.hosts.ptr_eq(&catalog.hosts);
        let mut changed = Vec::new();
        let mut others_listed = false;
        for change in before.hosts.diff(&catalog.hosts) {
            others_listed |= !matches!(change, DiffItem::Update { old, new } if old.1.enabled == new.1.enabled);
            match change {
                DiffItem::Add(id, _) | DiffItem::Update { new: (id, _), .. } => {
                    let Some(row) = self.hosts.row_or_new(*id) else { continue };
                    self.list(row);
                    changed.push(row);
                }
                DiffItem::Remove(id, _) => {
                    let Some(row) = self.hosts.row(*id) else { continue };
                    if let Some(host) = self.hosts.get_mut(row) {
                        host.listed = false;
                        host.enabled = false;
                    }
                    self.forget_reports(row);
                    self.lose_all(now, row);
                    self.forget_if_unknown(row);
                    changed.push(row);
                }
            }
        }
        if new_hosts || !before.items.ptr_eq(&catalog.items) {
            let hosts = &self.hosts;
            let restricted = catalog.items.iter().filter_map(|(id, item)| {
                let rows = item.hosts.as_ref()?.iter().filter_map(|host| hosts.row(*host)).collect();
                Some((*id, rows))
            });
            self.published = restricted.collect();
            self.excluded.clear();
        }
        let other_policy = is_first || before.policy != catalog.policy;
        if other_policy {
            changed = self.hosts.iter().map(|(row, _)| row).collect();
        }
        for row in &changed {
            self.hosts.refresh(*row, now.mono, &catalog.policy);
        }
        if others_listed || other_policy {
            self.hosts.rank_aside(now.mono, &catalog.policy);
        }
        self.end_learning();
    }

    /// Brings a host in line with what the catalog says of it, if anything.
    fn list(&mut self, row: Row) {
        let Some(host) = self.hosts.get_mut(row) else { return };
        let Some(entry) = self.catalog.hosts.get(&host.id) else { return };
        host.listed = true;
        host.name = entry.name.as_str().into();
        host.enabled = entry.enabled;
        host.ordered_drain = entry.draining;
        host.cap_limit = entry.hard_cap;
        host.slots_limit = entry.logon_slots;
    }

    fn agent_up(&mut self, now: Now, id: HostId) {
        let Some(row) = self.hosts.row_or_new(id) else { return };
        // Its row may be a new one: there was no room for it when the catalog came.
        self.list(row);
        if let Some(host) = self.hosts.get_mut(row) {
            host.up = true;
            host.last_number = 0;
            host.heard_since_up = false;
            host.silent_since = None;
            host.bad_told = false;
        }
        self.hosts.refresh(row, now.mono, &self.catalog.policy);
    }

    fn agent_down(&mut self, now: Now, id: HostId) {
        let Some(row) = self.hosts.row(id) else { return };
        if let Some(host) = self.hosts.get_mut(row).filter(|host| host.up) {
            host.up = false;
            host.heard_since_up = false;
            host.silent_since = Some(now.mono);
        }
        if self.catalog.policy.silent_host_keep_ms == 0 {
            self.forget_silent(row);
        }
        self.hosts.refresh(row, now.mono, &self.catalog.policy);
        self.lose_all(now, row);
        self.forget_if_unknown(row);
    }

    /// The seats on a host are lost: the agent holds them in memory only, and who waits for its answer goes elsewhere.
    fn lose_all(&mut self, now: Now, row: Row) {
        for seat in self.own.on(row) {
            if self.own.get(seat).is_some_and(|own| own.admitted) {
                self.drop_own(now.mono, seat);
            } else {
                self.lose(now, seat, Exclusion::Down);
            }
        }
    }

    /// A host that is neither listed nor connected is no host any more.
    fn forget_if_unknown(&mut self, row: Row) {
        if self.hosts.get(row).is_some_and(|host| !host.listed && !host.up) {
            self.forget_reports(row);
            self.hosts.remove(row);
        }
    }

    fn request(&mut self, now: Now, token: u64, request: SeatRequest) {
        match self.admit(now.mono, token, request) {
            Ok(job) => {
                self.decide(now, job);
            }
            Err(error) => self.reply(token, Err(error)),
        }
    }

    /// Who it is, what they want, and whether they may have it.
    fn admit(&mut self, now: Mono, token: u64, request: SeatRequest) -> Result<Job, NoSeat> {
        if !self.has_catalog {
            return Err(NoSeat::Busy);
        }
        let policy = &self.catalog.policy;
        let open = request.door == Door::Open;
        if let Some(client) = request.client.filter(|_| open) {
            self.rates.address(client, policy.per_address, now).map_err(NoSeat::RateLimited)?;
        }
        let found = self.catalog.find_user(&request.user, request.door);
        let (whole, who) = found.ok_or_else(|| NoSeat::UnknownUser(request.user.to_string()))?;
        let user = if *whole == request.user { request.user } else { whole.clone() };
        if open {
            self.rates.user(&user, policy.per_user, now).map_err(NoSeat::RateLimited)?;
        }
        let item = match request.item {
            Some(item) if self.catalog.items.get(&item).is_some_and(|item| item.is_for(&user, who)) => item,
            Some(_) => return Err(NoSeat::NotEntitled { user }),
            None => match self.catalog.default_for(&user, who) {
                Some(item) => item,
                None => return Err(NoSeat::NoDefault(user)),
            },
        };
        let avoided = request.avoid.iter().take(AVOIDED).filter_map(|host| self.hosts.row(*host));
        let not = avoided.map(|row| (row, Exclusion::Unreachable)).collect();
        Ok(Job { token, user, item, door: request.door, not, ended: Vec::new(), tries: 0, queued_until: None })
    }

    fn unreachable(&mut self, now: Now, id: HostId, seat: SeatId) {
        let Some(row) = self.hosts.row(id) else { return };
        if let Some(host) = self.hosts.get_mut(row) {
            let since = host.unreachable.filter(|(_, last)| now.mono.since(*last) < UNREACHABLE_MS);
            host.unreachable = Some((since.map_or(now.mono, |(since, _)| since), now.mono));
        }
        self.note_failures(now, row, 1);
        if self.hosts.get(row).is_some_and(|host| host.up) {
            self.outputs.push_back(SiteOutput::Release { host: id, seat });
        }
        if self.own.get(seat).is_some_and(|own| own.row == row) {
            self.lose(now, seat, Exclusion::Unreachable);
        }
    }

    /// Logons failed on a host: it may be set aside for it.
    fn note_failures(&mut self, now: Now, row: Row, count: u32) {
        if count > 0 && self.hosts.failed(row, count, now.mono) {
            self.hosts.refresh(row, now.mono, &self.catalog.policy);
            self.hosts.rank_aside(now.mono, &self.catalog.policy);
        }
    }

    fn reply(&mut self, token: u64, result: Result<Box<crate::seat::Placement>, NoSeat>) {
        self.outputs.push_back(SiteOutput::Reply { token, result });
    }
}

/// How long a host that no gateway could reach counts as unreachable in one go, in ms: what comes later is a new case.
const UNREACHABLE_MS: u64 = 60_000;
