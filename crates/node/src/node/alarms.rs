//! The causes of alarms that can be seen in the views and in what the peers say. What only happens is said where it
//! happens, by [`Node::alarm`].

use super::mastership::active;
use super::{Node, Output};
use crate::alarm_code::AlarmCode;
use crate::alarms::{Alarm, Cause};
use crate::decide::settings::{SettingKey, VOTERS};
use crate::{Continuity, Lag};
use hostler_events::{Event, Frontier};
use hostler_model::{BrokerId, Epoch, Now, Thing, limits};
use hostler_views::{Entry, Lane, State};
use std::collections::BTreeSet;

/// For how long after two brokers were promoted side by side everybody should know, in ms: a week.
const DUAL_PROMOTION_MS: u64 = 7 * 24 * 60 * 60 * 1_000;
/// Of several promotions that were superseded, so many are named.
const NAMED: usize = 3;

/// What a look at the whole log said, kept until there is more in it.
#[derive(Clone, Default)]
pub(super) struct Waiting {
    at: Frontier,
    superseded: u64,
    quarantined: u64,
    dual: BTreeSet<Dual>,
}

/// The promotion under which something was done that does not count, and the one that took its place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Dual {
    epoch: Epoch,
    by: Epoch,
}

struct Causes(Vec<Cause>);

impl Causes {
    fn add(&mut self, code: AlarmCode, text: String) {
        self.0.push(Cause { code, about: None, text });
    }

    fn about(&mut self, code: AlarmCode, broker: BrokerId, text: String) {
        self.0.push(Cause { code, about: Some(Thing::Broker(broker)), text });
    }
}

impl Node {
    /// What an administrator should know, as this broker sees it: the worst first.
    #[must_use]
    pub fn alarms(&self) -> Vec<Alarm> {
        self.alarms.shown()
    }

    /// Something happened that an administrator should know.
    pub fn notice(&mut self, now: Now, code: AlarmCode, text: String) {
        if self.alarms.happened(now, code, text.clone()) {
            self.out.push_back(Output::Alarm { code: code.name(), text });
            self.out.push_back(Output::Changed);
        }
    }

    pub(super) fn alarm(&mut self, code: AlarmCode, text: String) {
        self.notice(self.heard.present(), code, text);
    }

    /// Looks for what should be known now: every second, and where there is another master.
    pub(super) fn look_for_alarms(&mut self, now: Now) {
        self.alarms_under = self.mastership().map(|m| m.epoch);
        self.look_at_log();
        let (new, changed) = self.alarms.look(now, self.causes(now));
        if changed || !new.is_empty() {
            self.out.push_back(Output::Changed);
        }
        for Alarm { code, text, .. } in new {
            self.out.push_back(Output::Alarm { code: code.name(), text });
        }
    }

    pub(super) fn has_other_master(&self) -> bool {
        self.alarms_under != self.mastership().map(|m| m.epoch)
    }

    fn causes(&self, now: Now) -> Vec<Cause> {
        let mut causes = Causes(Vec::new());
        let Some(site) = self.replica.views.site(self.site) else { return causes.0 };
        if let Some(why) = self.removal() {
            causes.about(AlarmCode::Removed, self.me, why);
            return causes.0;
        }
        self.connection_causes(site, &mut causes);
        self.lag_causes(now, site, &mut causes);
        self.clock_causes(site, &mut causes);
        self.mastership_causes(now, site, &mut causes);
        self.log_causes(&mut causes);
        causes.0
    }

    /// Who is there and who is not. Disabled brokers may be switched off.
    fn connection_causes(&self, site: &State, causes: &mut Causes) {
        let me = self.broker_name(self.me);
        let enabled = |b: &&BrokerId| site.brokers.get(b).is_some_and(|b| b.enabled);
        let enabled: Vec<BrokerId> = site.order.iter().filter(enabled).copied().collect();
        let alive = |b: &BrokerId| *b == self.me || self.alive.contains(b);
        let gone: Vec<BrokerId> = enabled.iter().filter(|b| !alive(b)).copied().collect();
        let there = enabled.len() - gone.len();
        let isolated = !gone.is_empty() && there * 2 <= enabled.len();
        let master = self.mastership().map(|m| m.epoch.broker);
        if let Some(master) = master.filter(|m| !alive(m)) {
            let text = format!("{me} does not hear the master, {}", self.broker_name(master));
            causes.about(AlarmCode::MasterUnreachable, master, text);
        }
        if isolated {
            let names = self.names(&gone);
            let text = if there <= 1 {
                format!("{me} hears no other enabled broker: {names}")
            } else {
                format!("{me} hears no majority: of {} enabled brokers it does not hear {names}", enabled.len())
            };
            causes.about(AlarmCode::Isolated, self.me, text);
        } else {
            for broker in gone.iter().filter(|b| Some(**b) != master) {
                let text = format!("{me} does not hear broker {}", self.broker_name(*broker));
                causes.about(AlarmCode::Unreachable, *broker, text);
            }
            if there == 1 && site.order.len() > 1 {
                let left = enabled.iter().find(|b| alive(b)).map_or_else(String::new, |b| self.broker_name(*b));
                let text = format!("of {} brokers only {left} takes work", site.order.len());
                causes.add(AlarmCode::OneActive, text);
            }
        }
        let active = active(site).len();
        if active > limits::ADVISED_ACTIVE_BROKERS {
            let text = format!(
                "{active} brokers are active; more than {} are of little use: every broker talks to every other and to \
                 every agent, so the traffic grows with the square of their number",
                limits::ADVISED_ACTIVE_BROKERS
            );
            causes.add(AlarmCode::Many, text);
        }
    }

