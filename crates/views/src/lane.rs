//! What became of an event.

use hostler_events::EventRef;
use hostler_model::Name;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What became of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// It counts.
    Applied,
    /// A mastership that it does not know, or that does not know it, took its place.
    Superseded {
        /// The promotion or resume that did it; `None` where its own promotion is not effective or not known.
        by: Option<EventRef>,
    },
    /// Its author had been revoked.
    Quarantined {
        /// The revocation.
        by: EventRef,
    },
    /// It touches, or is by, something whose creation does not count.
    Orphaned,
}

impl Lane {
    /// The lane's name, for filters and tables.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Superseded { .. } => "superseded",
            Self::Quarantined { .. } => "quarantined",
            Self::Orphaned => "orphaned",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What the audit says about an applied event beside its text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// The name was taken, by something that was created on another side; this is the name now.
    Renamed {
        /// The name that it got.
        to: Name,
    },
    /// It replaced an edit that its author had not seen.
    Overwrote {
        /// Which field, by its place in the event.
        field: usize,
        /// The edit that it replaced.
        edit: EventRef,
    },
    /// What it changes had been removed on another side.
    AlreadyRemoved,
    /// It settled nothing: the event was settled before, is applied anyway, or can't be settled.
    SettledNothing,
    /// This program can't read it.
    Unreadable,
}
