//! Ways to choose that know less: by chance, or by the hosts' last reports only.

use super::{BACK_MS, EMPTY, EMPTY_MS, HARD_CAP, Morning, Outcome, REBOOT_MS, logon_ms, outcome};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Simple {
    /// Any host, by chance.
    Random,
    /// The host with the fewest sessions by its last report; of several any.
    LeastReported,
    /// Of two hosts, drawn by chance, the one with fewer sessions by its last report.
    TwoChoices,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Report(usize),
    Begin(usize, u32),
    Reboot,
    Back,
    Come,
}

struct World {
    simple: Simple,
    rng: StdRng,
    /// Sessions and logons in flight, really.
    sessions: Vec<u32>,
    coming: Vec<u32>,
    /// What the brokers know: the last report's sum of both; `None` for a host that is not there.
    reported: Vec<Option<u32>>,
    /// Counts reboots: logons of before are lost.
    life: Vec<u32>,
    black_hole: u32,
    refused: u32,
}

pub(super) fn pass(morning: &Morning, simple: Simple) -> Outcome {
    let hosts = morning.hosts;
    let mut world = World {
        simple,
        rng: StdRng::seed_from_u64(morning.seed ^ 0x51),
        sessions: vec![0; hosts],
        coming: vec![0; hosts],
        reported: vec![Some(0); hosts],
        life: vec![0; hosts],
        black_hole: 0,
        refused: 0,
    };
    let mut queue: BinaryHeap<Reverse<(u64, Event)>> = BinaryHeap::new();
    queue.extend(morning.arrivals().into_iter().map(|at| Reverse((at, Event::Come))));
    let last = super::MORNING_MS + super::LOGON_MS.1;
    for host in 0..hosts {
        let first = world.rng.random_range(0..morning.report_ms);
        queue.push(Reverse((first, Event::Report(host))));
    }
    queue.extend([Reverse((REBOOT_MS, Event::Reboot)), Reverse((BACK_MS, Event::Back))]);
    while let Some(Reverse((at, event))) = queue.pop().filter(|Reverse((at, _))| *at <= last) {
        match event {
            Event::Come => match world.choose() {
                Some(host) => {
                    world.coming[host] += 1;
                    if host == EMPTY && (BACK_MS..BACK_MS + EMPTY_MS).contains(&at) {
                        world.black_hole = world.black_hole.max(world.coming[host]);
                    }
                    let takes = logon_ms(&mut world.rng);
                    queue.push(Reverse((at + takes, Event::Begin(host, world.life[host]))));
                }
                None => world.refused += 1,
            },
            Event::Begin(host, life) if life == world.life[host] => {
                world.coming[host] -= 1;
                world.sessions[host] += 1;
            }
            Event::Begin(..) => {}
            Event::Report(host) => {
                if world.reported[host].is_some() {
                    world.reported[host] = Some(world.sessions[host] + world.coming[host]);
                }
                queue.push(Reverse((at + morning.report_ms, Event::Report(host))));
            }
            Event::Reboot => {
                (world.sessions[EMPTY], world.coming[EMPTY], world.reported[EMPTY]) = (0, 0, None);
                world.life[EMPTY] += 1;
            }
            Event::Back => world.reported[EMPTY] = Some(0),
        }
    }
    outcome(&world.sessions, world.black_hole, world.refused)
}

impl World {
    fn choose(&mut self) -> Option<usize> {
        let open = |world: &Self, host: usize| {
            world.reported[host].is_some() && world.sessions[host] + world.coming[host] < HARD_CAP
        };
        match self.simple {
            Simple::Random => self.draw(&open),
            Simple::TwoChoices => {
                let (one, other) = (self.draw(&open)?, self.draw(&open)?);
                Some(if self.reported[other] < self.reported[one] { other } else { one })
            }
            Simple::LeastReported => {
                let candidates = (0..self.sessions.len()).filter(|host| open(self, *host));
                let least = candidates.clone().filter_map(|host| self.reported[host]).min()?;
                let best: Vec<usize> = candidates.filter(|host| self.reported[*host] == Some(least)).collect();
                Some(best[self.rng.random_range(0..best.len())])
            }
        }
    }

    /// A host by chance. The loop is bounded, as at most one host is ever away and few are full.
    fn draw(&mut self, open: &impl Fn(&Self, usize) -> bool) -> Option<usize> {
        const DRAWS: usize = 1_000;
        for _ in 0..DRAWS {
            let host = self.rng.random_range(0..self.sessions.len());
            if open(self, host) {
                return Some(host);
            }
        }
        None
    }
}
