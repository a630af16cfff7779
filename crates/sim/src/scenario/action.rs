//! What can be done to a farm in a simulation. Times are ranges in a scenario; in a resolved plan each is one number.

use super::values::{Range, Ratio, WhichHost, Who};
use crate::dice::Dice;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing that is done to the farm. Times are in ms; what `lasts_ms` ends by itself.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Cuts some brokers off from the other ones, with a share of the hosts and gateways on their side.
    Partition {
        /// The brokers on the one side.
        isolate: Vec<Who>,
        /// The share of hosts and gateways on their side.
        #[serde(default)]
        with: Ratio,
        /// Only what the isolated ones say is lost; they hear everything.
        #[serde(default)]
        one_way: bool,
        /// How long.
        lasts_ms: Range<u64>,
    },
    /// Each broker only reaches its neighbours in the list.
    Ring {
        /// How long.
        lasts_ms: Range<u64>,
    },
    /// All that goes from or to a broker takes longer.
    SlowLinks {
        /// Whose links.
        who: Who,
        /// How much longer one way takes.
        by_ms: Range<u64>,
        /// How long this lasts.
        lasts_ms: Range<u64>,
    },
    /// Ends a broker's process as if the machine had lost its power: what was not synced is lost, or a part of it.
    Crash {
        /// Which.
        who: Who,
        /// After so long it is started again.
        lasts_ms: Range<u64>,
    },
    /// Stops a broker in good order, and starts it again.
    Restart {
        /// Which.
        who: Who,
        /// How long it is away.
        lasts_ms: Range<u64>,
    },
    /// A broker's process stands still, and goes on.
    Pause {
        /// Which.
        who: Who,
        /// How long.
        lasts_ms: Range<u64>,
    },
    /// Keeps a copy of a broker's disk, as a backup of the machine does.
    Snapshot {
        /// Which.
        who: Who,
    },
    /// Starts a broker on the oldest copy of its disk that was kept; where there is none, on half of its log.
    Restore {
        /// Which.
        who: Who,
        /// How long it is away.
        lasts_ms: Range<u64>,
    },
    /// Starts a second broker on a copy of a running one's disk.
    Clone {
        /// Which.
        who: Who,
        /// After so long the copy is switched off for good.
        lasts_ms: Range<u64>,
    },
    /// A broker's disk is lost. It is removed from the farm and joins again as a new one of its name.
    Wipe {
        /// Which.
        who: Who,
        /// How long until somebody takes care of it.
        lasts_ms: Range<u64>,
    },
    /// One bit of a broker's log is wrong; found at its next start, which follows at once. It is treated like a lost
    /// disk then.
    BitRot {
        /// Which.
        who: Who,
        /// How long until somebody takes care of it.
        lasts_ms: Range<u64>,
    },
    /// A broker's disk takes nothing more.
    DiskFull {
        /// Which.
        who: Who,
        /// After so long there is room again, and it is started.
        lasts_ms: Range<u64>,
    },
    /// The next sync of a broker's disk fails.
    SyncError {
        /// Which.
        who: Who,
        /// How long until it is started again.
        lasts_ms: Range<u64>,
    },
    /// Each sync of a broker's disk takes longer.
    SlowDisk {
        /// Which.
        who: Who,
        /// How much longer.
        by_ms: Range<u64>,
        /// How long this lasts.
        lasts_ms: Range<u64>,
    },
    /// A broker's wall clock jumps.
    ClockJump {
        /// Which.
        who: Who,
        /// Forward; back where it is negative.
        by_ms: Range<i64>,
    },
    /// A broker's clocks run fast or slow from now on.
    ClockDrift {
        /// Which.
        who: Who,
        /// Parts in a million.
        ppm: Range<i32>,
    },
    /// An administrator adds a broker.
    AddBroker {
        /// The number of its site, from 1.
        #[serde(default = "first")]
        site: u8,
    },
    /// An administrator removes a broker from the farm.
    RemoveBroker {
        /// Which.
        who: Who,
    },
    /// An administrator disables a broker.
    DisableBroker {
        /// Which.
        who: Who,
    },
    /// An administrator enables a broker.
    EnableBroker {
        /// Which.
        who: Who,
    },
    /// An administrator moves a broker in the list.
    MoveBroker {
        /// Which.
        who: Who,
        /// Towards the first place.
        up: bool,
        /// At which broker the command is given.
        #[serde(default = "any")]
        at: Who,
    },
    /// An administrator declares a broker's key stolen.
    RevokeBroker {
        /// Which.
        who: Who,
    },
    /// An administrator promotes a broker, while the master answers.
    Promote {
        /// Which.
        who: Who,
    },
    /// An administrator at that broker promotes it, although the master does not answer.
    Force {
        /// Which; the command is given there.
        who: Who,
    },
    /// A farm-wide setting or a policy of the site gets another value.
    Set {
        /// Its key.
        key: String,
        /// Its value.
        value: String,
        /// At which broker.
        #[serde(default = "any")]
        at: Who,
    },
    /// An everyday change: an item is published.
    Publish {
        /// At which broker.
        at: Who,
    },
    /// A structural change: an administrator is added.
    AddAdmin {
        /// At which broker.
        at: Who,
    },
    /// A revocation: the administrator who was added last is disabled.
    DisableAdmin {
        /// At which broker.
        at: Who,
    },
    /// The administrator who was added last does something.
    ActAsAdded {
        /// At which broker.
        at: Who,
    },
    /// What was superseded and waits is applied again, or discarded in turn.
    SettleSuperseded {
        /// At which broker.
        at: Who,
    },
    /// A broker's program is exchanged for one that can't read the seals of planned promotions: it must stop deciding at
    /// the first that it meets.
    OlderProgram {
        /// Which.
        who: Who,
        /// How long it is away for the exchange.
        lasts_ms: Range<u64>,
    },
    /// A broker's program is exchanged for the present one.
    NewerProgram {
        /// Which.
        who: Who,
        /// How long it is away for the exchange.
        lasts_ms: Range<u64>,
    },
    /// A host's agent is gone; its sessions go on.
    AgentGone {
        /// Which.
        host: WhichHost,
        /// How long.
        lasts_ms: Range<u64>,
    },
    /// A host restarts: its sessions end.
    Reboot {
        /// Which.
        host: WhichHost,
        /// How long it is away.
        lasts_ms: Range<u64>,
    },
    /// A host says that nothing runs on it and that it has no sessions.
    Lies {
        /// Which.
        host: WhichHost,
        /// How long.
        lasts_ms: Range<u64>,
    },
    /// What a host's agent says takes longer.
    SlowAgent {
        /// Which.
        host: WhichHost,
        /// How much.
        by_ms: Range<u64>,
        /// How long this lasts.
        lasts_ms: Range<u64>,
    },
    /// Logons on a host fail, although its agent admits them.
    FailsLogons {
        /// Which.
        host: WhichHost,
        /// How long.
        lasts_ms: Range<u64>,
    },
    /// An administrator drains a host, or ends that.
    Drain {
        /// Which.
        host: WhichHost,
        /// Whether it takes nobody new.
        on: bool,
    },
    /// Users log on, work for a while, and log off.
    Logons {
        /// How many a minute.
        per_minute: u32,
        /// How long a session lasts, in ms.
        session_ms: Range<u64>,
        /// How long this goes on.
        lasts_ms: Range<u64>,
    },
    /// Administrators work on brokers at random: users, groups, items, policies, hosts, settings, the list of brokers.
    Work {
        /// How long between two commands.
        every_ms: Range<u64>,
        /// The share of structural commands.
        #[serde(default = "a_quarter")]
        structural: Ratio,
        /// How long this goes on.
        lasts_ms: Range<u64>,
    },
    /// Many users log on.
    Storm {
        /// How many.
        users: u32,
        /// Spread over so long.
        over_ms: Range<u64>,
    },
    /// A user whose session has ended presents its ticket once more.
    PresentAgain {},
    /// All sessions of some hosts end: they are empty among full ones.
    Empty {
        /// Which.
        host: WhichHost,
    },
}

