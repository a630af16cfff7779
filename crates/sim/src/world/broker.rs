//! A broker's process: what its machines are given, and what they want done.

use super::World;
use super::event::{Body, Event, Place};
use super::fact::Fact;
use super::machine::Asker;
use crate::dice::Dice;
use crate::scenario::Range;
use hostler_events::payload::PromotionKind;
use hostler_events::{Event as FarmEvent, StoredEvent};
use hostler_log::EventLog;
use hostler_model::{BrokerId, limits};
use hostler_node::{Input, Message, Output};
use hostler_seating::site::{SiteInput, SiteOutput};

impl World {
    pub(crate) fn start_broker(&mut self, at: usize) {
        let seed = Dice::new(self.seed, "start", (at as u64) << 32 | u64::from(self.machines[at].run)).bytes();
        let (now_ms, planted) = (self.now_ms, self.planted);
        let machine = &mut self.machines[at];
        machine.start(now_ms, seed, planted);
        let name = machine.name();
        self.trace.say(self.now_ms, || format!("{name} starts"));
        self.note(&[1, at as u8]);
        self.drain_node(at);
        self.set_wake(at);
    }

    /// Its process ends: in good order, or as if the power was gone.
    pub(crate) fn stop_broker(&mut self, at: usize, orderly: bool) {
        if self.machines[at].process.is_none() {
            return;
        }
        let on_the_way = self.machines[at].disk.on_the_way();
        let reached = if orderly { on_the_way } else { self.disk_dice.index(on_the_way + 1) };
        let machine = &mut self.machines[at];
        machine.disk.lose_power(reached);
        machine.process = None;
        if on_the_way > reached {
            self.marks.hit("disk.lost_writes");
        }
        self.retry_logons_of(at);
        self.admins.broker_stops(at);
        let name = self.machines[at].name();
        self.trace.say(self.now_ms, || format!("{name} {}", if orderly { "stops" } else { "crashes" }));
        self.note(&[2, at as u8]);
        self.look_at_links(Place::Broker(at));
    }

    pub(crate) fn is_paused(&self, at: usize) -> bool {
        self.machines[at].paused_until > self.now_ms
    }

    pub(crate) fn wake(&mut self, at: usize, run: u32) {
        let machine = &mut self.machines[at];
        if machine.run != run || machine.process.as_ref().is_none_or(|p| p.wake_ms != Some(self.now_ms)) {
            return;
        }
        if machine.paused_until > self.now_ms {
            let until_ms = machine.paused_until;
            if let Some(process) = &mut machine.process {
                process.wake_ms = Some(until_ms);
            }
            self.queue.push(until_ms, Event::Wake { at, run });
            return;
        }
        let now = machine.now(self.now_ms);
        let Some(process) = &mut machine.process else { return };
        process.wake_ms = None;
        if process.node.deadline().is_some_and(|due| due <= now.mono) {
            self.tell_node(at, Input::Tick);
        }
        let Some(process) = &self.machines[at].process else { return };
        if process.seating.deadline().is_some_and(|due| due <= now.mono) {
            self.tell_seating(at, SiteInput::Tick);
        }
        self.set_wake(at);
    }

    /// After a clock was set, or a pause was ended.
    pub(crate) fn wake_soon(&mut self, at: usize) {
        let machine = &mut self.machines[at];
        if let Some(process) = &mut machine.process {
            process.wake_ms = Some(self.now_ms);
            let run = machine.run;
            self.queue.push(self.now_ms, Event::Wake { at, run });
        }
    }

    fn set_wake(&mut self, at: usize) {
        let machine = &self.machines[at];
        let Some(process) = &machine.process else { return };
        let due = process.node.deadline().into_iter().chain(process.seating.deadline()).min();
        let Some(due) = due else { return };
        // A deadline that has passed and does nothing must not keep the clock from going on.
        let due_ms = self.when(at, due).max(self.now_ms + 1);
        if process.wake_ms.is_some_and(|set| set <= due_ms && set > self.now_ms) {
            return;
        }
        let run = machine.run;
        if let Some(process) = &mut self.machines[at].process {
            process.wake_ms = Some(due_ms);
        }
        self.queue.push(due_ms, Event::Wake { at, run });
    }

    pub(crate) fn tell_node(&mut self, at: usize, input: Input) {
        let Some(machine) = self.machines.get_mut(at) else { return };
        let now = machine.now(self.now_ms);
        let Some(process) = &mut machine.process else { return };
        process.node.handle(now, input);
        self.drain_node(at);
        self.set_wake(at);
    }

