//! What can be due in a simulated farm, and the queue of it.

use hostler_model::{HostId, SeatId, Wall};
use hostler_node::Message;
use hostler_seating::report::Report;
use hostler_seating::seat::{NoSeat, Offer, Placement, Refusal, SeatRequest, TicketClaim, TicketRefusal};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// A member of the farm, by its place in the simulation's tables.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub(crate) enum Place {
    /// A broker's machine.
    Broker(usize),
    /// A session host.
    Host(usize),
    /// A gateway.
    Gateway(usize),
}

/// What members say to each other.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// Between brokers: what the node says.
    Node(Message),
    /// To a home broker: find a seat.
    Seat { id: u64, request: SeatRequest },
    /// From a home broker: it is being looked for.
    Working { id: u64 },
    /// From a home broker.
    Seated { id: u64, result: Result<Box<Placement>, NoSeat> },
    /// To all brokers of the site: a gateway could not reach a host.
    Unreachable { host: HostId, seat: SeatId },
    /// To an agent.
    Offer(Box<Offer>),
    /// To an agent.
    Release { seat: SeatId },
    /// To an agent: somebody presents a ticket.
    Take { logon: u64, claim: TicketClaim, issued: Wall },
    /// To an agent: what the farm wants of it.
    Settings { drain: bool, hard_cap: Option<u32>, logon_slots: Option<u32> },
    /// From an agent.
    Report(Arc<Report>),
    /// From an agent.
    Verdict { seat: SeatId, verdict: Result<(), Refusal> },
    /// From an agent.
    Taken { logon: u64, result: Result<(), TicketRefusal> },
}

/// Why a broker sends a gateway away.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Away {
    /// It takes no work.
    NotServing,
    /// Nobody was seated.
    NoSeat(NoSeat),
}

/// What can be due.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A broker's machines asked to be woken.
    Wake { at: usize, run: u32 },
    /// A broker's disk has synced.
    Synced { at: usize, run: u32 },
    /// Something arrives over a link.
    Arrive { from: Place, to: Place, link: u64, body: Body },
    /// A link comes up, if nothing is in its way.
    LinkUp { a: Place, b: Place },
    /// A link is found to be dead.
    LinkDown { a: Place, b: Place, link: u64 },
    /// A broker finds out that a link is dead.
    Unlinked { at: usize, run: u32, peer: hostler_model::BrokerId },
    /// A broker or host is started.
    Start(Place),
    /// A home broker was silent for too long.
    HomeSilent { at: usize, run: u32, walk: u64, tried: usize },
    /// A host's machine asked to be woken.
    HostWake { host: usize, run: u32 },
    /// A host's session source looks.
    Look { host: usize },
    /// A logon on a host is through.
    Begin { host: usize, run: u32, logon: u64 },
    /// A session's user logs off.
    LogOff { host: usize, key: String },
    /// The next logon of a workload.
    NextLogon { step: usize, until_ms: u64 },
    /// One logon of a storm.
    OneLogon,
    /// The network turns to the other one of two copies.
    Turn { twin: usize, original: usize },
    /// The next command of a workload.
    NextWork { step: usize, until_ms: u64 },
    /// A logon asks the next broker.
    Ask { logon: u64, attempt: u32 },
    /// A gateway's question reaches a broker.
    Asked { at: usize, run: u32, logon: u64 },
    /// A broker's answer reaches a gateway.
    Answered { logon: u64, by: usize, result: Result<Box<Placement>, Away> },
    /// A logon has taken too long.
    GiveUp { logon: u64, attempt: u32 },
    /// An administrator's errand goes on.
    Errand(u64),
    /// A step of the plan.
    Step(usize),
    /// What a step did ends.
    Undo(Undo),
    /// Time to look at the whole.
    Inspect,
}

/// What ends by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Undo {
    Cut(u64),
    Slow(usize, u64),
    SlowDisk(usize),
    Room(usize),
    Twin(usize),
    Agent(usize),
    Truth(usize),
    SlowAgent(usize),
    LogonsWork(usize),
    Replace(usize),
}

/// What is due, the earliest first; of two at one moment, what was put in first.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// When, the how manieth, and where it lies: events are large, and a heap moves what is in it.
    due: BinaryHeap<Reverse<(u64, u64, usize)>>,
    events: Vec<Option<Event>>,
    /// Places in `events` with nothing in them.
    free: Vec<usize>,
    serial: u64,
}

impl Queue {
    pub(crate) fn push(&mut self, at_ms: u64, event: Event) {
        self.serial += 1;
        let place = self.free.pop().unwrap_or(self.events.len());
        match self.events.get_mut(place) {
            Some(free) => *free = Some(event),
            None => self.events.push(Some(event)),
        }
        self.due.push(Reverse((at_ms, self.serial, place)));
    }

    pub(crate) fn pop_until(&mut self, end_ms: u64) -> Option<(u64, Event)> {
        let Reverse((at_ms, _, place)) = *self.due.peek().filter(|Reverse((at_ms, ..))| *at_ms <= end_ms)?;
        self.due.pop();
        self.free.push(place);
        Some((at_ms, self.events.get_mut(place)?.take()?))
    }
}