fn first() -> u8 {
    1
}

fn any() -> Who {
    Who::Any
}

fn a_quarter() -> Ratio {
    Ratio { of: 1, out_of: 4 }
}

impl Action {
    /// Every time range in it.
    fn ranges(&mut self) -> Vec<&mut Range<u64>> {
        match self {
            Self::Partition { lasts_ms, .. }
            | Self::Ring { lasts_ms }
            | Self::Crash { lasts_ms, .. }
            | Self::Restart { lasts_ms, .. }
            | Self::Pause { lasts_ms, .. }
            | Self::Restore { lasts_ms, .. }
            | Self::Clone { lasts_ms, .. }
            | Self::Wipe { lasts_ms, .. }
            | Self::BitRot { lasts_ms, .. }
            | Self::DiskFull { lasts_ms, .. }
            | Self::SyncError { lasts_ms, .. }
            | Self::OlderProgram { lasts_ms, .. }
            | Self::NewerProgram { lasts_ms, .. }
            | Self::AgentGone { lasts_ms, .. }
            | Self::Reboot { lasts_ms, .. }
            | Self::Lies { lasts_ms, .. }
            | Self::FailsLogons { lasts_ms, .. }
            | Self::Storm { over_ms: lasts_ms, .. }
            | Self::Logons { lasts_ms, .. }
            | Self::Work { lasts_ms, .. } => vec![lasts_ms],
            Self::SlowLinks { by_ms, lasts_ms, .. }
            | Self::SlowDisk { by_ms, lasts_ms, .. }
            | Self::SlowAgent { by_ms, lasts_ms, .. } => vec![by_ms, lasts_ms],
            _ => Vec::new(),
        }
    }

