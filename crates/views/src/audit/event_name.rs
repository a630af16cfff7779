//! How people name an event.
//!
//! In full: `<broker>.<incarnation>-<random>.<place>.<hash>`. In short: `<broker>.<incarnation>/<place>`, where the broker
//! may be the beginning of its id or its name, and the incarnation may be left out where only one event fits.

use crate::{Entry, Timeline};
use hostler_events::EventRef;

/// The least part of a broker's id that names it.
const PREFIX: usize = 4;

/// Why a text names no event.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EventNameError {
    /// It fits none.
    #[error(
        "there is no event {0:?} in this log; names of events look like b1/12, or as `hostler log tail` shows them"
    )]
    NotFound(String),
    /// It fits several.
    #[error("{name:?} fits several events: {} and {}; give more of the name", event_short(.first), event_short(.second))]
    Ambiguous {
        /// As it was given.
        name: String,
        /// One that fits.
        first: Box<EventRef>,
        /// Another one.
        second: Box<EventRef>,
    },
}

/// An event's full name: good for ever, also where two events have one place.
#[must_use]
pub fn event_text(event: &EventRef) -> String {
    let incarnation = event.feed.incarnation;
    format!("{}.{}-{:x}.{}.{}", event.feed.broker, incarnation.ordinal, incarnation.random, event.seq, event.hash)
}

/// An event's short name, for tables.
#[must_use]
pub fn event_short(event: &EventRef) -> String {
    format!("{}.{}/{}", event.feed.broker.short(), event.feed.incarnation.ordinal, event.seq)
}

/// The event that a text names.
///
/// # Errors
/// Where it names none, or several.
pub fn find_event<'a>(timeline: &'a Timeline, text: &str) -> Result<&'a Entry, EventNameError> {
    let shown = || text.chars().take(hostler_model::limits::NAME_BYTES * 2).collect::<String>();
    let wanted = text.trim().to_ascii_lowercase();
    let fits: Box<dyn Fn(&EventRef) -> bool> = match wanted.rsplit_once('/') {
        None => Box::new(|event| event_text(event) == wanted),
        Some((feed, place)) => {
            let Ok(seq) = place.parse::<u64>() else { return Err(EventNameError::NotFound(shown())) };
            let feed = feed.to_string();
            Box::new(move |event| event.seq == seq && names_feed(timeline, &feed, event))
        }
    };
    let mut fitting = timeline.entries().iter().filter(|e| fits(&e.loaded.reference));
    match (fitting.next(), fitting.next()) {
        (Some(entry), None) => Ok(entry),
        (Some(first), Some(second)) => Err(EventNameError::Ambiguous {
            name: shown(),
            first: Box::new(first.loaded.reference),
            second: Box::new(second.loaded.reference),
        }),
        (None, _) => Err(EventNameError::NotFound(shown())),
    }
}

fn names_feed(timeline: &Timeline, text: &str, event: &EventRef) -> bool {
    let names_broker = |text: &str| {
        let name = timeline.state().brokers.get(&event.feed.broker).map(|b| b.name.key());
        (text.len() >= PREFIX && event.feed.broker.to_string().starts_with(text)) || name.as_deref() == Some(text)
    };
    let incarnation = event.feed.incarnation;
    let names_incarnation = |text: &str| {
        text == incarnation.ordinal.to_string() || text == format!("{}-{:x}", incarnation.ordinal, incarnation.random)
    };
    // A name may have dots in it.
    names_broker(text) || text.rsplit_once('.').is_some_and(|(b, i)| names_broker(b) && names_incarnation(i))
}