    fn lag_causes(&self, now: Now, site: &State, causes: &mut Causes) {
        let behind = |lag: Lag| lag.events > 0 && lag.ms >= limits::LAGGING_MS;
        for broker in &site.order {
            let name = self.broker_name(*broker);
            let lag = match *broker == self.me {
                true => Some(self.own_lag(now.mono)),
                false => self.peer_lag(*broker, now.wall).filter(|_| self.alive.contains(broker)),
            };
            if let Some(lag) = lag.filter(|lag| behind(*lag)) {
                causes.about(AlarmCode::Lagging, *broker, format!("broker {name} lacks {}", events(lag.events)));
            }
        }
    }

    /// This broker's clock against the others' median, and every other one's against this one where that is right.
    fn clock_causes(&self, site: &State, causes: &mut Causes) {
        let ahead_ms = self.clock_ahead();
        let linked: Vec<(BrokerId, i64)> = self.clocks();
        if ahead_ms > 0 && ahead_ms.unsigned_abs() > limits::CLOCK_REFUSE_AHEAD_MS {
            let text = format!(
                "the clock of {} is {} ahead of the other brokers': it takes no changes",
                self.broker_name(self.me),
                seconds(ahead_ms)
            );
            return causes.about(AlarmCode::ClockAhead, self.me, text);
        }
        if ahead_ms.unsigned_abs() > limits::CLOCK_WARN_MS {
            let me = self.broker_name(self.me);
            let text = match linked.as_slice() {
                [(other, _)] => {
                    let other = self.broker_name(*other);
                    let (first, second) = if ahead_ms > 0 { (me, other) } else { (other, me) };
                    format!("the clock of {first} is {} ahead of that of {second}", seconds(ahead_ms))
                }
                _ => format!("the clock of {me} is {} the other brokers'", off(ahead_ms)),
            };
            causes.about(AlarmCode::ClockOff, self.me, text);
            return;
        }
        let member = |b: &BrokerId| site.order.contains(b);
        for (broker, behind_ms) in linked.into_iter().filter(|(b, _)| member(b)) {
            let ahead_ms = ahead_ms.saturating_sub(behind_ms);
            if ahead_ms.unsigned_abs() > limits::CLOCK_WARN_MS {
                let text = format!("the clock of {} is {} the other brokers'", self.broker_name(broker), off(ahead_ms));
                causes.about(AlarmCode::ClockOff, broker, text);
            }
        }
    }

    fn mastership_causes(&self, now: Now, site: &State, causes: &mut Causes) {
        let seen = self.epoch();
        if self.fenced > seen {
            let text = format!(
                "members have seen epoch {}, which this broker does not know: they take no orders under epoch {}",
                self.fenced.n, seen.n
            );
            causes.add(AlarmCode::EpochFenced, text);
        }
        if let Some(seal) = self.seal() {
            let master = self.mastership().map_or(self.me, |m| m.epoch.broker);
            let text = format!(
                "{} has stopped as the master and {} has not taken over",
                self.broker_name(master),
                self.broker_name(seal.successor)
            );
            causes.about(AlarmCode::PromotionUnfinished, seal.successor, text);
        }
        let automatic = self.replica.views.main().and_then(SettingKey::automatic_after_ms).is_some();
        let active = active(site).len();
        if automatic && active < VOTERS {
            let text = format!("promotion.automatic.after is set, and with {active} active brokers nobody is promoted");
            causes.add(AlarmCode::PromotionDisarmed, text);
        }
        let forgot = self.continuity == Continuity::Broken || self.lost_its_votes();
        if automatic && forgot && self.mastership().is_some_and(|m| m.voters.contains(&self.me)) {
            let text = format!(
                "{} started without hearing all others, so it may have forgotten a vote: it does not vote and is not \
                 promoted by itself",
                self.broker_name(self.me)
            );
            causes.about(AlarmCode::PromotionAbstains, self.me, text);
        }
        let waits = self.waiting_events.superseded + self.waiting_events.quarantined > 0;
        let recent = |d: &&Dual| waits || now.wall.since(d.epoch.hlc.wall.max(d.by.hlc.wall)) < DUAL_PROMOTION_MS;
        let dual: Vec<&Dual> = self.waiting_events.dual.iter().filter(recent).collect();
        if !dual.is_empty() {
            let name = |epoch: &Epoch| format!("{} (epoch {})", self.broker_name(epoch.broker), epoch.n);
            let pair = |d: &&Dual| format!("{} and {}, which counts", name(&d.epoch), name(&d.by));
            // The latest first.
            let named: Vec<String> = dual.iter().rev().take(NAMED).map(pair).collect();
            let more = dual.len().saturating_sub(NAMED);
            let more = if more > 0 { format!("; and {more} more") } else { String::new() };
            causes.add(AlarmCode::DualPromotion, format!("two were master at once: {}{more}", named.join("; ")));
        }
    }

