//! Who is alive: SWIM (Das, Gupta, Motivala, 2002) by the crate foca, in datagrams, next to the links themselves.

use bytes::Bytes;
use foca::{Config, Foca, Identity, NoCustomBroadcast, Notification, PostcardCodec, Runtime, Timer};
use hostler_model::{BrokerId, Mono};
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU8, NonZeroUsize};
use std::time::Duration;

/// A datagram of the protocol, in bytes: what fits every QUIC path.
const PACKET_BYTES: usize = 1_100;
/// How often a member is probed.
const PROBE_PERIOD: Duration = Duration::from_millis(400);
/// How long a probe's answer may take.
const PROBE_RTT: Duration = Duration::from_millis(150);
/// How long a suspect has to object.
const SUSPECT: Duration = Duration::from_millis(1_000);
/// How often someone who does not know us yet is told, in ms.
const ANNOUNCE_MS: u64 = 1_000;

/// A broker, as the membership protocol names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Who {
    broker: BrokerId,
    /// Counts up whenever the others thought us gone.
    generation: u64,
}

impl Identity for Who {
    type Addr = BrokerId;
    fn renew(&self) -> Option<Self> {
        Some(Self { broker: self.broker, generation: self.generation + 1 })
    }
    fn addr(&self) -> BrokerId {
        self.broker
    }
    fn win_addr_conflict(&self, other: &Self) -> bool {
        self.generation > other.generation
    }
}

#[derive(Default)]
struct Effects {
    send: Vec<(BrokerId, Bytes)>,
    timers: Vec<(Duration, Timer<Who>)>,
    alive: Vec<(BrokerId, bool)>,
    /// Set when others know us, or no longer.
    known: Option<bool>,
}

impl Runtime<Who> for &mut Effects {
    fn notify(&mut self, notification: Notification<'_, Who>) {
        match notification {
            Notification::MemberUp(who) => self.alive.push((who.broker, true)),
            Notification::MemberDown(who) => self.alive.push((who.broker, false)),
            Notification::Active => self.known = Some(true),
            Notification::Idle => self.known = Some(false),
            _ => {}
        }
    }
    fn send_to(&mut self, to: Who, data: &[u8]) {
        self.send.push((to.broker, Bytes::copy_from_slice(data)));
    }
    fn submit_after(&mut self, event: Timer<Who>, after: Duration) {
        self.timers.push((after, event));
    }
}

/// Who is alive, by this broker's own judgement and what others say.
pub struct Members {
    /// `None` where links alone say who is alive: where a model checker copies nodes, which the protocol's state does
    /// not allow.
    foca: Option<Foca<Who, PostcardCodec, StdRng, NoCustomBroadcast>>,
    timers: BTreeMap<(Mono, u64), Timer<Who>>,
    timer_count: u64,
    up: BTreeSet<BrokerId>,
    linked: BTreeSet<BrokerId>,
    next_announce: Mono,
    out: Vec<(BrokerId, Bytes)>,
}

impl Members {
    /// `generation` must be higher at every start; milliseconds since the Unix epoch will do.
    #[must_use]
    pub fn new(me: BrokerId, generation: u64, rng: StdRng) -> Self {
        let config = Config {
            probe_period: PROBE_PERIOD,
            probe_rtt: PROBE_RTT,
            num_indirect_probes: NonZeroUsize::MIN.saturating_add(1),
            max_transmissions: NonZeroU8::MIN.saturating_add(5),
            suspect_to_down_after: SUSPECT,
            remove_down_after: Some(Duration::from_secs(10)),
            max_packet_size: NonZeroUsize::MIN.saturating_add(PACKET_BYTES - 1),
            notify_down_members: true,
            periodic_announce: None,
            periodic_announce_to_down_members: None,
            periodic_gossip: None,
        };
        Self {
            foca: Some(Foca::new(Who { broker: me, generation }, config, rng, PostcardCodec)),
            timers: BTreeMap::new(),
            timer_count: 0,
            up: BTreeSet::new(),
            linked: BTreeSet::new(),
            next_announce: Mono(0),
            out: Vec::new(),
        }
    }

    /// A link to a broker came up or went away.
    pub fn link(&mut self, now: Mono, broker: BrokerId, up: bool) {
        if up {
            self.linked.insert(broker);
            self.announce(now, broker);
        } else {
            self.linked.remove(&broker);
        }
    }

    /// A datagram came. Nonsense is passed over: the link says who sent it, so it can only harm its sender.
    pub fn receive(&mut self, now: Mono, data: &[u8]) {
        let Some(foca) = &mut self.foca else { return };
        let mut effects = Effects::default();
        let _ = foca.handle_data(data, &mut effects);
        self.take(now, effects);
    }

    /// Carries out what is due.
    pub fn tick(&mut self, now: Mono) {
        while let Some(entry) = self.timers.first_entry().filter(|e| e.key().0 <= now) {
            let timer = entry.remove();
            let mut effects = Effects::default();
            // A timer of a former state is refused; that is what it is for.
            if let Some(foca) = &mut self.foca {
                let _ = foca.handle_timer(timer, &mut effects);
            }
            self.take(now, effects);
        }
        if now >= self.next_announce {
            self.next_announce = now.plus(ANNOUNCE_MS);
            // An announcement is sent once and forgotten, so it is repeated until the other side knows us.
            let strangers: Vec<_> = self.linked.difference(&self.up).copied().collect();
            for broker in strangers {
                self.announce(now, broker);
            }
        }
    }

    /// When there is something to do again.
    #[must_use]
    pub fn deadline(&self) -> Mono {
        self.timers.keys().next().map_or(self.next_announce, |(at, _)| (*at).min(self.next_announce))
    }

    /// Datagrams to send.
    pub fn drain(&mut self) -> Vec<(BrokerId, Bytes)> {
        std::mem::take(&mut self.out)
    }

    /// Those who are alive: their link is up, and the protocol does not hold them for gone.
    #[must_use]
    pub fn alive(&self) -> BTreeSet<BrokerId> {
        match &self.foca {
            Some(_) => self.linked.intersection(&self.up).copied().collect(),
            None => self.linked.clone(),
        }
    }

    fn announce(&mut self, now: Mono, broker: BrokerId) {
        let Some(foca) = &mut self.foca else { return };
        let mut effects = Effects::default();
        let _ = foca.announce(Who { broker, generation: 0 }, &mut effects);
        self.take(now, effects);
    }

    fn take(&mut self, now: Mono, effects: Effects) {
        for (after, timer) in effects.timers {
            self.timer_count += 1;
            let at = now.plus(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
            self.timers.insert((at, self.timer_count), timer);
        }
        for (broker, alive) in effects.alive {
            if alive {
                self.up.insert(broker)
            } else {
                self.up.remove(&broker)
            };
        }
        if effects.known == Some(false) {
            self.up.clear();
        }
        self.out.extend(effects.send.into_iter().filter(|(to, _)| self.linked.contains(to)));
    }
}

#[cfg(feature = "planted-faults")]
impl Members {
    /// From now on links alone say who is alive.
    pub(crate) fn judge_by_links(&mut self) {
        self.foca = None;
        self.timers.clear();
        self.out.clear();
    }
}

/// A copy judges by its links alone: the protocol's state can't be copied.
#[cfg(feature = "planted-faults")]
impl Clone for Members {
    fn clone(&self) -> Self {
        Self {
            foca: None,
            timers: BTreeMap::new(),
            timer_count: self.timer_count,
            up: BTreeSet::new(),
            linked: self.linked.clone(),
            next_announce: self.next_announce,
            out: Vec::new(),
        }
    }
}
