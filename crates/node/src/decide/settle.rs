//! Superseded and quarantined events: they count after all, or they are settled without.

use super::{Decide, Decision, Draft};
use crate::CommandError;
use hostler_events::payload::{Discarded, Reapplied};
use hostler_events::{Class, Event};
use hostler_model::limits;
use hostler_views::audit::{EventNameError, can_be_settled, event_short, find_event};
use hostler_views::{Entry, Lane, Timeline};

impl Decide<'_> {
    /// Re-applies an event, or discards it for a reason.
    pub(super) fn settle(&mut self, event: &str, discard: Option<&str>) -> Result<Decision, CommandError> {
        let entry = find(self.timeline, event)?;
        let (reference, name) = (entry.loaded.reference, event_short(&entry.loaded.reference));
        let invalid = |why: String| Err(CommandError::Invalid(why));
        match entry.lane {
            Lane::Applied => {
                return invalid(format!("event {name} counts already; to undo it: hostler log revert {name}"));
            }
            Lane::Orphaned => {
                return invalid(format!(
                    "event {name} waits for something that it needs and that does not count; re-apply that, and this \
                     one counts with it"
                ));
            }
            Lane::Superseded { .. } | Lane::Quarantined { .. } => {}
        }
        if !can_be_settled(&entry.loaded) {
            return invalid(format!(
                "event {name} is a promotion, a seal, a vote or a settlement: what it decided was decided then, and can \
                 only be done anew"
            ));
        }
        if let Some(settled) = self.site.settled.get(&reference) {
            let how = if settled.reapplied { "re-applied" } else { "discarded" };
            return invalid(format!("event {name} was {how} already, by event {}", event_short(&settled.by)));
        }
        let event = match discard {
            None => Event::Reapplied(Reapplied { event: reference }),
            Some(reason) => Event::Discarded(Discarded { event: reference, reason: reason_of(reason)? }),
        };
        let draft = Draft { event, bases: Vec::new(), class: Some(entry.loaded.header.class) };
        let decision = Decision { thing: entry.loaded.header.touches.first().copied(), ..Decision::default() };
        Ok(decision.with(draft))
    }
}

/// The class of the event that a text names; everyday where it names none, which whoever carries it out says.
pub(crate) fn class_of(timeline: &Timeline, event: &str) -> Class {
    find_event(timeline, event).map_or(Class::Everyday, |entry| entry.loaded.header.class)
}

pub(super) fn find<'a>(timeline: &'a Timeline, event: &str) -> Result<&'a Entry, CommandError> {
    find_event(timeline, event).map_err(|error| match &error {
        EventNameError::NotFound(name) => CommandError::NotFound { what: "event".to_string(), name: name.clone() },
        EventNameError::Ambiguous { .. } => CommandError::Invalid(error.to_string()),
    })
}

fn reason_of(text: &str) -> Result<String, CommandError> {
    let text = text.trim();
    let invalid = |why: &str| Err(CommandError::Invalid(why.to_string()));
    if text.is_empty() {
        return invalid("say why it is discarded: the log keeps it for those who ask later");
    }
    if text.len() > limits::TEXT_BYTES || text.chars().any(char::is_control) {
        return invalid("a reason is one line of at most 1024 bytes");
    }
    Ok(text.to_string())
}
