//! What is measured, one file for each comparison.

pub(crate) mod events;
pub(crate) mod failure;
pub(crate) mod gateway;
pub(crate) mod logons;
pub(crate) mod scale;
pub(crate) mod spread;

use crate::figures::Chapter;
use crate::plan::Plan;
use crate::show::Show;
use anyhow::Result;
use tokio::runtime::Runtime;

/// What every topic is given.
pub(crate) struct Bench<'a> {
    /// How long and how often.
    pub(crate) plan: Plan,
    /// The display.
    pub(crate) show: &'a Show,
    /// Where the generators of load run.
    pub(crate) runtime: &'a Runtime,
}

/// Measures one thing.
pub(crate) type Measure = fn(&Bench<'_>) -> Result<Chapter>;

/// All topics by name, in the order of the book.
pub(crate) const ALL: [(&str, Measure); 6] = [
    ("gateway", gateway::measure),
    ("events", events::measure),
    ("logons", logons::measure),
    ("spread", spread::measure),
    ("scale", scale::measure),
    ("failure", failure::measure),
];
