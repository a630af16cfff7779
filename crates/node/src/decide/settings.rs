//! Farm-wide settings and site policies: their keys, what they accept, and their defaults. Durations are written as
//! `30s`, `5m`, `2h` or plain milliseconds `250ms`.

use super::{Decide, Decision, Draft};
use crate::CommandError;
use hostler_events::Event;
use hostler_events::payload::{PolicySet, SettingSet};
use hostler_views::State;
use std::fmt;
use std::str::FromStr;

macro_rules! keys {
    ($(#[$doc:meta])* $type:ident { $($(#[$kdoc:meta])* $variant:ident $name:literal $default:literal $check:ident $help:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum $type {
            $($(#[$kdoc])* $variant,)+
        }

        impl $type {
            /// All keys.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The value where nobody said otherwise.
            #[must_use]
            pub fn default_value(self) -> &'static str {
                match self { $(Self::$variant => $default,)+ }
            }

            /// What it is for, in a sentence.
            #[must_use]
            pub fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)+ }
            }

            fn check(self, value: &str) -> Result<(), String> {
                match self { $(Self::$variant => $check(value),)+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$variant => $name,)+ })
            }
        }

        impl FromStr for $type {
            type Err = ();
            fn from_str(s: &str) -> Result<Self, ()> {
                match s { $($name => Ok(Self::$variant),)+ _ => Err(()) }
            }
        }
    };
}

keys! {
    /// Farm-wide settings: structural, authored by the master of the main site.
    SettingKey {
        /// How long a join token is good.
        TokenLife "tokens.life" "1h" duration "how long a join token is good";
        /// How long a logon to the administration is good.
        LoginLife "admins.login_life" "12h" duration "how long a logon to the administration is good";
        /// How long the master must not have been heard before another is promoted without anybody's word.
        AutomaticAfter "promotion.automatic.after" "off" automatic "how long a majority must not have heard the master before the next in the list takes over by itself, 5s or more; off: only an administrator promotes";
        /// Whether the mastership goes back by itself.
        Failback "promotion.automatic.failback" "false" boolean "after an automatic promotion the mastership goes back to the former master, once a majority has heard it for 10 minutes, doubling each time";
    }
}

keys! {
    /// Policies of a site: everyday, authored by any broker.
    PolicyKey {
        /// Whether a user gets one session for each item.
        OneSession "sessions.one_per_item" "true" boolean "a user who asks again for an item comes back to the session they have";
        /// How long a silent host's sessions stay in the books.
        SilentKeep "hosts.silent_keep" "5m" duration "how long a host that fell silent keeps its sessions before their users get new ones elsewhere; 0s: at once";
        /// How long a new host takes to come up to its full share.
        SlowStart "hosts.slow_start" "2m" duration "how long a host that just appeared takes to come up to its full share of logons";
        /// How long somebody waits for a free host.
        Queue "seats.queue" "0s" duration "how long a user waits for room before they are refused; 0s: not at all";
        /// Requests by one address through the open door.
        PerAddress "open_door.per_address" "600" number "seats that one client address may ask for in a minute through the open door";
        /// Requests for one user through the open door.
        PerUser "open_door.per_user" "30" number "seats that may be asked for in a minute for one user through the open door";
    }
}

/// What a setting says that is not in use.
const OFF: &str = "off";
/// Active brokers that an automatic promotion takes: a majority of fewer is all of them.
pub(crate) const VOTERS: usize = 3;
/// The shortest silence of a master that may end its mastership, in ms: a busy machine must not look like a lost one.
const AUTOMATIC_AT_LEAST_MS: u64 = 5_000;

impl SettingKey {
    /// How long the master may be silent, in ms; `None` where nobody is promoted without an administrator's word.
    #[must_use]
    pub fn automatic_after_ms(main: &State) -> Option<u64> {
        parse_duration_ms(Self::AutomaticAfter.value(main))
    }

    /// The value in a farm.
    #[must_use]
    pub fn value(self, main: &State) -> &str {
        main.settings.get(&self.to_string()).map_or(self.default_value(), String::as_str)
    }

