//! Carries out what nodes want done. Messages that decide something stay under way, for the checker to deliver, lose
//! or deliver twice; what only carries events after them (a pull and its chunks) is carried out at once.

use crate::machine::Write;
use crate::net::id;
use crate::oracle;
use crate::state::{Envelope, State};
use hostler_events::payload::PromotionKind;
use hostler_events::{Event, StoredEvent};
use hostler_model::{BrokerId, limits};
use hostler_node::*;
use std::collections::VecDeque;
use std::sync::Arc;

/// A round of what follows from one input must end.
const FOLLOWING: usize = 10_000;

/// Alarms that must not be raised.
pub(crate) const BAD_ALARMS: [&str; 5] =
    ["feed.forked", "broker.copied", "event.forged", "views.differ", "event.unreadable"];

/// How the machines of a state behave.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Conduct {
    pub(crate) fault: Option<Fault>,
    /// Whether disks take their time, and answers to a gathering candidate. Else what is written is synced before the
    /// next thing happens (unless that is a crash), and an answer comes at once or not at all.
    pub(crate) slow: bool,
    /// Whether the order of a disk matters.
    pub(crate) exact: bool,
}

fn index(broker: BrokerId) -> usize {
    usize::from(broker.0[0]) - 1
}

impl State {
    /// Gives a node something and carries out what follows at once. With `heads`, also the heads that it sends to that
    /// broker are brought there.
    pub(crate) fn input(&mut self, conduct: Conduct, at: usize, input: Input, heads: Option<usize>) {
        let mut todo = VecDeque::from([(at, input)]);
        let mut touched = [false; 3];
        for _ in 0..FOLLOWING {
            let Some((at, input)) = todo.pop_front() else { break };

            if self.machines[at].node.is_none() {
                continue;
            }
            touched[at] = true;
            if let Input::Message { from, message: Message::Push(bytes) | Message::Chunk(bytes) } = &input {
                self.remember(*from, bytes);
            }
            let machine = Arc::make_mut(&mut self.machines[at]);
            let now = machine.now();
            let Some(node) = machine.node.as_mut() else { continue };
            node.handle(now, input);
            let outputs: Vec<Output> = std::iter::from_fn(|| node.poll()).collect();
            for output in outputs {
                match output {
                    Output::Append { batch, events } => {
                        let own = events.iter().any(|e| e.header().feed.broker == id(self.machines[at].me));
                        self.highest = events.iter().map(number).fold(self.highest, u64::max);
                        let events = events.into_iter().map(Arc::new).collect();
                        let machine = Arc::make_mut(&mut self.machines[at]);
                        machine.unsynced.push_back(Write { batch, events });
                        if !own && !conduct.slow && machine.unsynced.len() == 1 {
                            todo.extend(self.sync(at).map(|input| (at, input)));
                        }
                    }
                    Output::Send { to, message } => {
                        let envelope = |message| Arc::new(Envelope::new(at as u8 + 1, to.0[0], message));
                        match message {
                            Message::Heads(_) if heads == Some(index(to)) => {
                                todo.push_back((index(to), Input::Message { from: id(at as u8 + 1), message }));
                            }
                            Message::Pull { .. } => {
                                todo.push_back((index(to), Input::Message { from: id(at as u8 + 1), message }))
                            }
                            Message::Gathered { .. } if !conduct.slow => {
                                todo.push_back((index(to), Input::Message { from: id(at as u8 + 1), message }));
                            }
                            Message::Push(_)
                            | Message::Gather { .. }
                            | Message::Gathered { .. }
                            | Message::Elect { .. } => {
                                self.network.push(envelope(message));
                            }
                            // Heads are brought by exchanges; what was stored elsewhere only decides about answers.
                            _ => {}
                        }
                    }
                    Output::SendLog { to, feed, from } => {
                        let disk = &self.machines[at].disk;
                        let wanted = disk.iter().filter(|e| e.header().feed == feed && e.header().seq >= from);
                        let bytes: Vec<_> = wanted.map(|e| e.bytes().clone()).collect();
                        assert!(bytes.iter().map(bytes::Bytes::len).sum::<usize>() < limits::CHUNK_BYTES);
                        if !bytes.is_empty() {
                            let message = Message::Chunk(bytes);
                            todo.push_back((index(to), Input::Message { from: id(at as u8 + 1), message }));
                        }
                    }
                    Output::Alarm { code, .. } if BAD_ALARMS.contains(&code) => {
                        Arc::make_mut(&mut self.history).alarms.insert(code);
                    }
                    Output::Alarm { .. } | Output::Reply { .. } | Output::Changed | Output::Checkpoint => {}
                }
            }
        }
        assert!(todo.is_empty(), "what follows from one input does not end");
        for (at, touched) in touched.into_iter().enumerate() {
            if touched {
                self.note(conduct, at);
            }
        }
        // What can't do anything any more might as well be lost.
        let machines = &self.machines;
        let node = |n: u8| machines[usize::from(n) - 1].node.as_ref();
        self.network.retain(|e| node(e.to).is_none_or(|to| !to.is_deaf_to(&e.message, node(e.from))));
        self.network.sort_by_key(|e| e.print);
    }

    /// Looks at a machine again.
    pub(crate) fn note(&mut self, conduct: Conduct, at: usize) {
        let machine = Arc::make_mut(&mut self.machines[at]);
        if let Some(node) = machine.node.as_ref().filter(|n| *n.folded() != machine.folded) {
            machine.folded = node.folded().clone();
            machine.digest = node.views().digest();
            machine.wrong = oracle::wrong_lane(node);
        }
        machine.note(conduct.exact);
    }

    /// Everything that was written is synced.
    pub(crate) fn sync(&mut self, at: usize) -> impl Iterator<Item = Input> + use<> {
        let machine = Arc::make_mut(&mut self.machines[at]);
        let writes = std::mem::take(&mut machine.unsynced);
        let me = id(machine.me);
        machine.disk.extend(writes.iter().flat_map(|w| w.events.iter().cloned()));
        for event in writes.iter().flat_map(|w| &w.events).filter(|e| e.header().feed.broker == me) {
            if let Ok(Event::Promoted(p)) = event.event()
                && p.kind == PromotionKind::Automatic
            {
                let history = Arc::make_mut(&mut self.history);
                history.automatic.entry(event.header().epoch.n).or_default().insert(event.hash());
            }
        }
        writes.into_iter().map(|w| Input::Appended { batch: w.batch })
    }

    /// What has got to another broker can't be taken back.
    fn remember(&mut self, from: BrokerId, bytes: &[bytes::Bytes]) {
        for event in bytes.iter().filter_map(|b| StoredEvent::parse(b.clone()).ok()) {
            if let Ok(Event::Voted(v)) = event.event() {
                let voter = event.header().feed.broker;
                let history = Arc::make_mut(&mut self.history);
                history.votes.entry((voter, v.n)).or_default().insert(v.candidate);
                let _ = from;
            }
        }
    }

    /// One broker's heads get to another, and what that misses comes back.
    pub(crate) fn exchange(&mut self, conduct: Conduct, from: usize, to: usize) {
        if self.machines[from].node.is_some() && self.machines[to].node.is_some() {
            self.input(conduct, to, Input::Linked(id(from as u8 + 1)), None);
            self.input(conduct, from, Input::Linked(id(to as u8 + 1)), Some(to));
        }
    }
}

/// The number of the epoch that an event begins or wants to begin.
fn number(event: &StoredEvent) -> u64 {
    match event.event() {
        Ok(Event::Voted(v)) => v.n,
        _ => event.header().epoch.n,
    }
}
