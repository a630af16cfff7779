//! The format of scenario files. A resolved plan is a scenario as well: one with a seed, and with steps only.

mod action;
mod place;
mod values;

pub use action::Action;
pub use values::{NotABroker, NotAHost, NotARatio, Range, Ratio, WhichHost, Who};

use crate::check;
use crate::marks;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the format.
pub const FORMAT: u32 = 1;
/// Brokers in one farm.
const BROKERS: u8 = 9;
/// Hosts of one site.
const HOSTS: u16 = 1_000;
/// Users of the farm.
const USERS: u32 = 20_000;
/// Simulated time of one run, in ms: a year.
const DURATION_MS: u64 = 366 * 24 * 3_600_000;

/// A scenario: a farm, what happens to it, and what must hold.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The version of this format: 1.
    pub format: u32,
    /// What it is about, in a line.
    pub title: String,
    /// Why it is worth running: which rule it tries, or which failure it comes from.
    pub why: String,
    /// Set in a resolved plan: this seed and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// How long it runs.
    pub run: Run,
    /// The farm.
    pub cluster: Cluster,
    /// The network between its members.
    #[serde(default)]
    pub network: Network,
    /// The brokers' disks.
    #[serde(default)]
    pub disk: Disk,
    /// The brokers' clocks.
    #[serde(default)]
    pub clock: Clock,
    /// Afterwards everything works again.
    pub heal: Heal,
    /// What must hold.
    pub expect: Expect,
    /// What happens at random, one phase after the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phase: Vec<Phase>,
    /// What happens at known times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub step: Vec<Step>,
}

/// How long a scenario runs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Simulated time until the healing begins, in ms.
    pub duration_ms: u64,
}

/// The farm.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Brokers; at most 9.
    pub brokers: u8,
    /// Of these, the ones with the highest numbers belong to a second site.
    #[serde(default)]
    pub second_site: u8,
    /// Session hosts, of the first site.
    #[serde(default)]
    pub hosts: u16,
    /// Users that the farm knows.
    #[serde(default = "Cluster::default_users")]
    pub users: u32,
    /// Published items.
    #[serde(default = "Cluster::default_items")]
    pub items: u16,
    /// Gateways.
    #[serde(default = "Cluster::default_gateways")]
    pub gateways: u8,
    /// The most sessions of a host.
    #[serde(default = "Cluster::default_cap")]
    pub hard_cap: u32,
    /// Logons at once that a host takes.
    #[serde(default = "Cluster::default_slots")]
    pub logon_slots: u32,
    /// How long a logon takes on a host, in ms.
    #[serde(default = "Cluster::default_logon")]
    pub logon_ms: Range<u64>,
    /// Whether a host has one session for each user and item, instead of one for each user.
    #[serde(default)]
    pub per_item: bool,
    /// Settings and policies that are not at their default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}

impl Cluster {
    fn default_users() -> u32 {
        100
    }

    fn default_items() -> u16 {
        2
    }

    fn default_gateways() -> u8 {
        2
    }

    fn default_cap() -> u32 {
        50
    }

    fn default_slots() -> u32 {
        10
    }

    fn default_logon() -> Range<u64> {
        Range(500, 3_000)
    }
}

/// The network between the members.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// How long one way takes, in ms.
    pub delay_ms: Range<u64>,
    /// The share of packets that get lost: a datagram for good, a part of a stream until it is sent again.
    pub loss: Ratio,
    /// The share of datagrams that arrive twice.
    pub duplicate: Ratio,
    /// The share of datagrams that are overtaken by later ones.
    pub reorder: Ratio,
}

impl Default for Network {
    fn default() -> Self {
        Self { delay_ms: Range(1, 5), loss: Ratio::NEVER, duplicate: Ratio::NEVER, reorder: Ratio::NEVER }
    }
}

/// The brokers' disks.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Disk {
    /// How long a sync takes, in ms.
    pub sync_ms: Range<u64>,
}

impl Default for Disk {
    fn default() -> Self {
        Self { sync_ms: Range(1, 4) }
    }
}

/// The brokers' clocks.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Clock {
    /// How far wall clocks are off at the beginning, in ms.
    pub skew_ms: Range<i64>,
    /// How fast or slow clocks run, in parts in a million.
    pub drift_ppm: Range<i32>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { skew_ms: Range(0, 0), drift_ppm: Range(0, 0) }
    }
}

/// The end: everything works again, and the farm must become one.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Heal {
    /// Within so many ms all brokers must agree.
    pub within_ms: u64,
}

/// What must hold.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The invariants by name, or `["all"]`.
    pub invariants: Vec<String>,
    /// Coverage marks that some seed must have reached, and all together: else the scenario does not try what it says.
    #[serde(default)]
    pub reached: Vec<String>,
    /// A fault that is planted in the program. Only builds that can plant faults run such a scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planted: Option<String>,
    /// The invariant that finds the planted fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caught_by: Option<String>,
}

/// A part of the run in which things happen at random.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// How long it takes, in ms.
    pub for_ms: u64,
    /// What users and administrators do.
    #[serde(default)]
    pub workload: Vec<Happening>,
    /// What goes wrong.
    #[serde(default)]
    pub fault: Vec<Happening>,
}

