//! All events of a farm, and the views as of any moment.

use crate::{Loaded, Views};
use hostler_model::Wall;
use std::sync::Arc;

/// All events of a farm that somebody has, in any order.
#[derive(Clone, Debug, Default)]
pub struct History {
    events: Vec<Arc<Loaded>>,
}

impl History {
    /// Of these events.
    #[must_use]
    pub fn new(events: Vec<Arc<Loaded>>) -> Self {
        Self { events }
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// True where there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The views of exactly those events whose hybrid time is `until` or before.
    ///
    /// That is what was the case then by all that is known now: an event that was written before `until` counts also
    /// where it reached this broker later, for instance because its author was cut off. What was decided later does not
    /// count: a promotion after `until` supersedes nothing yet. Hybrid time extends causality, so whatever an event
    /// rests on is there too.
    #[must_use]
    pub fn at(&self, until: Wall) -> Views {
        let mut views = Views::default();
        views.insert(self.events.iter().filter(|e| e.header.hlc.wall <= until).cloned());
        views
    }
}
