//! All alarms that there are: their codes, how bad they are, how long they last, and what to do first. Each has a page in
//! `docs/alarms`, and a test holds the two together.

use std::fmt;
use std::str::FromStr;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Something doesn't work, or something is not as it should be in what brokers agree on.
    Critical,
    /// All works; somebody should look soon.
    Warning,
}

impl Severity {
    /// For programs and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
        }
    }
}

/// How long an alarm lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lasts {
    /// As long as its cause, which must have been there for so many ms before the alarm is raised.
    WithItsCause(u64),
    /// It happened: for a day since it happened last, or until this broker restarts.
    ForADay,
}

/// What cuts in a network and restarts make for a moment is not worth an alarm, in ms.
const MOMENT_MS: u64 = 5_000;
/// A handover takes so long at most, its second try included, and so does a start, in ms.
const HANDOVER_MS: u64 = 10_000;

macro_rules! alarm_codes {
    ($($code:ident, $name:literal, $severity:ident, $lasts:expr, $advice:literal;)*) => {
        /// Which alarm. The names stay the same for ever.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum AlarmCode {
            $(#[doc = $name] $code,)*
        }

        impl AlarmCode {
            /// All.
            pub const ALL: &'static [Self] = &[$(Self::$code),*];

            /// The name, for programs: it stays the same.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$code => $name,)* }
            }

            /// How bad it is.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Self::$code => Severity::$severity,)* }
            }

            /// How long it lasts.
            #[must_use]
            pub fn lasts(self) -> Lasts {
                match self { $(Self::$code => $lasts,)* }
            }

            /// What to do first.
            #[must_use]
            pub fn advice(self) -> &'static str {
                match self { $(Self::$code => $advice,)* }
            }
        }
    };
}

alarm_codes! {
    Isolated, "broker.isolated", Critical, Lasts::WithItsCause(MOMENT_MS),
        "see whether that broker's network or the other brokers are down; its users are seated all the same";
    Removed, "broker.removed", Critical, Lasts::WithItsCause(0),
        "see in the log who removed it; it can come back with a new token: hostler join TOKEN, on that machine";
    Unreachable, "broker.unreachable", Warning, Lasts::WithItsCause(MOMENT_MS),
        "see whether its machine and its service run, and whether 20030/udp is open in both directions";
    MasterUnreachable, "master.unreachable", Critical, Lasts::WithItsCause(MOMENT_MS),
        "bring it back, or promote another one: hostler broker promote NAME says what that takes";
    Lagging, "broker.lagging", Warning, Lasts::WithItsCause(MOMENT_MS),
        "look at that machine's disk and at the network between the two";
    OneActive, "brokers.one_active", Warning, Lasts::WithItsCause(MOMENT_MS),
        "bring another broker back, or enable one: when this one fails, nobody new gets a session";
    Many, "brokers.many", Warning, Lasts::WithItsCause(0),
        "disable one with: hostler broker disable NAME; standbys take its place when it is needed";
    ClockOff, "clock.off", Warning, Lasts::WithItsCause(0),
        "set that machine's clock by NTP";
    ClockAhead, "clock.ahead", Critical, Lasts::WithItsCause(0),
        "set that machine's clock by NTP: until then this broker takes no changes";
    EpochFenced, "epoch.fenced", Critical, Lasts::WithItsCause(MOMENT_MS),
        "start every broker of the farm: the master then begins a new epoch by itself";
    PromotionUnfinished, "promotion.unfinished", Warning, Lasts::WithItsCause(HANDOVER_MS),
        "bring the successor back, or the former master; where neither comes back, force a promotion";
    PromotionFailed, "promotion.failed", Warning, Lasts::ForADay,
        "see what the text says stands in the way; the promotion is tried again by itself";
    PromotionDisarmed, "promotion.disarmed", Warning, Lasts::WithItsCause(0),
        "enable a third broker, or turn it off with: hostler settings unset promotion.automatic.after";
    PromotionAbstains, "promotion.abstains", Warning, Lasts::WithItsCause(HANDOVER_MS),
        "once all brokers are up, restart that broker, then promote another one for a moment";
    DualPromotion, "promotion.dual", Critical, Lasts::WithItsCause(0),
        "look at what was superseded with: hostler log superseded";
    PromotionHeld, "promotion.held", Critical, Lasts::WithItsCause(0),
        "correct the clock of the broker that was promoted, then promote again";
    EventsWaiting, "events.waiting", Warning, Lasts::WithItsCause(0),
        "go through them with: hostler log superseded; then hostler log reapply or hostler log discard";
    EventsHeld, "event.held", Warning, Lasts::WithItsCause(0),
        "correct the clock of the broker that wrote them; they count when their time has come";
    EventUnknown, "event.unknown", Critical, Lasts::WithItsCause(0),
        "update this broker's program to the version that the other brokers have";
    EventForged, "event.forged", Critical, Lasts::ForADay,
        "find out whether the sending broker's machine is still yours; if not: hostler broker revoke NAME --compromised";
    EventUnreadable, "event.unreadable", Warning, Lasts::ForADay,
        "update the older of the two programs";
    Forked, "feed.forked", Critical, Lasts::ForADay,
        "stop the second copy of that broker; then remove it and let it join again with a token";
    Copied, "broker.copied", Critical, Lasts::ForADay,
        "stop the second copy of that broker; then remove it and let it join again with a token";
    ViewsDiffer, "views.differ", Critical, Lasts::WithItsCause(0),
        "see that both brokers have the same version and restart them; if it stays, report it with both logs";
    SessionStranger, "session.stranger", Warning, Lasts::ForADay,
        "see who reaches the host's RDP port past the gateway";
    SessionDuplicate, "session.duplicate", Warning, Lasts::ForADay,
        "let the user choose one session and log the other off with: hostler session logoff ID";
    HostNonsense, "host.nonsense", Warning, Lasts::ForADay,
        "update or restart the agent on that host; until then it gets nobody new";
}

impl fmt::Display for AlarmCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// There is no alarm of that name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there is no alarm {0:?}; list all with: hostler alarm show")]
pub struct NoSuchAlarm(pub String);

impl FromStr for AlarmCode {
    type Err = NoSuchAlarm;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|code| code.name() == text).copied();
        found.ok_or_else(|| NoSuchAlarm(text.chars().take(64).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_told_apart_and_read_back() {
        let names: BTreeSet<&str> = AlarmCode::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), AlarmCode::ALL.len());
        for code in AlarmCode::ALL {
            assert_eq!(code.name().parse(), Ok(*code));
            assert!(code.name().bytes().all(|b| b.is_ascii_lowercase() || b == b'.' || b == b'_'), "{code}");
        }
        assert_eq!("x".parse::<AlarmCode>(), Err(NoSuchAlarm("x".into())));
    }
}