/// Something that happens in a phase: all the time that it takes, or again and again.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Happening {
    /// Once, so long after the beginning of the phase, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<Range<u64>>,
    /// Again and again, so long after each other, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_ms: Option<Range<u64>>,
    /// In that share of the runs only.
    #[serde(default = "always")]
    pub sometimes: Ratio,
    /// What.
    pub action: Action,
}

fn always() -> Ratio {
    Ratio::ALWAYS
}

/// Something that happens at a known time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When, in ms from the beginning.
    pub at_ms: Range<u64>,
    /// What.
    pub action: Action,
}

/// Why a text is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// It can't be read.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// It says what can't be.
    #[error("{0}")]
    Nonsense(String),
    /// A plan can't be written.
    #[error("the plan can't be written: {0}")]
    Write(#[from] toml::ser::Error),
}

impl Scenario {
    /// Reads a scenario and looks whether it makes sense.
    ///
    /// # Errors
    /// Where it is no TOML, has an unknown key, or says what can't be; with the line, where there is one.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text)?;
        scenario.check().map_err(|what| ScenarioError::Nonsense(place::with_line(text, what)))?;
        Ok(scenario)
    }

    /// As text.
    ///
    /// # Errors
    /// Never for a scenario that was read.
    pub fn to_toml(&self) -> Result<String, ScenarioError> {
        Ok(toml::to_string(self)?)
    }

    /// The JSON schema of the format, for editors.
    #[must_use]
    pub fn schema() -> schemars::Schema {
        schemars::schema_for!(Self)
    }

    fn check(&self) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!("format = {}; this program reads format {FORMAT}", self.format));
        }
        let c = &self.cluster;
        let phases_ms = self.phase.iter().fold(0_u64, |sum, phase| sum.saturating_add(phase.for_ms));
        for (what, wrong) in [
            ("cluster.brokers must be from 1 to 9", !(1..=BROKERS).contains(&c.brokers)),
            ("cluster.second_site must be below cluster.brokers", c.second_site >= c.brokers),
            ("cluster.hosts must be at most 1000", c.hosts > HOSTS),
            ("cluster.users must be at most 20000", c.users > USERS),
            ("cluster.gateways must be at least 1", c.gateways == 0),
            ("cluster.items must be from 1 to 64", !(1..=64).contains(&c.items)),
            ("cluster.hard_cap must be from 1 to 4096", !(1..=4_096).contains(&c.hard_cap)),
            ("cluster.logon_slots must be at least 1", c.logon_slots == 0),
            ("run.duration_ms must be from 1 to a year", !(1..=DURATION_MS).contains(&self.run.duration_ms)),
            ("the phases take longer than run.duration_ms", phases_ms > self.run.duration_ms),
            ("heal.within_ms must be at least 1000", self.heal.within_ms < 1_000),
            (
                "expect.planted and expect.caught_by go together",
                self.expect.planted.is_some() != self.expect.caught_by.is_some(),
            ),
        ] {
            if wrong {
                return Err(what.to_owned());
            }
        }
        for name in self.expect.invariants.iter().filter(|n| *n != "all").chain(&self.expect.caught_by) {
            if !check::NAMES.contains(&name.as_str()) {
                return Err(format!("there is no invariant {name:?}; there are: {}", check::NAMES.join(", ")));
            }
        }
        for name in &self.expect.reached {
            if !marks::is_known(name) {
                return Err(format!("there is no coverage mark {name:?}; there are: {}", marks::all().join(", ")));
            }
        }
        let happenings = self.phase.iter().flat_map(|p| p.workload.iter().chain(&p.fault));
        for happening in happenings {
            if happening.at_ms.is_some() && happening.every_ms.is_some() {
                return Err(format!("{}: at_ms or every_ms, not both", happening.action.kind().0));
            }
            if happening.every_ms.is_some_and(|every| every.1 == 0) {
                return Err(format!("{}: every_ms must be above 0", happening.action.kind().0));
            }
        }
        if let Some(step) = self.step.iter().find(|s| s.at_ms.1 > self.run.duration_ms) {
            return Err(format!("the step {} at {} ms is after run.duration_ms", step.action.kind().0, step.at_ms.1));
        }
        if let Some(number) = self.mentioned().find(|n| *n > c.brokers + self.added()) {
            return Err(format!("\"b{number}\" is named, but there are only {} brokers", c.brokers));
        }
        Ok(())
    }

    /// Brokers that are added on the way.
    fn added(&self) -> u8 {
        let steps = self.step.iter().map(|s| &s.action);
        let phases = self.phase.iter().flat_map(|p| p.workload.iter().chain(&p.fault)).map(|h| &h.action);
        let added = steps.chain(phases).filter(|a| matches!(a, Action::AddBroker { .. })).count();
        u8::try_from(added).unwrap_or(u8::MAX - BROKERS)
    }

    fn mentioned(&self) -> impl Iterator<Item = u8> {
        let steps = self.step.iter().map(|s| &s.action);
        let phases = self.phase.iter().flat_map(|p| p.workload.iter().chain(&p.fault)).map(|h| &h.action);
        steps.chain(phases).flat_map(Action::brokers).filter_map(|who| match who {
            Who::Broker(number) => Some(number),
            _ => None,
        })
    }
}
