//! What a session host tells the brokers about itself.

use hostler_model::limits::{SEAT_HOLD_MS, SESSIONS_PER_HOST};
use hostler_model::{ItemId, PerMille, SeatId, SessionId, UserName, Wall};
use serde::{Deserialize, Serialize};

/// How a session source tells sessions apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// One session for each user: a second logon takes the first one over, a new shell is ignored (xrdp).
    PerUser,
    /// One session for each user and item.
    PerItem,
}

/// Whether somebody looks at a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// A client is connected.
    Active,
    /// The session goes on without a client.
    Disconnected,
}

/// What an agent makes of a session whose user it did not expect.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It began with a seat that a broker had reserved for this user.
    Seat {
        /// The seat.
        seat: SeatId,
        /// What was asked for.
        item: ItemId,
    },
    /// It began without a seat: the user went around the broker, or the agent was not running.
    Unbrokered,
}

/// One session on a host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Its id, the same for its whole life, also over restarts of the agent.
    pub id: SessionId,
    /// Whose session it is.
    pub user: UserName,
    /// Whether somebody looks at it.
    pub state: SessionState,
    /// When it began, by the host's clock.
    pub started: Wall,
    /// How it came to be.
    pub origin: Origin,
}

/// One seat that an agent holds for somebody who has not come yet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HeldSeat {
    /// The seat.
    pub seat: SeatId,
    /// For whom.
    pub user: UserName,
    /// What they asked for.
    pub item: ItemId,
    /// How long it is still held, in ms.
    pub left_ms: u64,
}

/// How full and how busy a host is. Shares are of the whole machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Load {
    /// CPU in use, averaged over the last interval.
    pub cpu: PerMille,
    /// Memory in use.
    pub memory: PerMille,
    /// Logons that have begun and are not a session yet.
    pub logons_in_flight: u32,
}

/// The whole state of a host: sent every [`hostler_model::limits::REPORT_INTERVAL_MS`], and at once when sessions or
/// seats change. Always whole, so a lost or reordered one can do no harm: the highest `number` counts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Counts up from 1 in one run of the agent.
    pub number: u64,
    /// How its sessions are told apart.
    pub kind: SessionKind,
    /// The most sessions and held seats that it admits.
    pub hard_cap: u32,
    /// Logons that it can take at the same time.
    pub logon_slots: u32,
    /// True where it admits nobody new, by its own decision or by order.
    pub draining: bool,
    /// How busy it is.
    pub load: Load,
    /// All its sessions.
    pub sessions: Vec<Session>,
    /// All seats that it holds.
    pub seats: Vec<HeldSeat>,
    /// Logons that failed since the last report, of those that had a seat: a host that fails logons is set aside.
    pub failed_logons: u32,
}

impl Report {
    /// Looks for figures that no host can have. A report that fails is not used at all: half of it could be worse than
    /// the one before it.
    ///
    /// # Errors
    /// The first thing in it that can't be.
    pub fn check(&self) -> Result<(), ReportError> {
        if self.number == 0 {
            return Err(ReportError::Number);
        }
        for (what, value) in [("CPU", self.load.cpu), ("memory", self.load.memory)] {
            if !value.is_valid() {
                return Err(ReportError::Share { what, value });
            }
        }
        for (what, count) in [
            ("places", self.hard_cap as usize),
            ("logon slots", self.logon_slots as usize),
            ("logons in flight", self.load.logons_in_flight as usize),
            ("failed logons", self.failed_logons as usize),
            ("sessions", self.sessions.len()),
            ("seats", self.seats.len()),
        ] {
            if count > SESSIONS_PER_HOST {
                return Err(ReportError::TooMany { what, count, max: SESSIONS_PER_HOST });
            }
        }
        // A seat is held once for its ticket to come, and once more for the logon that the ticket began.
        let most_ms = 2 * SEAT_HOLD_MS;
        if let Some(seat) = self.seats.iter().find(|s| s.left_ms > most_ms) {
            let (count, max) = (usize::try_from(seat.left_ms).unwrap_or(usize::MAX), most_ms as usize);
            return Err(ReportError::TooMany { what: "ms left for a seat", count, max });
        }
        if let Some(id) = listed_twice(self.sessions.iter().map(|s| s.id)) {
            return Err(ReportError::Twice(id));
        }
        listed_twice(self.seats.iter().map(|s| s.seat)).map_or(Ok(()), |id| Err(ReportError::SeatTwice(id)))
    }
}

/// The first id that occurs twice. Agents list in ascending order, and then nothing is sorted here.
fn listed_twice<T: Ord + Copy>(ids: impl Iterator<Item = T> + Clone) -> Option<T> {
    if ids.clone().zip(ids.clone().skip(1)).all(|(a, b)| a < b) {
        return None;
    }
    let mut sorted: Vec<T> = ids.collect();
    sorted.sort_unstable();
    sorted.windows(2).find(|w| w[0] == w[1]).map(|w| w[0])
}

/// Why a report is not believed. Nothing of it is used then.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReportError {
    /// A share above the whole.
    #[error("the host reports {what} of {value}, more than all of it")]
    Share {
        /// CPU or memory.
        what: &'static str,
        /// What it said.
        value: PerMille,
    },
    /// More sessions or seats than any host has.
    #[error("the host reports {count} {what}; {max} is the most that is believed")]
    TooMany {
        /// Sessions, seats, or slots.
        what: &'static str,
        /// How many.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// A session that it lists twice.
    #[error("the host lists session {0} twice")]
    Twice(SessionId),
    /// A seat that it lists twice.
    #[error("the host lists seat {0} twice")]
    SeatTwice(SeatId),
    /// Reports count from 1.
    #[error("the host's report has number 0; reports count from 1")]
    Number,
}