    /// The same with one number in the place of each range. What a session lasts stays a range: it is drawn for each.
    #[must_use]
    pub fn resolved(mut self, dice: &mut Dice) -> Self {
        for range in self.ranges() {
            *range = Range::just(dice.between(*range));
        }
        match &mut self {
            Self::ClockJump { by_ms, .. } => *by_ms = Range::just(dice.between(*by_ms)),
            Self::ClockDrift { ppm, .. } => *ppm = Range::just(dice.between(*ppm)),
            _ => {}
        }
        self
    }

    /// The brokers that it names.
    #[must_use]
    pub fn brokers(&self) -> Vec<Who> {
        match self {
            Self::Partition { isolate, .. } => isolate.clone(),
            Self::MoveBroker { who, at, .. } => vec![*who, *at],
            Self::SlowLinks { who, .. }
            | Self::Crash { who, .. }
            | Self::Restart { who, .. }
            | Self::Pause { who, .. }
            | Self::Snapshot { who }
            | Self::Restore { who, .. }
            | Self::Clone { who, .. }
            | Self::Wipe { who, .. }
            | Self::BitRot { who, .. }
            | Self::DiskFull { who, .. }
            | Self::SyncError { who, .. }
            | Self::SlowDisk { who, .. }
            | Self::ClockJump { who, .. }
            | Self::ClockDrift { who, .. }
            | Self::RemoveBroker { who }
            | Self::DisableBroker { who }
            | Self::EnableBroker { who }
            | Self::RevokeBroker { who }
            | Self::Promote { who }
            | Self::Force { who }
            | Self::OlderProgram { who, .. }
            | Self::NewerProgram { who, .. } => vec![*who],
            Self::Set { at, .. }
            | Self::Publish { at }
            | Self::AddAdmin { at }
            | Self::DisableAdmin { at }
            | Self::ActAsAdded { at }
            | Self::SettleSuperseded { at } => vec![*at],
            _ => Vec::new(),
        }
    }

    /// How long it goes on.
    #[must_use]
    pub fn lasts_ms(&self) -> u64 {
        self.clone().ranges().last().map_or(0, |range| range.1)
    }

    /// Its name in a scenario, and whether it is a fault: not what users and administrators do on any day.
    #[must_use]
    pub fn kind(&self) -> (&'static str, bool) {
        match self {
            Self::Partition { .. } => ("partition", true),
            Self::Ring { .. } => ("ring", true),
            Self::SlowLinks { .. } => ("slow_links", true),
            Self::Crash { .. } => ("crash", true),
            Self::Restart { .. } => ("restart", true),
            Self::Pause { .. } => ("pause", true),
            Self::Snapshot { .. } => ("snapshot", false),
            Self::Restore { .. } => ("restore", true),
            Self::Clone { .. } => ("clone", true),
            Self::Wipe { .. } => ("wipe", true),
            Self::BitRot { .. } => ("bit_rot", true),
            Self::DiskFull { .. } => ("disk_full", true),
            Self::SyncError { .. } => ("sync_error", true),
            Self::SlowDisk { .. } => ("slow_disk", true),
            Self::ClockJump { .. } => ("clock_jump", true),
            Self::ClockDrift { .. } => ("clock_drift", true),
            Self::AddBroker { .. } => ("add_broker", false),
            Self::RemoveBroker { .. } => ("remove_broker", false),
            Self::DisableBroker { .. } => ("disable_broker", false),
            Self::EnableBroker { .. } => ("enable_broker", false),
            Self::MoveBroker { .. } => ("move_broker", false),
            Self::RevokeBroker { .. } => ("revoke_broker", false),
            Self::Promote { .. } => ("promote", false),
            Self::Force { .. } => ("force", false),
            Self::Set { .. } => ("set", false),
            Self::Publish { .. } => ("publish", false),
            Self::AddAdmin { .. } => ("add_admin", false),
            Self::DisableAdmin { .. } => ("disable_admin", false),
            Self::ActAsAdded { .. } => ("act_as_added", false),
            Self::SettleSuperseded { .. } => ("settle_superseded", false),
            Self::OlderProgram { .. } => ("older_program", true),
            Self::NewerProgram { .. } => ("newer_program", true),
            Self::AgentGone { .. } => ("agent_gone", true),
            Self::Reboot { .. } => ("reboot", true),
            Self::Lies { .. } => ("lies", true),
            Self::SlowAgent { .. } => ("slow_agent", true),
            Self::FailsLogons { .. } => ("fails_logons", true),
            Self::Drain { .. } => ("drain", false),
            Self::Logons { .. } => ("logons", false),
            Self::Work { .. } => ("work", false),
            Self::Storm { .. } => ("storm", false),
            Self::PresentAgain {} => ("present_again", false),
            Self::Empty { .. } => ("empty", true),
        }
    }
}
