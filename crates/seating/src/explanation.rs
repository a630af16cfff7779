//! Why somebody sits where they sit. It travels with the seat, and the agent keeps it for the session's life.

use hostler_model::{BrokerId, HostId, ItemId, PerMille, UserName, Wall};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Why a host was chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The user has a session there.
    ExistingSession,
    /// A seat was already held there for the user: a double click, or a client's second connection.
    HeldSeat,
    /// The lowest score.
    LowestScore,
}

/// Why a host was not looked at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exclusion {
    /// The item is not published there.
    NotPublished,
    /// It takes nobody new.
    Draining,
    /// No connection to its agent.
    Down,
    /// Its last report is too old.
    Stale,
    /// At its hard cap.
    Full,
    /// No logon slot is free.
    NoSlot,
    /// It failed logons and is set aside for a while.
    SetAside,
    /// The user has another item's session there, and the host knows one a user.
    OtherItem,
    /// The gateway could not reach it a moment ago.
    Unreachable,
    /// The agent refused when it was asked.
    Refused,
}

impl Exclusion {
    /// The cause in words, for counting: "3 full, 1 draining".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NotPublished => "without the item",
            Self::Draining => "draining",
            Self::Down => "down",
            Self::Stale => "with reports that are too old",
            Self::Full => "full",
            Self::NoSlot => "without a free logon slot",
            Self::SetAside => "set aside after failed logons",
            Self::OtherItem => "with another session of the user",
            Self::Unreachable => "unreachable from the gateway",
            Self::Refused => "refused by the agent",
        }
    }
}

/// A host that was looked at. All figures are as they were at that moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Candidate {
    /// The host.
    pub host: HostId,
    /// Its name then.
    pub name: Arc<str>,
    /// Its score in thousandths; lower is better.
    pub score: u32,
    /// CPU in use.
    pub cpu: PerMille,
    /// Memory in use.
    pub memory: PerMille,
    /// Sessions, and seats that were held.
    pub taken: u32,
    /// Its hard cap.
    pub hard_cap: u32,
    /// Logons in flight.
    pub logons: u32,
    /// How old its report was, in ms.
    pub report_age_ms: u64,
}

/// One decision, with everything that it rested on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Explanation {
    /// When it was made, by the broker's clock.
    pub at: Wall,
    /// Who made it.
    pub broker: BrokerId,
    /// For whom.
    pub user: UserName,
    /// What for.
    pub item: ItemId,
    /// Where to.
    pub host: HostId,
    /// Why there.
    pub reason: Reason,
    /// The best candidates, the chosen one first; at most [`Explanation::CANDIDATES`].
    pub candidates: Vec<Candidate>,
    /// How many hosts were excluded, by cause, and the first few of them by name.
    pub excluded: Arc<[Excluded]>,
    /// How many were eligible, of which the candidates are a sample where there are many.
    pub eligible: u32,
}

/// Hosts that were excluded for one cause.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Excluded {
    /// The cause.
    pub why: Exclusion,
    /// How many.
    pub count: u32,
    /// The names of the first few; at most [`Explanation::EXCLUDED_NAMES`].
    pub names: Vec<Arc<str>>,
}

impl Explanation {
    /// Candidates that are kept.
    pub const CANDIDATES: usize = 8;
    /// Names that are kept for each cause.
    pub const EXCLUDED_NAMES: usize = 3;
}