    /// The value in a farm, in ms; the default's where it is no duration.
    #[must_use]
    pub fn value_ms(self, main: &State) -> u64 {
        parse_duration_ms(self.value(main)).or_else(|| parse_duration_ms(self.default_value())).unwrap_or(0)
    }
}

impl PolicyKey {
    /// The value in a site.
    #[must_use]
    pub fn value(self, site: &State) -> &str {
        let set = site.policies.get(&self.to_string()).and_then(|f| f.value.as_deref());
        set.unwrap_or(self.default_value())
    }

    /// The value in a site, in ms; the default's where it is no duration.
    #[must_use]
    pub fn value_ms(self, site: &State) -> u64 {
        parse_duration_ms(self.value(site)).or_else(|| parse_duration_ms(self.default_value())).unwrap_or(0)
    }

    /// The value in a site, as a number; the default's where it is none.
    #[must_use]
    pub fn value_number(self, site: &State) -> u32 {
        self.value(site).parse().or_else(|_| self.default_value().parse()).unwrap_or(0)
    }

    /// The value in a site, as yes or no.
    #[must_use]
    pub fn value_bool(self, site: &State) -> bool {
        self.value(site) == "true"
    }
}

impl Decide<'_> {
    pub(super) fn set(&mut self, key: &str, value: Option<&str>) -> Result<Decision, CommandError> {
        let invalid = |why: String| CommandError::Invalid(format!("{key}: {why}"));
        let value = value.map(str::trim).map(str::to_string);
        if let Ok(known) = key.parse::<SettingKey>() {
            value.as_deref().map_or(Ok(()), |v| known.check(v)).map_err(invalid)?;
            let active = self.site.order.iter().filter(|b| self.is_active(**b)).count();
            if known == SettingKey::AutomaticAfter && value.as_deref().is_some_and(|v| v != OFF) && active < VOTERS {
                return Err(CommandError::Invalid(format!(
                    "{key}: the site has {active} active brokers, and an automatic promotion takes {VOTERS}: of two \
                     that don't hear each other, neither can know which of them is cut off; add brokers first"
                )));
            }
            let event = Event::SettingSet(SettingSet { key: known.to_string(), value });
            return Ok(Decision::default().with(event));
        }
        let Ok(known) = key.parse::<PolicyKey>() else {
            return Err(CommandError::NotFound { what: "setting".to_string(), name: key.chars().take(64).collect() });
        };
        value.as_deref().map_or(Ok(()), |v| known.check(v)).map_err(invalid)?;
        let base = self.site.policies.get(known.to_string().as_str()).map(|f| f.edit);
        let event = Event::PolicySet(PolicySet { key: known.to_string(), value });
        Ok(Decision::default().with(Draft::edit(event, vec![base])))
    }
}

fn automatic(value: &str) -> Result<(), String> {
    match parse_duration_ms(value) {
        _ if value == OFF => Ok(()),
        Some(ms) if ms >= AUTOMATIC_AT_LEAST_MS => Ok(()),
        _ => Err(format!("{value:?} is neither off nor a duration of 5s or more")),
    }
}

fn duration(value: &str) -> Result<(), String> {
    parse_duration_ms(value)
        .map(|_| ())
        .ok_or_else(|| format!("{value:?} is no duration: write for instance 30s, 5m, 2h or 250ms"))
}

fn boolean(value: &str) -> Result<(), String> {
    if matches!(value, "true" | "false") { Ok(()) } else { Err(format!("{value:?} is neither true nor false")) }
}

fn number(value: &str) -> Result<(), String> {
    match value.parse::<u32>() {
        Ok(n) if n > 0 => Ok(()),
        _ => Err(format!("{value:?} is no whole number above 0")),
    }
}

/// Reads `250ms`, `30s`, `5m`, `2h` or `1d`.
pub(crate) fn parse_duration_ms(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms) in [
            ("30s", Some(30_000)),
            ("250ms", Some(250)),
            ("0s", Some(0)),
            ("2h", Some(7_200_000)),
            ("5", None),
            ("s", None),
            ("5w", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(parse_duration_ms(text), ms, "{text}");
        }
        for key in PolicyKey::ALL {
            assert_eq!(key.check(key.default_value()), Ok(()), "{key}");
            assert_eq!(key.to_string().parse(), Ok(*key));
        }
    }
}