    fn drain_node(&mut self, at: usize) {
        while let Some(output) = self.machines[at].process.as_mut().and_then(|p| p.node.poll()) {
            match output {
                Output::Append { batch, events } => {
                    self.stats.events += events.len() as u64;
                    for event in &events {
                        self.print.update(&event.hash().0);
                    }
                    if self.machines[at].disk.write(batch, events) {
                        self.begin_sync(at);
                    }
                }
                Output::Send { to, message } => {
                    if let Message::Push(events) = &message {
                        self.note_unstored(at, events);
                    }
                    if let Some(other) = self.machine_of(to) {
                        self.stats.messages += 1;
                        self.send(Place::Broker(at), Place::Broker(other), Body::Node(message));
                    }
                }
                Output::SendLog { to, feed, from } => {
                    let events = self.machines[at].disk.log.read(feed, from, limits::CHUNK_BYTES).unwrap_or_default();
                    let bytes: Vec<_> = events.iter().map(|e| e.bytes().clone()).collect();
                    if let Some(other) = self.machine_of(to).filter(|_| !bytes.is_empty()) {
                        self.send(Place::Broker(at), Place::Broker(other), Body::Node(Message::Chunk(bytes)));
                    }
                }
                Output::Reply { token, result } => self.replied(at, token, result),
                Output::Changed => {
                    if let Some(process) = &mut self.machines[at].process {
                        process.dirty = true;
                    }
                }
                // The log is short here; what a start from saved views does is tried by the node's own tests.
                Output::Checkpoint => {}
                Output::Alarm { code, text } => {
                    let name = self.machines[at].name();
                    self.trace.say(self.now_ms, || format!("{name} raises {code}: {text}"));
                    self.marks.hit(code);
                    self.facts.push_back(Fact::Alarm { at, code, text });
                }
            }
        }
        if self.machines[at].process.as_ref().is_some_and(|p| p.dirty) {
            self.refresh(at);
        }
    }

    /// What a broker pushes must be on its disk.
    fn note_unstored(&mut self, at: usize, pushed: &[bytes::Bytes]) {
        for event in pushed.iter().filter_map(|bytes| StoredEvent::parse(bytes.clone()).ok()) {
            let r = event.reference();
            if self.machines[at].disk.event(&r).is_none() {
                let is_vote = matches!(event.event(), Ok(FarmEvent::Voted(_)));
                self.facts.push_back(Fact::ToldUnstored { at, event: r, is_vote });
            }
        }
    }

    fn refresh(&mut self, at: usize) {
        let now_ms = self.now_ms;
        let machine = &mut self.machines[at];
        let (id, site) = (machine.id, machine.site);
        let Some(process) = &mut machine.process else { return };
        let members = process.members.clone();
        let changed = process.refresh(id, site, now_ms);
        let catalog = process.catalog.clone();
        let fewer = members.difference(&process.members).next().is_some();
        if fewer {
            self.drop_strangers(at);
        }
        if changed {
            self.tell_seating(at, SiteInput::Catalog(catalog));
            for host in 0..self.hosts.len() {
                self.send_settings(at, host);
            }
        }
    }

    fn begin_sync(&mut self, at: usize) {
        let sync_ms = self.disk_dice.between(self.plan.disk.sync_ms) + self.machines[at].disk.slow_ms;
        let run = self.machines[at].run;
        self.queue.push(self.now_ms + sync_ms, Event::Synced { at, run });
    }