    fn log_causes(&self, causes: &mut Causes) {
        let Waiting { superseded, quarantined, .. } = &self.waiting_events;
        let count = |n: u64, what: &str| (n > 0).then(|| format!("{} {what}", events(n)));
        let parts: Vec<String> =
            [count(*superseded, "superseded"), count(*quarantined, "quarantined")].into_iter().flatten().collect();
        if !parts.is_empty() {
            causes.add(AlarmCode::EventsWaiting, format!("waiting to be settled: {}", parts.join(", ")));
        }
        let held = self.replica.held();
        if held > 0 {
            let text = format!("{} from the future: held until their time has come", events(held as u64));
            causes.add(AlarmCode::EventsHeld, text);
        }
        for epoch in self.replica.held_promotions() {
            let name = self.broker_name(epoch.broker);
            let text = format!("the promotion of {name} (epoch {}) is from the future and does not count yet", epoch.n);
            causes.about(AlarmCode::PromotionHeld, epoch.broker, text);
        }
        if let Some(event) = self.replica.views.halted_by() {
            let text = format!(
                "event {event} is of a kind that this program does not know and must: broker {} decides nothing",
                self.broker_name(self.me)
            );
            causes.about(AlarmCode::EventUnknown, self.me, text);
        }
        for (broker, _) in self.peers.iter().filter(|(_, p)| p.linked && p.differs) {
            let text = format!(
                "brokers {} and {} have the same events and different views",
                self.broker_name(self.me),
                self.broker_name(*broker)
            );
            causes.about(AlarmCode::ViewsDiffer, *broker, text);
        }
    }

    /// Counts what waits to be settled, where there is something new.
    fn look_at_log(&mut self) {
        let Some(timeline) = self.replica.views.timeline(self.site) else { return };
        if self.waiting_events.at == self.replica.folded {
            return;
        }
        let mut waiting = Waiting { at: self.replica.folded.clone(), ..Waiting::default() };
        let state = timeline.state();
        // What decided a mastership was decided then: there is nothing to settle.
        let mastership = |e: &Entry| {
            let event = &e.loaded.event;
            matches!(event, Some(Event::Promoted(_) | Event::Resumed(_) | Event::Sealed(_) | Event::Voted(_)))
        };
        for entry in timeline.set_aside() {
            if let Lane::Superseded { by: Some(by) } = entry.lane
                && let Some(by) = timeline.find(by.feed, by.seq)
                && matches!(by.event, Some(Event::Promoted(_)))
            {
                waiting.dual.insert(Dual { epoch: entry.loaded.header.epoch, by: by.header.epoch });
            }
            match entry.lane {
                Lane::Applied | Lane::Orphaned => {}
                _ if mastership(entry) || state.settled.contains_key(&entry.loaded.reference) => {}
                Lane::Superseded { .. } => waiting.superseded += 1,
                Lane::Quarantined { .. } => waiting.quarantined += 1,
            }
        }
        self.waiting_events = waiting;
    }

    fn names(&self, brokers: &[BrokerId]) -> String {
        brokers.iter().map(|b| self.broker_name(*b)).collect::<Vec<_>>().join(", ")
    }

    fn clocks(&self) -> Vec<(BrokerId, i64)> {
        let heard = self.peers.iter().filter(|(_, p)| p.linked && p.heads.is_some());
        heard.map(|(id, p)| (*id, p.behind_ms)).collect()
    }
}

fn events(n: u64) -> String {
    format!("{n} {}", if n == 1 { "event" } else { "events" })
}

/// In tenths, so that small steps of a clock don't make another text.
fn seconds(ms: i64) -> String {
    let tenths = ms.unsigned_abs() / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

fn off(ahead_ms: i64) -> String {
    format!("{} {}", seconds(ahead_ms), if ahead_ms > 0 { "ahead of" } else { "behind" })
}
