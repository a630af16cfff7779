//! The alarms of one broker: most last as long as their cause, some for a day after they happened.

use crate::alarm_code::{AlarmCode, Lasts};
use hostler_model::{Mono, Now, Thing, Wall};
use std::collections::{BTreeMap, BTreeSet};

/// How long what happened is shown, in ms.
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Alarms about what happened, at most; the oldest go first.
const HAPPENED: usize = 256;

/// Something that an administrator should know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alarm {
    /// Which.
    pub code: AlarmCode,
    /// Since when.
    pub since: Wall,
    /// What it is about, where that is one thing.
    pub about: Option<Thing>,
    /// In words.
    pub text: String,
}

/// The cause of an alarm is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cause {
    pub(crate) code: AlarmCode,
    pub(crate) about: Option<Thing>,
    pub(crate) text: String,
}

/// What tells an alarm from others: of those with a cause, what they are about; of what happened, the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Key {
    Cause(AlarmCode, Option<Thing>),
    Happened(AlarmCode, String),
}

#[derive(Clone)]
struct Known {
    alarm: Alarm,
    begun: Mono,
    last: Mono,
    raised: bool,
}

/// The alarms of one broker.
#[derive(Clone, Default)]
pub(crate) struct Alarms(BTreeMap<Key, Known>);

impl Alarms {
    /// Something happened. True where that is new.
    pub(crate) fn happened(&mut self, now: Now, code: AlarmCode, text: String) -> bool {
        let key = Key::Happened(code, text.clone());
        if let Some(known) = self.0.get_mut(&key) {
            known.last = now.mono;
            return false;
        }
        let happened = self.0.iter().filter(|(key, _)| matches!(key, Key::Happened(..)));
        if happened.clone().count() >= HAPPENED
            && let Some(oldest) = happened.min_by_key(|(_, known)| known.last).map(|(key, _)| key.clone())
        {
            self.0.remove(&oldest);
        }
        let alarm = Alarm { code, since: now.wall, about: None, text };
        self.0.insert(key, Known { alarm, begun: now.mono, last: now.mono, raised: true });
        true
    }

    /// These causes are there now, and no others. Gives the alarms that are new, and whether any went or has another
    /// text.
    pub(crate) fn look(&mut self, now: Now, causes: Vec<Cause>) -> (Vec<Alarm>, bool) {
        let keys: BTreeSet<Key> = causes.iter().map(|c| Key::Cause(c.code, c.about)).collect();
        let mut changed = false;
        self.0.retain(|key, known| {
            let stays = match key {
                Key::Cause(..) => keys.contains(key),
                Key::Happened(..) => now.mono.since(known.last) < DAY_MS,
            };
            changed |= !stays && known.raised;
            stays
        });
        let mut new = Vec::new();
        for Cause { code, about, text } in causes {
            let key = Key::Cause(code, about);
            let known = self.0.entry(key).or_insert_with(|| {
                let alarm = Alarm { code, since: now.wall, about, text: text.clone() };
                Known { alarm, begun: now.mono, last: now.mono, raised: false }
            });
            known.last = now.mono;
            changed |= known.raised && known.alarm.text != text;
            known.alarm.text = text;
            let wait_ms = match code.lasts() {
                Lasts::WithItsCause(ms) => ms,
                Lasts::ForADay => 0,
            };
            if !known.raised && now.mono.since(known.begun) >= wait_ms {
                known.raised = true;
                new.push(known.alarm.clone());
            }
        }
        (new, changed)
    }

    /// What is shown: the worst first, of equals the latest first.
    pub(crate) fn shown(&self) -> Vec<Alarm> {
        let mut shown: Vec<Alarm> = self.0.values().filter(|k| k.raised).map(|k| k.alarm.clone()).collect();
        shown.sort_by_key(|a| (a.code.severity(), std::cmp::Reverse(a.since), a.code));
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_model::BrokerId;

    fn at(ms: u64) -> Now {
        Now { wall: Wall(1_000_000 + ms), mono: Mono(ms) }
    }

    fn cause(code: AlarmCode, n: u8, text: &str) -> Cause {
        Cause { code, about: Some(Thing::Broker(BrokerId([n; 16]))), text: text.into() }
    }

    fn shown(alarms: &Alarms) -> Vec<(&'static str, u64, String)> {
        alarms.shown().into_iter().map(|a| (a.code.name(), a.since.0 - 1_000_000, a.text)).collect()
    }

    #[test]
    fn causes_are_shown_after_a_moment_and_go_with_what_caused_them() {
        let mut alarms = Alarms::default();
        let down = |text| vec![cause(AlarmCode::Unreachable, 2, text), cause(AlarmCode::ClockOff, 1, "off")];
        // When, what is there, codes that are new, whether something changed.
        let steps = [
            (1_000, down("a"), &["clock.off"][..], false),
            (5_999, down("b"), &[], false),
            (6_000, down("b"), &["broker.unreachable"], false),
            (7_000, down("c"), &[], true),
            (8_000, down("c"), &[], false),
            (9_000, vec![], &[], true),
            (10_000, down("d"), &["clock.off"], false),
            // What goes before it was shown changes nothing.
            (11_000, vec![cause(AlarmCode::ClockOff, 1, "off")], &[], false),
            (14_000, down("d"), &[], false),
            (18_999, down("d"), &[], false),
        ];
        for (ms, causes, new, changed) in steps {
            let (got, got_changed) = alarms.look(at(ms), causes);
            let got: Vec<_> = got.iter().map(|a| a.code.name()).collect();
            assert_eq!((got.as_slice(), got_changed), (new, changed), "at {ms}");
        }
        assert_eq!(shown(&alarms), [("clock.off", 10_000, "off".to_string())]);
    }

    #[test]
    fn what_happened_stays_for_a_day_since_the_last_time() {
        let mut alarms = Alarms::default();
        assert!(alarms.happened(at(0), AlarmCode::EventForged, "x".into()));
        assert!(!alarms.happened(at(10), AlarmCode::EventForged, "x".into()));
        assert!(alarms.happened(at(20), AlarmCode::SessionStranger, "y".into()));
        let x = ("event.forged", 0, "x".to_string());
        assert_eq!(shown(&alarms), [x.clone(), ("session.stranger", 20, "y".to_string())]);
        assert_eq!(alarms.look(at(DAY_MS + 9), vec![]), (vec![], false));
        assert_eq!(alarms.look(at(DAY_MS + 10), vec![]), (vec![], true));
        assert_eq!(alarms.look(at(DAY_MS + 19), vec![]), (vec![], false));
        assert_eq!(shown(&alarms), [("session.stranger", 20, "y".to_string())]);
        for n in 0..=HAPPENED as u64 {
            alarms.happened(at(100 + n), AlarmCode::SessionStranger, n.to_string());
        }
        assert_eq!(shown(&alarms).len(), HAPPENED);
        assert!(!shown(&alarms).iter().any(|(_, _, text)| text == "y" || text == "0"));
    }
}