    pub(crate) fn synced(&mut self, at: usize, run: u32) {
        if self.machines[at].run != run || self.machines[at].process.is_none() {
            return;
        }
        if self.is_paused(at) {
            let until_ms = self.machines[at].paused_until;
            self.queue.push(until_ms, Event::Synced { at, run });
            return;
        }
        match self.machines[at].disk.synced() {
            Ok(batches) => {
                if self.machines[at].disk.begins() {
                    self.begin_sync(at);
                }
                for (batch, events) in batches {
                    for event in events {
                        if let Ok(FarmEvent::Promoted(p)) = event.event() {
                            self.stats.promotion(p.kind);
                            let (epoch, hash) = (event.header().epoch, event.hash());
                            let automatic = p.kind == PromotionKind::Automatic;
                            let own = event.header().feed.broker == self.machines[at].id;
                            if own {
                                let name = self.machines[at].name();
                                let kind = p.kind;
                                self.trace.say(self.now_ms, || format!("{name} begins epoch {} ({kind:?})", epoch.n));
                            }
                            self.facts.push_back(Fact::Promoted { epoch, hash, automatic });
                        }
                    }
                    self.tell_node(at, Input::Appended { batch });
                }
            }
            Err(error) => {
                self.marks.hit("disk.failed");
                let name = self.machines[at].name();
                self.trace.say(self.now_ms, || format!("{name} ends: {error}"));
                let full = self.machines[at].disk.full;
                self.stop_broker(at, false);
                if !full {
                    let wait_ms = self.disk_dice.between(Range(200, 2_000));
                    self.queue.push(self.now_ms + wait_ms, Event::Start(Place::Broker(at)));
                }
            }
        }
    }

    pub(crate) fn arrive(&mut self, from: Place, to: Place, link: u64, body: Body) {
        if let Place::Broker(at) = to
            && self.is_paused(at)
        {
            let until_ms = self.machines[at].paused_until;
            self.queue.push(until_ms, Event::Arrive { from, to, link, body });
            return;
        }
        if !self.arrives(from, to, link) {
            return;
        }
        match (from, to) {
            (Place::Broker(from), Place::Broker(to)) => self.broker_says(from, to, link, body),
            (Place::Host(host), Place::Broker(at)) => self.agent_says(host, at, body),
            (Place::Broker(at), Place::Host(host)) => self.agent_hears(at, host, body),
            _ => {}
        }
    }

    fn broker_says(&mut self, from: usize, to: usize, link: u64, body: Body) {
        let id: BrokerId = self.machines[from].id;
        match body {
            Body::Node(message) => {
                self.trace.message(self.now_ms, from, to, &message);
                self.tell_node(to, Input::Message { from: id, message });
            }
            Body::Seat { id, request } => self.asked_as_home(to, from, link, id, request),
            Body::Working { id } => self.home_works(to, id),
            Body::Seated { id, result } => self.home_answered(to, id, Some(result)),
            Body::Unreachable { host, seat } => self.tell_seating(to, SiteInput::Unreachable { host, seat }),
            _ => {}
        }
    }

    pub(crate) fn tell_seating(&mut self, at: usize, input: SiteInput) {
        let machine = &mut self.machines[at];
        let now = machine.now(self.now_ms);
        let Some(process) = &mut machine.process else { return };
        process.seating.handle(now, input);
        while let Some(output) = self.machines[at].process.as_mut().and_then(|p| p.seating.poll()) {
            match output {
                SiteOutput::Offer { host, offer } => {
                    let seat = offer.seat;
                    let place = self.host_of(host);
                    let sent = place.is_some_and(|h| self.send(Place::Broker(at), Place::Host(h), Body::Offer(offer)));
                    if !sent {
                        self.tell_seating(at, SiteInput::OfferLost { host, seat });
                    }
                }
                SiteOutput::Release { host, seat } => {
                    if let Some(h) = self.host_of(host) {
                        self.send(Place::Broker(at), Place::Host(h), Body::Release { seat });
                    }
                }
                SiteOutput::Reply { token, result } => {
                    if result.is_ok() {
                        let since = self.machines[at].process.as_ref().and_then(|p| p.disabled_since);
                        self.facts.push_back(Fact::Seated { by: at, disabled_since: since });
                    } else {
                        self.marks.hit("seat.refused");
                    }
                    let asker = self.machines[at].process.as_mut().and_then(|p| p.tokens.remove(&token));
                    match asker {
                        Some(Asker::Walk(walk)) => self.home_answered(at, walk, Some(result)),
                        Some(Asker::Peer(peer, id, link)) => {
                            let (from, to) = (Place::Broker(at), Place::Broker(peer));
                            if self.arrives(from, to, link) {
                                self.send(from, to, Body::Seated { id, result });
                            }
                        }
                        None => {}
                    }
                }
                SiteOutput::Duplicate { user, .. } => {
                    self.marks.hit("session.duplicate");
                    self.trace.say(self.now_ms, || format!("{user} has two sessions for one item"));
                }
                SiteOutput::BadReport { host, error } => {
                    self.facts.push_back(Fact::BadReport { host, text: error.to_string() });
                }
            }
        }
        self.set_wake(at);
    }
}
