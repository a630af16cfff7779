//! How a broker finds a seat: it asks the user's home broker, and where that is silent or too busy, the next one. What
//! `hostler-broker` does around the seating machine is done here in the same way.

use super::World;
use super::event::{Away, Body, Event, Place};
use super::machine::Asker;
use hostler_model::{BrokerId, limits};
use hostler_seating::home::home_order;
use hostler_seating::seat::{Door, NoSeat, Placement, SeatRequest};
use hostler_seating::site::SiteInput;

/// A request on its way from one possible home broker to the next.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    logon: u64,
    request: SeatRequest,
    order: Vec<BrokerId>,
    /// How many of them were asked; the last of these is being asked.
    tried: usize,
    /// It has said that it works on it.
    works: bool,
}

impl World {
    /// A gateway's question has reached a broker.
    pub(crate) fn asked(&mut self, at: usize, run: u32, logon: u64) {
        if self.is_paused(at) {
            let until_ms = self.machines[at].paused_until;
            self.queue.push(until_ms, Event::Asked { at, run, logon });
            return;
        }
        let id = self.machines[at].id;
        let Some(request) = self.logons.request(logon) else { return };
        let machine = &mut self.machines[at];
        let Some(process) = machine.process.as_mut().filter(|_| machine.run == run) else { return };
        if !process.serving.contains(&id) {
            return self.answer_gateway(at, logon, Err(Away::NotServing));
        }
        let order = home_order(&request.user, &process.serving);
        let walk = process.number();
        process.walks.insert(walk, Walk { logon, request, order, tried: 0, works: false });
        self.walk_on(at, walk);
    }

    /// Asks the next possible home broker.
    fn walk_on(&mut self, at: usize, walk: u64) {
        loop {
            let id = self.machines[at].id;
            let run = self.machines[at].run;
            let Some(process) = self.machines[at].process.as_mut() else { return };
            let Some(on) = process.walks.get_mut(&walk) else { return };
            let Some(home) = on.order.get(on.tried).copied() else {
                let logon = on.logon;
                process.walks.remove(&walk);
                return self.answer_gateway(at, logon, Err(Away::NoSeat(NoSeat::Busy)));
            };
            on.tried += 1;
            on.works = false;
            let (tried, request) = (on.tried, on.request.clone());
            if home == id {
                let token = process.number();
                process.tokens.insert(token, Asker::Walk(walk));
                return self.tell_seating(at, SiteInput::Request { token, request });
            }
            let other = self.machine_of(home);
            let sent = other.is_some_and(|other| {
                self.send(Place::Broker(at), Place::Broker(other), Body::Seat { id: walk, request })
            });
            if sent {
                let due_ms = self.now_ms + limits::HOME_BROKER_WAIT_MS;
                return self.queue.push(due_ms, Event::HomeSilent { at, run, walk, tried });
            }
            self.marks.hit("home.passed_over");
        }
    }

    pub(crate) fn home_silent(&mut self, at: usize, run: u32, walk: u64, tried: usize) {
        let machine = &self.machines[at];
        let on = machine.process.as_ref().filter(|_| machine.run == run).and_then(|p| p.walks.get(&walk));
        if on.is_some_and(|on| on.tried == tried && !on.works) {
            self.marks.hit("home.passed_over");
            self.walk_on(at, walk);
        }
    }

    /// The link to a broker is gone: it answers nothing any more.
    pub(crate) fn home_gone(&mut self, at: usize, gone: BrokerId) {
        let Some(process) = &self.machines[at].process else { return };
        let waits = |w: &Walk| w.tried.checked_sub(1).and_then(|i| w.order.get(i)) == Some(&gone);
        let walks: Vec<u64> = process.walks.iter().filter(|(_, w)| waits(w)).map(|(id, _)| *id).collect();
        for walk in walks {
            self.marks.hit("home.passed_over");
            self.walk_on(at, walk);
        }
    }

    /// Another broker takes this one for the user's home.
    pub(crate) fn asked_as_home(&mut self, at: usize, from: usize, link: u64, id: u64, request: SeatRequest) {
        let me = self.machines[at].id;
        let Some(process) = self.machines[at].process.as_mut() else { return };
        let (from_place, to_place) = (Place::Broker(at), Place::Broker(from));
        if !process.serving.contains(&me) && !crate::planted::is(self.planted, "stale_home") {
            self.send(from_place, to_place, Body::Seated { id, result: Err(NoSeat::Busy) });
            return;
        }
        let token = process.number();
        process.tokens.insert(token, Asker::Peer(from, id, link));
        self.send(from_place, to_place, Body::Working { id });
        self.tell_seating(at, SiteInput::Request { token, request });
    }

    pub(crate) fn home_works(&mut self, at: usize, walk: u64) {
        let process = self.machines[at].process.as_mut();
        if let Some(on) = process.and_then(|p| p.walks.get_mut(&walk)) {
            on.works = true;
        }
    }

    pub(crate) fn home_answered(&mut self, at: usize, walk: u64, result: Option<Result<Box<Placement>, NoSeat>>) {
        match result {
            Some(Err(NoSeat::Busy)) | None => self.walk_on(at, walk),
            Some(result) => {
                let on = self.machines[at].process.as_mut().and_then(|p| p.walks.remove(&walk));
                if let Some(on) = on {
                    self.answer_gateway(at, on.logon, result.map_err(Away::NoSeat));
                }
            }
        }
    }

    fn answer_gateway(&mut self, at: usize, logon: u64, result: Result<Box<Placement>, Away>) {
        let Some(gateway) = self.logons.gateway(logon) else { return };
        let (from, to) = (Place::Broker(at), Place::Gateway(gateway));
        if self.network.is_cut(from, to) {
            return;
        }
        if let Some(delay_ms) = self.delay(from, to, true) {
            self.queue.push(self.now_ms + delay_ms, Event::Answered { logon, by: at, result });
        }
    }
}

/// A request for an item by somebody who proved who they are.
pub(crate) fn request(
    user: hostler_model::UserName,
    item: hostler_model::ItemId,
    door: Door,
    avoid: Vec<hostler_model::HostId>,
) -> SeatRequest {
    SeatRequest { user, item: Some(item), client: None, door, avoid }
}
